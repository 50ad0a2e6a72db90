package load

import (
	"context"
	"fmt"
	"time"
)

// IdleOptions describes sockets that are open and silent. The zero value of a field is its default.
type IdleOptions struct {
	Sockets  int           // default 10,000
	Rooms    int           // that they are spread over; default 100
	Messages int           // that each publishes to its room for the second figure; default 10
	Size     int           // of a payload, in bytes; default 128
	Rest     time.Duration // from the last message to each figure; default 10 s
}

// IdleResult is what a socket costs. Memory is (RSS − RSS before the first socket) / sockets, in bytes.
type IdleResult struct {
	Mail      Tally
	Connects  float64 // a second, with their welcome
	Connect   Cost    // of one
	Join      Cost    // of one
	Joined    int64   // memory of a socket that has joined a room
	Published int64   // memory of a socket after everyone has published
	Delivery  Cost    // of one, while everyone published
	Before    int64   // the server's memory before the first socket
}

func (o *IdleOptions) defaults() {
	setDefault(&o.Sockets, 10_000)
	setDefault(&o.Rooms, min(100, o.Sockets))
	setDefault(&o.Messages, 10)
	setDefault(&o.Size, 128)
	setDefault(&o.Rest, 10*time.Second)
}

// Idle opens sockets that join rooms in the JSON dialect, and measures what they hold before and after they spoke. A room gets Sockets/Rooms
// members; what is left over is not opened.
func Idle(ctx context.Context, t Target, o IdleOptions) (r IdleResult, err error) {
	o.defaults()
	members := o.Sockets / o.Rooms
	c, err := newCrowd(ctx, t, crowdOptions{JSON, o.Rooms, members, members, o.Size})
	if err != nil {
		return r, err
	}
	defer c.close()
	if r.Before, err = (process{t.PID}).rss(); err != nil {
		return r, err
	}

	n := o.Rooms * members
	if err := c.settle(ctx, &r, n, o.Rest); err != nil {
		return r, err
	}
	if r.Joined, err = c.memory(r.Before, n); err != nil {
		return r, err
	}
	if r.Delivery, err = c.converse(ctx, o.Messages); err != nil {
		return r, err
	}
	if err := c.rest(ctx, o.Rest); err != nil {
		return r, err
	}
	if r.Published, err = c.memory(r.Before, n); err != nil {
		return r, err
	}
	if r.Mail = c.count(c.conns); c.open < n {
		return r, fmt.Errorf("idle: %d of %d sockets are left%s", c.open, n, c.closings())
	}
	return r, nil
}

// settle opens n sockets, lets them join and rests.
func (c *crowd) settle(ctx context.Context, r *IdleResult, n int, rest time.Duration) error {
	steps := []struct {
		cost *Cost
		do   func() error
	}{
		{&r.Connect, func() error { return c.enter(ctx, n, connOptions{}) }},
		{&r.Join, func() error { return c.join(ctx, n) }},
	}
	for i, step := range steps {
		m, start := newMeter(c.pid), now()
		if err := m.start(); err != nil {
			return err
		}
		if err := step.do(); err != nil {
			return err
		}
		if i == 0 {
			r.Connects = float64(n) / (now() - start).Seconds()
		}
		var err error
		if *step.cost, err = m.stop(int64(n)); err != nil {
			return err
		}
	}
	return c.rest(ctx, rest)
}

// memory is what the server holds for one of n sockets.
func (c *crowd) memory(before int64, n int) (int64, error) {
	after, err := process{c.pid}.rss()
	return (after - before) / int64(n), err
}

// converse lets every member publish some messages. A closed loop: the members of a room send one each, and another
// room follows when most of what is on its way has arrived. What is measured afterwards is what the messages leave
// behind, so they come as fast as the server likes, and no faster.
func (c *crowd) converse(ctx context.Context, messages int) (cost Cost, err error) {
	m := newMeter(c.pid)
	if err := m.start(); err != nil {
		return cost, err
	}
	room, rooms := 0, messages*c.rooms
	flight := int64(2 * c.members * c.members)
	left := func() int { return (rooms-room)*c.members*c.members + int(c.missing()) }
	err = c.turnUntil(ctx, "everyone publishes", left, func() error {
		for ; room < rooms && c.missing() < flight; room++ {
			at := now()
			for p := room % c.rooms; p < len(c.sent); p += c.rooms {
				c.publish(p, at)
			}
		}
		return nil
	})
	if err != nil {
		return cost, err
	}
	return m.stop(c.tally.Delivered)
}
