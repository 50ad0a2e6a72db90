package load

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// EchoOptions describes sockets that each send a message, wait for it to come back, and send the next. The zero value
// of a field is its default.
type EchoOptions struct {
	Sockets  int           // default 100
	Size     int           // of a message, in bytes; default 128, at least 32
	Prefix   string        // what the server puts before it; default "Echo: "
	WarmUp   time.Duration // not measured; default 500 ms
	Duration time.Duration // measured; default 3 s
}

// EchoResult is what came of it.
type EchoResult struct {
	Mail      Tally
	Latency   Latency // of a round trip
	Cost      Cost    // of a message and its echo
	PerSecond float64 // messages and their echoes
}

func (o *EchoOptions) defaults() {
	setDefault(&o.Sockets, 100)
	setDefault(&o.Size, 128)
	setDefault(&o.Prefix, "Echo: ")
	setDefault(&o.WarmUp, 500*time.Millisecond)
	setDefault(&o.Duration, 3*time.Second)
	o.Size = max(o.Size, stampSize)
}

// echoes is the state of a run.
type echoes struct {
	*loop
	prefix []byte
	letter *letter
	tally  Tally
	late   *hdrhistogram.Histogram
	over   bool // nobody sends any more
}

// Echo measures what a message there and back costs, as fast as the server goes with so many sockets.
func Echo(ctx context.Context, t Target, o EchoOptions) (r EchoResult, err error) {
	o.defaults()
	l, err := newLoop(ctx, t, "")
	if err != nil {
		return r, err
	}
	defer l.close()
	e := &echoes{loop: l, prefix: []byte(o.Prefix), letter: newLetter("", o.Size, ""), late: newHistogram()}
	e.tally.Closes = l.closes
	l.onMessage = e.message
	if err := l.dial(ctx, o.Sockets, connOptions{}); err != nil {
		return r, err
	}
	for _, c := range l.conns {
		e.next(c)
	}
	if err := l.rest(ctx, o.WarmUp); err != nil {
		return r, err
	}
	e.late.Reset()
	m, before, start := newMeter(t.PID), e.tally.Delivered, now()
	if err := m.start(); err != nil {
		return r, err
	}
	if err := l.rest(ctx, o.Duration); err != nil {
		return r, err
	}
	measured := e.tally.Delivered - before
	if r.Cost, err = m.stop(measured); err != nil {
		return r, err
	}
	r.PerSecond, r.Latency = float64(measured)/(now()-start).Seconds(), latency(e.late)

	e.over = true
	for end := now() + time.Second; e.tally.Delivered < e.tally.Sent && now() < end; {
		if err := l.turn(ctx, end); err != nil {
			return r, err
		}
	}
	e.tally.Expected = e.tally.Sent
	e.tally.Lost = max(e.tally.Sent-e.tally.Delivered, 0)
	if r.Mail = e.tally; measured == 0 {
		return r, fmt.Errorf("echo: nothing came back: %s", r.Mail)
	}
	return r, nil
}

// next sends a socket's next message.
func (e *echoes) next(c *conn) {
	e.send(c, e.letter.stamped(stamp{publisher: uint32(c.id), number: c.sent, due: now()}))
	c.sent++
	e.tally.Sent++
}

// message checks an echo: it is the one that was sent last, whole, behind the prefix.
func (e *echoes) message(c *conn, payload []byte, at time.Duration) {
	e.tally.Delivered++
	where := len(e.prefix)
	s, found := findStamp(payload, &where)
	size := len(e.letter.frame) - e.letter.stampAt
	switch {
	case !found || where != len(e.prefix) || !bytes.HasPrefix(payload, e.prefix) || len(payload) != where+size || int(s.publisher) != c.id:
		e.tally.Strays++
	case s.number+1 < c.sent:
		e.tally.Duplicated++
	case s.number+1 > c.sent:
		e.tally.Strays++
	default:
		record(e.late, at-s.due)
	}
	if !e.over {
		e.next(c)
	}
}
