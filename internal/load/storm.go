package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A storm is what a deploy or a network that comes back makes: everybody reconnects at once and wants what he missed.
// What they missed is published while they are away, over a socket that is in no room: its messages carry the room's
// number as their publisher.

// part ends every member's socket.
func (c *crowd) part() {
	for _, m := range c.members {
		c.drop(m)
		m.returns = true
	}
}

// speak publishes to the rooms that are ours by number what their members miss.
func (c *crowd) speak(ctx context.Context, start time.Duration) error {
	writer := c.add(c.Plan.Sockets() + c.Index)
	writer.due, writer.seen = start, make([]sequence, c.Plan.Publishers)
	if err := c.begin(writer, 0); err != nil {
		return err
	}
	if err := c.turnUntil(ctx, "opening a socket", func() int { return 1 - min(1, c.ready) }, nothing); err != nil {
		return err
	}
	acked := 0
	c.answer = func(_ *conn, payload []byte) bool {
		ok := frameType(payload) == "published"
		if ok {
			acked++
		}
		return ok
	}
	var rooms []int
	for i := c.Index; i < len(c.rooms); i += c.Of {
		rooms = append(rooms, i)
		head := `{"type":"publish","ref":1,"room":` + strconv.Quote(c.room(i)) + `,"data":"`
		c.rooms[i].letter = newLetter(head, c.Plan.Size, `"}`)
	}
	sent, all := 0, len(rooms)*c.Plan.Missed
	err := c.turnUntil(ctx, "publishing what is missed", func() int { return all - acked }, func() error {
		for ; sent < all && sent-acked < 32; sent++ {
			c.publishBy(writer, rooms[sent%len(rooms)], now())
		}
		return nil
	})
	c.drop(writer)
	return err
}

// storm lets every member come back, and waits until each has what it missed. How late that was counts from the start
// of the storm for everybody: who has to wait for a place waits.
func (c *crowd) storm(ctx context.Context, start time.Duration) error {
	c.measure(start)
	behind := len(c.members)
	c.watch = func(m *conn, payload []byte, at time.Duration) bool {
		apart := c.follow(m, payload)
		// One more than it has: this message is not yet checked, and is the last one if nothing is wrong with it.
		if m.offset == c.newest(m) && !m.whole {
			m.whole = true
			behind--
			record(c.late, at-start)
			c.total.Resumed++
		}
		return apart
	}
	for _, m := range c.members {
		m.watched, m.due = true, start
		if c.newest(m) == m.offset {
			behind--
		}
	}
	begun := 0
	err := c.turnUntil(ctx, "coming back", func() int { return behind }, func() error {
		for ; begun < len(c.members) && c.begun < handshakes; begun++ {
			if err := c.begin(c.members[begun], 0); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.As(err, new(stuck)) {
		return nil // who did not get everything is in the tally
	}
	return err
}

// newest is the offset of the last message of a member's room in a storm, in which nobody publishes.
func (c *crowd) newest(m *conn) int64 { return c.roomOf(m.member).base + int64(c.Plan.Missed) }

// after adds to a join where the member wants to go on.
func (c *crowd) after(m *conn, command []byte) []byte {
	return fmt.Appendf(command[:len(command)-1], `,"after":{"epoch":%q,"offset":%d}}`, c.roomOf(m.member).epoch, m.offset)
}

// follow keeps a member's place in its room's log, and says whether this was a message of it.
func (c *crowd) follow(m *conn, payload []byte) bool {
	if frameType(payload) != "message" {
		return false
	}
	if n := field(payload, `"offset":`); n > m.offset {
		m.offset = n
	}
	return true
}

// The times of a member that comes and goes; a test has less of it.
var (
	stays  = 10 * time.Second
	leaves = 2 * time.Second
)

// churn makes some members come and go; where there are logs they resume and miss nothing.
func (c *crowd) churn(n int) {
	c.watch = func(m *conn, payload []byte, _ time.Duration) bool {
		return c.follow(m, payload)
	}
	from := len(c.members) - n
	for i, m := range c.members[from:] {
		m.watched, m.returns = true, true
		m.next = now() + stays*time.Duration(i+1)/time.Duration(n) // one after the other
		c.restless = append(c.restless, m)
	}
}

// comeAndGo is called between turns. home: nobody shall go any more.
func (c *crowd) comeAndGo(home bool) error {
	at := now()
	for _, m := range c.restless {
		switch {
		case m.state == closed && (at >= m.next || home):
			m.due, m.next = at, at+stays
			if err := c.begin(m, 0); err != nil {
				return err
			}
		case m.stage == joined && at >= m.next && !home:
			m.next = at + leaves
			c.drop(m)
		}
	}
	return nil
}

// abroad is how many of those who come and go are away.
func (c *crowd) abroad() (n int) {
	for _, m := range c.restless {
		if m.stage != joined {
			n++
		}
	}
	return n
}
