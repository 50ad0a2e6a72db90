package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// frame takes the messages of one frame.
func (c *crowd) frame(m *conn, payload []byte, at time.Duration) {
	if c.d.Separate == "" {
		c.message(m, payload, at)
		return
	}
	for piece := range bytes.SplitSeq(payload, []byte(c.d.Separate)) {
		if len(piece) > 0 {
			c.message(m, piece, at)
		}
	}
}

// message checks one delivery. It runs a million times a second and more.
func (c *crowd) message(m *conn, payload []byte, at time.Duration) {
	apart := m.watched && c.watch(m, payload, at)
	s, found := findStamp(payload, &c.hint)
	if !found || c.d.Delivery != "" && !bytes.Contains(payload, []byte(c.d.Delivery)) {
		c.notice(m, payload)
		return
	}
	c.tally.Delivered++
	p, rooms := int(s.publisher), c.Plan.Rooms
	here := p%c.Of == c.Index
	if p >= len(c.sent) || p%rooms != m.member%rooms || here && s.number >= c.sent[p] || !c.whole(payload) {
		c.tally.Strays++
		return
	}
	switch m.seen[p/rooms].see(s.number) {
	case reordered:
		c.tally.Reordered++
	case duplicated:
		c.tally.Duplicated++
		return
	}
	if here {
		c.roomOf(p).landed(p, s.number)
	}
	if c.measured == 0 || at < c.measured {
		return
	}
	c.paid++
	if s.due >= c.measured && !apart {
		record(c.late, at-s.due)
	}
}

// whole says whether a delivery is what it has to be where that is known to the byte.
func (c *crowd) whole(payload []byte) bool {
	if c.d.Exact == nil {
		return true
	}
	prefix := *c.d.Exact
	return len(payload) == len(prefix)+c.Plan.Size && string(payload[:len(prefix)]) == prefix && c.hint == len(prefix)
}

// notice takes what is no delivery.
func (c *crowd) notice(m *conn, payload []byte) {
	has := func(text string) bool { return text != "" && bytes.Contains(payload, []byte(text)) }
	switch {
	case c.d.Exact != nil:
		c.tally.Strays++
	case c.d.Ping != "" && string(payload) == c.d.Ping:
		c.send(m, appendFrame(nil, opText, c.fill(c.d.Pong, m)))
	case m.stage < ready && has(c.d.Ready):
		c.advance(m, ready)
	case m.stage == joining && has(c.d.Joined):
		if c.d.Recovers {
			c.place(m, payload)
		}
		c.advance(m, joined)
	case c.d.Recovers && frameType(payload) == "gap":
		c.tally.Errors["gap"]++
	case has(c.d.Fault):
		c.fault(payload)
	case !c.answer(m, payload) && c.first == "":
		c.first = excerpt(payload)
	}
}

// fault counts an error answer by its text, or by itself where it has no text that we know.
func (c *crowd) fault(payload []byte) {
	var e struct{ Code, Message string }
	text := strings.TrimPrefix(excerpt(payload), ": ")
	if c.d.Recovers && json.Unmarshal(payload, &e) == nil {
		text = e.Code + ": " + e.Message
	}
	if len(c.tally.Errors) < 20 || c.tally.Errors[text] > 0 { // texts with a number in them shall not fill our memory
		c.tally.Errors[text]++
	}
}

// place notes where a member begins in its room's log.
func (c *crowd) place(m *conn, payload []byte) {
	var e struct {
		Position struct {
			Epoch  string
			Offset int64
		}
	}
	if !m.returns && json.Unmarshal(payload, &e) == nil {
		r := c.roomOf(m.member)
		m.offset, r.base, r.epoch = e.Position.Offset, e.Position.Offset, e.Position.Epoch
	}
}

// missing is how many deliveries have not come yet, as far as it is known here what was sent.
func (c *crowd) missing() (n int64) {
	for p, sent := range c.sent {
		n += int64(sent) * int64(c.hears(p))
	}
	return n - (c.tally.Delivered - c.tally.Duplicated - c.tally.Strays)
}

// count completes the tally: what never came is only known in the end, when it is known what everybody sent.
func (c *crowd) count() Tally {
	t := c.tally
	for p, sent := range c.sent {
		t.Expected += int64(sent) * int64(c.hears(p))
	}
	for _, m := range c.members {
		for i := range m.seen {
			p := m.member%c.Plan.Rooms + i*c.Plan.Rooms
			if p == m.member && !c.d.HearsItself() {
				continue
			}
			t.Lost += m.seen[i].lost(c.sent[p])
		}
	}
	return t
}

// silence says what came instead when something that was waited for did not come.
func (c *crowd) silence(key, text string) error {
	saw := "nothing came"
	if c.first != "" {
		saw = "what came first was" + strings.TrimPrefix(c.first, ":")
	}
	return misuse("the dialect %s matches nothing: %s (%q) did not come; %s", c.d.Name, key, text, saw)
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

// closings says how the server ended sockets, if it did.
func closings(codes map[int]int) string {
	if len(codes) == 0 {
		return ""
	}
	return fmt.Sprintf(" (the server closed sockets, by code: %v)", codes)
}
