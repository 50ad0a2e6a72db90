package load

import (
	"context"
	"fmt"
	"time"
)

// FanoutOptions describes rooms in which messages are published by schedule. The zero value of a field is its default.
type FanoutOptions struct {
	Dialect    Dialect
	Rooms      int           // default 1
	Members    int           // of each room; default 1000
	Publishers int           // of each room's members, in turn; default 10, or all if there are fewer
	Size       int           // of a payload, in bytes; default 128, at least 32
	Rate       float64       // messages a second into each room; default 200
	WarmUp     time.Duration // not measured; default 2 s
	Duration   time.Duration // measured; default 10 s
	Grace      time.Duration // how long nothing may come before what has not come is lost; default 3 s
}

// FanoutResult is what came of it. The mail counts the warm-up too, everything else does not.
type FanoutResult struct {
	Mail    Tally
	Latency Latency
	Cost    Cost          // of a delivery
	Behind  time.Duration // how late we ourselves sent, p99: no part of the server's latency is below it
}

func (o *FanoutOptions) defaults() {
	setDefault(&o.Rooms, 1)
	setDefault(&o.Members, 1000)
	setDefault(&o.Publishers, min(10, o.Members))
	setDefault(&o.Size, 128)
	setDefault(&o.Rate, 200)
	setDefault(&o.WarmUp, 2*time.Second)
	setDefault(&o.Duration, 10*time.Second)
	setDefault(&o.Grace, 3*time.Second)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Fanout measures what a delivery costs and how late it is.
func Fanout(ctx context.Context, t Target, o FanoutOptions) (r FanoutResult, err error) {
	o.defaults()
	c, err := newCrowd(ctx, t, crowdOptions{o.Dialect, o.Rooms, o.Members, o.Publishers, o.Size})
	if err != nil {
		return r, err
	}
	defer c.close()
	n := o.Rooms * o.Members
	if err := c.enter(ctx, n, connOptions{}); err != nil {
		return r, err
	}
	if err := c.join(ctx, n); err != nil {
		return r, err
	}

	rate := o.Rate * float64(o.Rooms)
	warm, total := lasting(rate, o.WarmUp).total, lasting(rate, o.WarmUp+o.Duration).total
	p, start := pace{rate: rate}, now()
	if err := c.play(ctx, p, start, 0, warm); err != nil {
		return r, err
	}
	c.measured = start + p.at(warm)
	c.behind.Reset()
	before, m := c.tally.Delivered, newMeter(t.PID)
	if err := m.start(); err != nil {
		return r, err
	}
	if err := c.play(ctx, p, start, warm, total); err != nil {
		return r, err
	}
	if err := c.drain(ctx, o.Grace); err != nil {
		return r, err
	}
	if r.Cost, err = m.stop(c.tally.Delivered - before); err != nil {
		return r, err
	}
	r.Mail, r.Latency, r.Behind = c.count(c.conns), latency(c.late), latency(c.behind).P99
	if r.Mail.Delivered == 0 {
		return r, fmt.Errorf("fan-out: nothing was delivered: %s", r.Mail)
	}
	return r, nil
}
