package load

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// StallOptions describes one room in which messages are published by schedule while one more member stops reading.
// The zero value of a field is its default.
type StallOptions struct {
	Members    int           // beside the one that stops; default 50
	Publishers int           // of them, in turn; default 10, or all if there are fewer
	Size       int           // of a payload, in bytes; default 128
	Rate       float64       // messages a second; default 1000
	Receive    int           // size of its receive buffer, so that the kernel does not read in its place; default 4096
	WarmUp     time.Duration // not measured; default 1 s
	Stop       time.Duration // how long it does not read; default none, it reads all the time
	Duration   time.Duration // measured, from the stop on; default Stop and 2 s more. If it is not above Stop, it never reads again
}

// StallResult is what came of it.
type StallResult struct {
	Mail    Tally   // of the others
	Latency Latency // of the others
	Cost    Cost    // of a delivery, to the others
	Stalled Stalled
	Before  int64 // the server's memory before the stop
	Most    int64 // and the most of it afterwards
	Behind  time.Duration
}

// Stalled is what the member that stopped saw.
type Stalled struct {
	Sent     int64 // messages of the room
	Received int64
	Gaps     int64 // gap frames, each exactly where and as long as what is missing
	Gone     int64 // messages they announced
	// Kept is how many of the messages sent when the last gap frame came were behind it: as many as the room
	// retains, and those that were sent while the gap was under way. Fewer means that it announced too much.
	Kept     int64
	Silent   int64         // messages neither received nor announced
	Repeated int64         // received again, or out of order
	Wrong    int64         // gap frames that do not fit
	CaughtUp time.Duration // from when it read again until it had all that was sent by then
	Closed   int           // the code it was closed with, 0 if it was not
}

func (o *StallOptions) defaults() {
	setDefault(&o.Members, 50)
	setDefault(&o.Publishers, min(10, o.Members))
	setDefault(&o.Size, 128)
	setDefault(&o.Rate, 1000)
	setDefault(&o.Receive, 4096)
	setDefault(&o.WarmUp, time.Second)
	setDefault(&o.Duration, o.Stop+2*time.Second)
}

// stall is the state of a run.
type stall struct {
	*crowd
	lazy    *conn
	pid     int           // of the server
	log     offsets       // what the lazy one saw
	base    int64         // the room's last offset before the run
	kept    int64         // see Stalled
	resumed time.Duration // when it read again
	owed    int64         // the last offset that was sent by then
	caught  time.Duration
	most    int64         // memory
	sample  time.Duration // when it is looked at again
}

// Target is a server to measure, without the rest of a Plan.
type Target struct {
	URL  string
	PID  int    // its process, if it runs on this machine; 0: there are no figures of it
	Name string // as in Plan
}

// Stall measures what a member that stops reading does to the others, and what it gets when it reads again.
func Stall(ctx context.Context, t Target, o StallOptions) (r StallResult, err error) {
	o.defaults()
	p := Plan{Mode: Fanout, URLs: []string{t.URL}, Name: t.Name, Members: o.Members, Publishers: o.Publishers, Size: o.Size, Rate: o.Rate}
	if err := p.Complete(); err != nil {
		return r, err
	}
	c, err := newCrowd(ctx, share{Plan: p, Of: 1})
	if err != nil {
		return r, err
	}
	defer c.close()
	s := &stall{crowd: c, pid: t.PID, lazy: c.add(o.Members)}
	c.onMessage = s.message
	if err := c.enter(ctx, c.members, now(), 0); err != nil {
		return r, err
	}
	if err := c.enter(ctx, []*conn{s.lazy}, now(), o.Receive); err != nil {
		return r, err
	}
	if err := c.join(ctx, append(slices.Clone(c.members), s.lazy)); err != nil {
		return r, err
	}
	s.base = s.log.last
	if err := s.play(ctx, &r, o); err != nil {
		return r, err
	}
	r.Mail, r.Latency, r.Behind, r.Most = c.count(), latency(c.late), latency(c.behind).P99, s.most
	r.Stalled = Stalled{
		Sent: c.tally.Sent, Received: s.log.received, Gaps: s.log.gaps, Gone: s.log.gone, Kept: s.kept, Silent: s.log.missing,
		Repeated: s.log.repeated, Wrong: s.log.wrongGaps, CaughtUp: s.caught, Closed: s.lazy.code,
	}
	if r.Mail.Delivered == 0 {
		return r, fmt.Errorf("stall: nothing was delivered: %s", r.Mail)
	}
	return r, nil
}

// play is the run itself: warm-up, the stop, what follows it, and the rest of the mail.
func (s *stall) play(ctx context.Context, r *StallResult, o StallOptions) error {
	p, start := pace{rate: o.Rate}, now()
	warm, stopped := lasting(o.Rate, o.WarmUp).total, lasting(o.Rate, o.WarmUp+min(o.Stop, o.Duration)).total
	total := lasting(o.Rate, o.WarmUp+o.Duration).total
	if err := s.crowd.play(ctx, p, start, 0, warm); err != nil {
		return err
	}
	var err error
	if r.Before, err = (process{s.pid}).rss(); err != nil {
		return err
	}
	s.onTurn = s.lookAtMemory
	s.measure(start + p.at(warm))
	before := s.tally.Delivered
	m, err := newMeter([]int{s.pid}, []int{os.Getpid()})
	if err != nil {
		return err
	}
	if o.Stop > 0 {
		s.pause(s.lazy, true)
	}
	if err := s.crowd.play(ctx, p, start, warm, stopped); err != nil {
		return err
	}
	reads := o.Stop < o.Duration
	if o.Stop > 0 && reads {
		s.resumed, s.owed = now(), s.newest()
		// The small buffer was for the stop. Now it would measure itself: a window of 2 KB takes a second for what the
		// room says in one.
		if err := widen(s.lazy.fd); err != nil && s.lazy.state != closed {
			return fmt.Errorf("SO_RCVBUF: %w", err)
		}
		s.pause(s.lazy, false)
	}
	if err := s.crowd.play(ctx, p, start, stopped, total); err != nil {
		return err
	}
	if err := s.drain(ctx); err != nil {
		return err
	}
	if r.Cost, _, err = m.stop(s.tally.Delivered - before); err != nil {
		return err
	}
	if !reads {
		return nil
	}
	// What it still lacks is in the result; a limit keeps a hub that forgot it from keeping us.
	for end := now() + 5*time.Second; s.log.last < s.newest() && s.lazy.state != closed && now() < end; {
		if err := s.turn(ctx, now()+100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// newest is the offset of the last message sent, which the hub may not have yet.
func (s *stall) newest() int64 { return s.base + s.tally.Sent }

// message takes the lazy one's apart from the others'.
func (s *stall) message(m *conn, payload []byte, at time.Duration) {
	if m != s.lazy || !s.look(payload, at) {
		s.crowd.message(m, payload, at)
	}
}

// look follows the log as the lazy member sees it, and says whether this was a part of that.
func (s *stall) look(payload []byte, at time.Duration) bool {
	switch frameType(payload) {
	case "message":
		s.log.message(payload)
	case "gap":
		s.log.gap(payload)
		s.kept = s.newest() - s.log.last
	case "joined":
		s.log.last = max(0, field(payload, `"offset":`))
		return false
	default:
		return false
	}
	if s.resumed > 0 && s.caught == 0 && s.log.last >= s.owed {
		s.caught = at - s.resumed
	}
	return true
}

// lookAtMemory samples the server's memory ten times a second.
func (s *stall) lookAtMemory() error {
	if now() < s.sample {
		return nil
	}
	s.sample = now() + 100*time.Millisecond
	rss, err := process{s.pid}.rss()
	s.most = max(s.most, rss)
	return err
}
