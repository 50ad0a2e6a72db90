package load

import (
	"errors"
	"fmt"
	"time"

	"hubbub/internal/load/dialect"
)

// Mode is a kind of measurement.
type Mode string

// The modes. Echo and Fanout publish and measure deliveries, Idle holds sockets open, Storm lets everybody come back at once,
// Soak is a fan-out for hours in which some come and go.
const (
	Echo   Mode = "echo"
	Fanout Mode = "fanout"
	Idle   Mode = "idle"
	Storm  Mode = "storm"
	Soak   Mode = "soak"
)

// Plan is one measurement. The zero value of most fields is a default of its mode, which Complete puts in.
type Plan struct {
	Mode    Mode
	URLs    []string        // of the instances, ws://HOST:PORT; the members of a room are spread over all of them
	Name    string          // begins every client id and every room: two runs at the same time need two. Default "load"
	Dialect dialect.Dialect // default: the hub's own for the mode

	Rooms      int     // default 1; for Echo as many as sockets
	Members    int     // of a room; default 1000; for Echo 1
	Publishers int     // of a room's members; default 10, or all if there are fewer
	Size       int     // of a payload in bytes; default 128, at least 32
	Rate       float64 // messages a second into each room, by schedule; 0: a closed loop
	InFlight   int     // of a closed loop: publications a room has under way; default 4, for Echo 1
	Each       int     // of a closed loop: messages of each publisher; 0: until the time is over
	Ramp       float64 // connects a second, by schedule; 0: as fast as they are taken
	Missed     int     // Storm: messages that each member missed; default 100
	Churn      int     // Soak: how many members come and go; default one in 50

	WarmUp   time.Duration // not measured; default 2 s
	Duration time.Duration // measured; default 10 s
	Rest     time.Duration // Idle and Soak: of silence before memory is measured; default 5 s
	Grace    time.Duration // how long nothing may come before what has not come is lost; default 3 s

	Processes int      // that hold the sockets; 0: this one, or as many as their files need
	Client    []string // how one is started: a command that calls Work
	ServerPID []int    // the servers, if they run on this machine: the source of CPU and memory figures
}

// Sockets is how many members there are.
func (p *Plan) Sockets() int { return p.Rooms * p.Members }

// Misuse is an error of who asked and not of the server or of the measurement: asking again in the same way will not help.
type Misuse struct{ Err error }

func (m Misuse) Error() string { return m.Err.Error() }

// Unwrap gives what is wrong.
func (m Misuse) Unwrap() error { return m.Err }

func misuse(format string, args ...any) error { return Misuse{fmt.Errorf(format, args...)} }

// Complete puts in the defaults and says what cannot be. It is an error of type Misuse.
func (p *Plan) Complete() error {
	if p.Dialect.Publish == "" {
		p.Dialect = dialect.Hubbub
		if p.Mode == Echo {
			p.Dialect = dialect.HubbubEcho
		}
	}
	p.defaults()
	d := &p.Dialect
	switch {
	case p.Rooms < 1 || p.Members < 1:
		return misuse("%d rooms of %d members: at least one of one is needed", p.Rooms, p.Members)
	case p.Publishers < 1 || p.Publishers > p.Members:
		return misuse("%d of a room's %d members cannot publish", p.Publishers, p.Members)
	case p.Size < stampSize:
		return misuse("a payload of %d bytes has no room for its number: at least %d", p.Size, stampSize)
	case p.Rate < 0 || p.Ramp < 0 || p.InFlight < 0 || p.Missed < 0 || p.Each < 0 || p.Processes < 0 || p.Duration < 0 || p.WarmUp < 0:
		return misuse("no figure of a measurement is below 0")
	case p.Sockets() >= 1<<24:
		return misuse("%d sockets are more than messages can be numbered for", p.Sockets())
	case p.Mode == Storm && !d.Recovers:
		return misuse("a storm needs the dialect hubbub: nothing in %s says how to resume", d.Name)
	case d.Echoes() && p.Members > 1:
		return misuse("%s has no rooms: measure it with echo", d.Name)
	case d.OneRoom() && p.Rooms > 1:
		return misuse("%s has one room, not %d", d.Name, p.Rooms)
	case !d.HearsItself() && p.Members == 1:
		return misuse("in %s nobody hears himself: a room needs two members", d.Name)
	}
	if len(p.URLs) == 0 {
		return Misuse{errors.New("no URL")}
	}
	return nil
}

func (p *Plan) defaults() {
	setDefault(&p.Name, "load")
	setDefault(&p.WarmUp, 2*time.Second)
	setDefault(&p.Duration, 10*time.Second)
	setDefault(&p.Rest, 5*time.Second)
	setDefault(&p.Grace, 3*time.Second)
	setDefault(&p.Size, 128)
	if p.Mode == Echo {
		setDefault(&p.Rooms, 100)
		setDefault(&p.Members, 1)
		setDefault(&p.InFlight, 1)
	}
	setDefault(&p.Rooms, 1)
	setDefault(&p.Members, 1000)
	setDefault(&p.Publishers, min(10, p.Members))
	setDefault(&p.InFlight, 4)
	setDefault(&p.Missed, 100)
	if p.Mode == Storm {
		p.Publishers = 1 // who publishes is no member: see crowd.missed
	}
	if p.Mode == Soak && p.Dialect.Recovers {
		setDefault(&p.Churn, max(1, p.Sockets()/50))
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
