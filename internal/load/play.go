package load

import (
	"context"
	"time"
)

// measure makes what is due from now on count.
func (c *crowd) measure(from time.Duration) {
	c.measured = from
	c.behind.Reset()
	c.late.Reset()
}

// play sends the messages from k up to, not including, end of an open loop that began at a time, and reads what comes. It is the
// schedule of all processes, of which the messages of our own publishers are sent here: publisher k mod publishers sends
// message k.
func (c *crowd) play(ctx context.Context, p pace, start time.Duration, k, end int) error {
	all := len(c.sent)
	if len(c.own) == 0 {
		p.total = end
		return c.rest(ctx, start+p.at(end)-now())
	}
	// j counts our own messages; own is ascending, so theirs are the numbers k in order, too.
	at := func(j int) int { return j/len(c.own)*all + c.own[j%len(c.own)] }
	j := k / all * len(c.own)
	for ; at(j) < k; j++ { // at most one round of publishers
	}
	// Who is late sends a few at a time, and reads in between: a server that cannot write may not read either.
	for burst := 0; at(j) < end && !c.stop(); {
		due := start + p.at(at(j))
		if wait := due - now(); wait > 0 || burst == 32 {
			burst = 0
			if err := c.turn(ctx, min(due, now()+turnTime)); err != nil {
				return err
			}
			continue
		}
		record(c.behind, now()-due)
		c.publish(c.own[j%len(c.own)], due)
		j++
		burst++
	}
	return nil
}

// cycle is a closed loop until a time: each room has so many publications of ours under way, and another follows when everybody
// here has one. What is lost would stop it for ever; after the grace it is taken for lost, and the loop goes on.
func (c *crowd) cycle(ctx context.Context, until time.Duration) error {
	most := -1
	if c.Plan.Each > 0 {
		most = c.Plan.Each
	}
	got, progress := int64(-1), now()
	for now() < until && !c.stop() {
		idle := true
		for i := range c.rooms {
			if c.next(&c.rooms[i], most) {
				idle = false
			}
		}
		if idle && most > 0 {
			return nil
		}
		if got != c.tally.Delivered {
			got, progress = c.tally.Delivered, now()
		}
		if now()-progress > c.Plan.Grace {
			for i := range c.rooms {
				c.rooms[i].flight = c.rooms[i].flight[:0]
			}
			progress = now()
		}
		if err := c.turn(ctx, min(until, now()+turnTime)); err != nil {
			return err
		}
	}
	return nil
}

// next fills a room's slots, and says whether it has anything left to do: messages to send or to wait for.
func (c *crowd) next(r *room, each int) bool {
	if len(r.own) == 0 {
		return false
	}
	for len(r.flight) < r.slots {
		if each > 0 && r.sent >= each*len(r.own) {
			return len(r.flight) > 0
		}
		p := r.own[r.sent%len(r.own)]
		r.flight = append(r.flight, underWay{p, c.sent[p], r.hears})
		c.publish(p, now())
	}
	return true
}

// drain reads until everything has come, or nothing has for a while.
func (c *crowd) drain(ctx context.Context) error {
	for seen, progress := c.missing(), now(); c.missing() > 0 && now()-progress < c.Plan.Grace; {
		if err := c.turn(ctx, now()+turnTime); err != nil {
			return err
		}
		if seen != c.missing() {
			seen, progress = c.missing(), now()
		}
	}
	return nil
}
