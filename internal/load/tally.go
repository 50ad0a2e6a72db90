// Package load measures a WebSocket hub from outside and checks its mail: what was sent, what arrived, what was
// lost, doubled or out of order, how late it was, and what it cost the server.
//
// It knows nothing of the hub but the protocol, so that what it says about the hub is what a stranger would see. It
// is built to cost less than what it measures: thousands of non-blocking sockets on one epoll loop (loop), frames
// that are masked once and then only re-stamped (letter), and a reading side that looks at a message's header and at
// its stamp and at nothing else.
//
// Run carries out a Plan. The sockets (crowd) are in one client process or in several; each takes orders and answers
// (Work), in the same way whether it is a goroutine here or a process of its own, so there is one engine for both.
package load

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Tally is what the checkers saw.
type Tally struct {
	Sent      int64 // messages published
	Expected  int64 // deliveries that had to follow from them
	Delivered int64 // deliveries that came, doubles included

	Lost       int64 // never came
	Duplicated int64 // came again
	Reordered  int64 // came after a later one of the same publisher
	Strays     int64 // came to a reader they were not for, or could not be read

	Errors map[string]int // error answers of the hub, by text
	Closes map[int]int    // sockets the server closed, by code; 1006 without a close frame
}

// Clean says whether every message arrived once, in order, and nothing else happened.
func (t Tally) Clean() bool {
	return t.Delivered == t.Expected && t.Lost+t.Duplicated+t.Reordered+t.Strays == 0 && len(t.Errors)+len(t.Closes) == 0
}

// String is the tally as one line; what is zero is left out, except lost.
func (t Tally) String() string {
	s := fmt.Sprintf("%d sent, %d of %d delivered, %d lost", t.Sent, t.Delivered, t.Expected, t.Lost)
	for _, part := range []struct {
		n    int64
		what string
	}{{t.Duplicated, "duplicated"}, {t.Reordered, "reordered"}, {t.Strays, "strays"}} {
		if part.n > 0 {
			s += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(t.Closes)) {
		s += fmt.Sprintf(", %d closed with %d", t.Closes[code], code)
	}
	for _, text := range slices.Sorted(maps.Keys(t.Errors)) {
		s += fmt.Sprintf(", %d× %s", t.Errors[text], text)
	}
	return s
}

// add puts another process's tally to it.
func (t *Tally) add(o Tally) {
	t.Sent += o.Sent
	t.Expected += o.Expected
	t.Delivered += o.Delivered
	t.Lost += o.Lost
	t.Duplicated += o.Duplicated
	t.Reordered += o.Reordered
	t.Strays += o.Strays
	for text, n := range o.Errors {
		if t.Errors == nil {
			t.Errors = map[string]int{}
		}
		t.Errors[text] += n
	}
	for code, n := range o.Closes {
		if t.Closes == nil {
			t.Closes = map[int]int{}
		}
		t.Closes[code] += n
	}
}

// Latency is how late messages were, counted from when they should have been sent.
type Latency struct{ P50, P90, P99, P999, Max time.Duration }

func latency(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	q := func(p float64) time.Duration { return us(h.ValueAtQuantile(p)) }
	return Latency{P50: q(50), P90: q(90), P99: q(99), P999: q(99.9), Max: us(h.Max())}
}

// Cost is the CPU, user and system, that both sides took for a number of messages.
type Cost struct {
	Messages int64
	Server   time.Duration // 0 if its process is not known
	Client   time.Duration // ours
}

// ServerEach is the server's share of one message.
func (c Cost) ServerEach() time.Duration { return each(c.Server, c.Messages) }

// ClientEach is our own share of one message. Where it is above the server's, the figures say more about this
// package than about the server.
func (c Cost) ClientEach() time.Duration { return each(c.Client, c.Messages) }

func each(d time.Duration, n int64) time.Duration {
	if n == 0 {
		return 0
	}
	return d / time.Duration(n)
}
