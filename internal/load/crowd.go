package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Dialect is how a crowd's sockets speak.
type Dialect uint8

const (
	JSON Dialect = iota // hubbub.v1: join, publish
	Pipe                // ?room=R: a frame is the payload
)

// protocolJSON is the JSON dialect's name in Sec-WebSocket-Protocol.
const protocolJSON = "hubbub.v1"

// crowd is rooms full of members, some of which publish, all of which check what they get. Member i is in room i mod
// rooms, and the first publishers × rooms members publish.
type crowd struct {
	*loop
	dialect    Dialect
	rooms      int
	members    int // of a room
	publishers int // of a room
	size       int // of a payload

	welcomed, joined int
	letters          []*letter // one a room
	sent             []uint32  // messages by publisher
	hint             int       // see findStamp

	tally    Tally
	measured time.Duration           // messages due from here on go into the histogram; 0: none
	late     *hdrhistogram.Histogram // deliveries, in µs after they were due
	behind   *hdrhistogram.Histogram // our own sending, in µs after it was due

	// watch is asked about every message of the members that are watched, before anything else, and says
	// whether it is one that the others' figures shall not count.
	watch func(c *conn, payload []byte, at time.Duration) (apart bool)
}

// crowdOptions is the part of a scenario's options that says who is there.
type crowdOptions struct {
	dialect                          Dialect
	rooms, members, publishers, size int
}

func newCrowd(ctx context.Context, t Target, o crowdOptions) (*crowd, error) {
	if o.rooms < 1 || o.members < 1 || o.publishers < 1 || o.publishers > o.members {
		return nil, fmt.Errorf("%d rooms of %d members, of which %d publish: there is none such", o.rooms, o.members, o.publishers)
	}
	protocol := protocolJSON
	if o.dialect == Pipe {
		protocol = ""
	}
	l, err := newLoop(ctx, t, protocol)
	if err != nil {
		return nil, err
	}
	c := &crowd{
		loop: l, dialect: o.dialect, rooms: o.rooms, members: o.members, publishers: o.publishers, size: o.size,
		sent: make([]uint32, o.rooms*o.publishers), late: newHistogram(), behind: newHistogram(),
	}
	c.tally.Errors, c.tally.Closes = map[string]int{}, l.closes
	for room := range o.rooms {
		head, tail := `{"type":"publish","room":`+strconv.Quote(c.room(room))+`,"data":"`, `"}`
		if o.dialect == Pipe {
			head, tail = "", ""
		}
		c.letters = append(c.letters, newLetter(head, o.size, tail))
	}
	l.onMessage = c.message
	if o.dialect == Pipe {
		l.query = func(m *conn) string { return "?room=" + url.QueryEscape(c.room(m.id%c.rooms)) }
	}
	return c, nil
}

// newHistogram counts microseconds up to a minute, in three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

// record notes a time; what is beyond the histogram's range is noted as its end.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), h.HighestTrackableValue()))
}

func latency(h *hdrhistogram.Histogram) Latency {
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	return Latency{P50: us(h.ValueAtQuantile(50)), P99: us(h.ValueAtQuantile(99)), Max: us(h.Max())}
}

// room is the name of one.
func (c *crowd) room(i int) string { return c.to.name + "-room-" + strconv.Itoa(i) }

// enter opens n sockets and waits until the hub has greeted them.
func (c *crowd) enter(ctx context.Context, n int, o connOptions) error {
	if err := c.dial(ctx, n, o); err != nil {
		return err
	}
	for _, m := range c.conns[len(c.conns)-n:] {
		m.seen = make([]sequence, c.publishers)
	}
	if c.dialect == Pipe {
		return nil
	}
	return c.turnUntil(ctx, "waiting for welcome", func() int { return len(c.conns) - c.welcomed }, nothing)
}

// join lets the last n sockets join their rooms, some at a time.
func (c *crowd) join(ctx context.Context, n int) error {
	if c.dialect == Pipe {
		return nil // it has joined before its handshake was answered
	}
	const together = 200
	first, asked := len(c.conns)-n, 0
	want := c.joined + n
	return c.turnUntil(ctx, "joining", func() int { return want - c.joined }, func() error {
		for asked < n && want-c.joined-(n-asked) < together {
			m := c.conns[first+asked]
			command := `{"type":"join","ref":1,"room":` + strconv.Quote(c.room(m.id%c.rooms)) + `}`
			c.send(m, appendFrame(nil, opText, []byte(command)))
			asked++
		}
		return nil
	})
}

// publish sends the next message of publisher p, which was due at a time.
func (c *crowd) publish(p int, due time.Duration) {
	room := p % c.rooms
	c.send(c.conns[p], c.letters[room].stamped(stamp{publisher: uint32(p), number: c.sent[p], due: due}))
	c.sent[p]++
	c.tally.Sent++
	c.tally.Expected += int64(c.members)
}

// play sends the messages from k up to, not including, end of an open loop that began at a time, and reads what comes.
func (c *crowd) play(ctx context.Context, p pace, start time.Duration, k, end int) error {
	p.total = end
	// Who is late sends a few at a time, and reads in between: a server that cannot write may not read either.
	for burst := 0; ; {
		at := now()
		wait, done := p.next(k, at-start)
		if done {
			return nil
		}
		if wait == 0 && burst < 32 {
			due := start + p.at(k)
			record(c.behind, at-due)
			c.publish(k%len(c.sent), due)
			k++
			burst++
			continue
		}
		burst = 0
		if err := c.turn(ctx, at+wait); err != nil {
			return err
		}
	}
}

// missing is how many deliveries have not come yet.
func (c *crowd) missing() int64 {
	return c.tally.Expected - (c.tally.Delivered - c.tally.Duplicated - c.tally.Strays)
}

// drain reads until everything has come, or nothing has for a while.
func (c *crowd) drain(ctx context.Context, grace time.Duration) error {
	for seen, progress := c.missing(), now(); c.missing() > 0 && now()-progress < grace; {
		if err := c.turn(ctx, now()+grace/10); err != nil {
			return err
		}
		if seen != c.missing() {
			seen, progress = c.missing(), now()
		}
	}
	return nil
}

// message checks one delivery. It runs a million times a second and more.
func (c *crowd) message(m *conn, payload []byte, at time.Duration) {
	if m.watched && c.watch(m, payload, at) {
		return
	}
	s, found := findStamp(payload, &c.hint)
	if !found {
		c.notice(payload)
		return
	}
	c.tally.Delivered++
	p := int(s.publisher)
	if p >= len(c.sent) || p%c.rooms != m.id%c.rooms || s.number >= c.sent[p] {
		c.tally.Strays++
		return
	}
	switch m.seen[p/c.rooms].see(s.number) {
	case reordered:
		c.tally.Reordered++
	case duplicated:
		c.tally.Duplicated++
		return
	}
	if c.measured > 0 && s.due >= c.measured {
		record(c.late, at-s.due)
	}
}

// notice takes what is no delivery.
func (c *crowd) notice(payload []byte) {
	switch kind := frameType(payload); {
	case c.dialect == Pipe:
		c.tally.Strays++
	case kind == "welcome":
		c.welcomed++
	case kind == "joined":
		c.joined++
	case kind == "gap":
		c.tally.Errors["gap"]++
	case kind == "error":
		var e struct{ Code, Message string }
		_ = json.Unmarshal(payload, &e) // what cannot be read is counted all the same
		c.tally.Errors[e.Code+": "+e.Message]++
	}
}

// count completes the tally: what never came is only known in the end.
func (c *crowd) count(members []*conn) Tally {
	t := c.tally
	for _, m := range members {
		for i := range m.seen {
			t.Lost += m.seen[i].lost(c.sent[m.id%c.rooms+i*c.rooms])
		}
	}
	return t
}

// frameType is the type field of a JSON frame.
func frameType(payload []byte) string {
	_, rest, found := bytes.Cut(payload, []byte(`"type":"`))
	name, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		return ""
	}
	return string(name)
}
