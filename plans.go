package main

import (
	"cmp"
	"fmt"
	"time"

	"hubbub/internal/config"
	"hubbub/internal/load"
	"hubbub/internal/load/dialect"
)

// dialectOf is how the server that shall be measured speaks.
func dialectOf(o *config.Bench) (dialect.Dialect, error) {
	switch {
	case o.Template != "":
		return dialect.Read(o.Template)
	case o.Dialect == "template":
		return dialect.Dialect{}, fmt.Errorf("bench: --dialect template needs the file: --template examples/bench/centrifugo.yaml, say")
	}
	for _, d := range []dialect.Dialect{dialect.Hubbub, dialect.Pipe, dialect.PlainEcho, dialect.Broadcast} {
		if d.Name == o.Dialect {
			return d, nil
		}
	}
	return dialect.Dialect{}, fmt.Errorf("bench: there is no dialect %q: choose hubbub, pipe, plain-echo, broadcast or template", o.Dialect)
}

// plans are the measurements of a mode: one, or those of the tour that the dialect can take part in.
func plans(o *config.Bench, mode string, d dialect.Dialect) ([]load.Plan, error) {
	switch mode {
	case "echo", "fanout", "idle", "storm", "soak":
		return []load.Plan{plan(o, load.Mode(mode), d)}, nil
	case "all":
	default:
		return nil, fmt.Errorf("bench: there is no mode %q: choose echo, fanout, idle, storm, soak or all, or name a URL like ws://localhost:8080", mode)
	}
	tour := []load.Plan{plan(o, load.Idle, d)}
	// Without --sockets, as many as there can be: the tour is for finding out what the machine holds.
	if most := load.MostSockets(); o.Sockets == 0 && o.Members == 0 && tour[0].Sockets() > most {
		fit(&tour[0], most)
	}
	if d.Echoes() || d.Name == "hubbub" {
		tour = append(tour, plan(o, load.Echo, d))
	}
	if d.Echoes() {
		return tour, nil
	}
	open, closed := *o, *o
	open.InFlight, closed.Rate, closed.InFlight = 0, 0, cmp.Or(o.InFlight, 4)
	tour = append(tour, plan(&open, load.Fanout, d), plan(&closed, load.Fanout, d))
	if o.Rooms+o.Members+o.Sockets == 0 && !d.OneRoom() {
		closed.Rooms, closed.Members = 20, 50
		tour = append(tour, plan(&closed, load.Fanout, d))
	}
	if d.Recovers {
		storm := plan(o, load.Storm, d)
		if o.Sockets == 0 && o.Members == 0 {
			fit(&storm, min(5000, load.MostSockets()))
		}
		tour = append(tour, storm)
	}
	return tour, nil
}

// fit makes a plan one of so many sockets at most.
func fit(p *load.Plan, most int) {
	p.Rooms = min(p.Rooms, max(most, 1))
	p.Members = max(min(p.Members, most/p.Rooms), 1)
}

// plan is one measurement, with what was not asked for as the mode has it.
func plan(o *config.Bench, mode load.Mode, d dialect.Dialect) load.Plan {
	p := load.Plan{
		Mode: mode, Dialect: d, Publishers: o.Publishers, Size: o.Size, Rate: o.Rate, InFlight: o.InFlight, Ramp: o.Ramp, Missed: o.Messages,
		Processes: o.Processes, WarmUp: o.WarmUp, Duration: cmp.Or(o.Duration, 20*time.Second), Grace: o.Grace,
	}
	sockets, rooms := 1000, 1
	switch mode {
	case load.Echo:
		sockets, p.Rate = 100, 0
		if d.Name == "hubbub" {
			p.Dialect = dialect.HubbubEcho
		}
		rooms = cmp.Or(o.Sockets, o.Rooms, sockets)
	case load.Idle:
		sockets, rooms = 10_000, 100
		p.Rate, p.Each = 0, o.Messages
	case load.Storm:
		sockets, rooms = 10_000, 100
		p.Rate = 0
	case load.Soak:
		p.Duration = cmp.Or(o.Duration, time.Hour)
		if o.InFlight == 0 {
			p.Rate = cmp.Or(o.Rate, 20)
		}
	case load.Fanout:
		if o.InFlight == 0 {
			p.Rate = cmp.Or(o.Rate, 200)
		}
	}
	sockets, rooms = cmp.Or(o.Sockets, sockets), cmp.Or(o.Rooms, rooms)
	switch {
	case p.Dialect.Echoes():
		rooms = cmp.Or(o.Sockets, o.Rooms, sockets)
	case p.Dialect.OneRoom() && o.Rooms == 0:
		rooms = 1
	}
	rooms = min(rooms, sockets)
	p.Rooms, p.Members = rooms, cmp.Or(o.Members, (sockets+rooms-1)/rooms)
	if p.Each > 0 {
		p.Publishers = p.Members
	}
	return p
}
