package load

import (
	"context"
	"time"
)

// stage is how far a member has come in what the dialect asks for.
type stage uint8

const (
	away    stage = iota // no socket, or one whose handshake is not done
	hello                // the greeting is said
	ready                // and answered
	joining              // the room is asked for
	joined               // and entered
)

// greet says what the dialect wants said on a new socket.
func (c *crowd) greet(m *conn) {
	record(c.connects, now()-m.due)
	c.total.Connects++
	m.stage = hello
	if c.d.Hello != "" {
		c.send(m, appendFrame(nil, opText, c.fill(c.d.Hello, m)))
	}
	if c.d.Ready == "" {
		c.advance(m, ready)
	}
}

// advance is where a member moves on. One that is coming back goes on to its room at once.
func (c *crowd) advance(m *conn, to stage) {
	m.stage = to
	switch {
	case to == ready:
		c.ready++
		if m.returns {
			c.ask(m)
		}
	case to == joined:
		c.joined++
	}
}

// gone takes a member out of the counts.
func (c *crowd) gone(m *conn) {
	if m.stage >= ready {
		c.ready--
	}
	if m.stage == joined {
		c.joined--
	}
	m.stage = away
}

// ask sends the dialect's join, behind the position that a member who comes back has.
func (c *crowd) ask(m *conn) {
	m.stage = joining
	if c.d.Join == "" {
		c.advance(m, joined)
		return
	}
	command := c.fill(c.d.Join, m)
	if m.returns {
		command = c.after(m, command)
	}
	c.send(m, appendFrame(nil, opText, command))
	if c.d.Joined == "" {
		c.advance(m, joined)
	}
}

// enter opens the sockets of the members by the schedule of the ramp, which began at a time of now(), and waits until they are greeted.
// receive is the size of their receive buffers; 0: the kernel's choice.
func (c *crowd) enter(ctx context.Context, members []*conn, start time.Duration, receive int) error {
	if err := c.files(len(c.conns)); err != nil {
		return err
	}
	begun, before, asked := 0, c.ready, now()
	pace := pace{rate: c.Plan.Ramp / float64(c.Of), total: len(members)}
	err := c.turnUntil(ctx, "opening sockets", func() int { return len(members) - (c.ready - before) }, func() error {
		if c.ready == before && c.open > 0 && now()-asked > firstAnswer {
			return c.silence("ready", c.d.Ready)
		}
		for begun < len(members) && c.begun < handshakes {
			m := members[begun]
			m.due = now()
			if pace.rate > 0 {
				if wait, _ := pace.next(begun, m.due-start); wait > 0 {
					c.wake = m.due + wait
					return nil
				}
				m.due = start + pace.at(begun)
			}
			if err := c.begin(m, receive); err != nil {
				return err
			}
			begun++
		}
		return nil
	})
	return err
}

// firstAnswer is how long nobody at all may get the answer that the dialect waits for, before it is taken for the wrong dialect. A test that
// waits for nothing has less of it.
var firstAnswer = 5 * time.Second

// files says whether this process may have so many sockets.
func (c *crowd) files(n int) error {
	limit, err := fileLimit()
	if err != nil {
		return err
	}
	return enoughFiles("this process", n, limit)
}

// join lets members who are greeted join their rooms, some at a time.
func (c *crowd) join(ctx context.Context, members []*conn) error {
	const together = 200
	asked, before, since := 0, c.joined, now()
	want := before + len(members)
	err := c.turnUntil(ctx, "joining", func() int { return want - c.joined }, func() error {
		if c.joined == before && now()-since > firstAnswer {
			return c.silence("joined", c.d.Joined)
		}
		for asked < len(members) && want-c.joined-(len(members)-asked) < together {
			if m := members[asked]; m.stage == ready {
				c.ask(m)
			}
			asked++
		}
		return nil
	})
	return err
}

// beat sends the dialect's heartbeat on every socket when it is due.
func (c *crowd) beat(next *time.Duration) {
	if c.d.Beat == "" || now() < *next {
		return
	}
	*next = now() + c.d.Every
	b := appendFrame(nil, opText, []byte(c.d.Beat))
	for _, m := range c.members {
		if m.stage >= ready {
			c.send(m, b)
		}
	}
}
