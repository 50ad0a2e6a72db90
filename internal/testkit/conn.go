// Package testkit has what tests of several packages share: a connection that can stall, take n bytes,
// or fail, and a reader of the frames that a server wrote.
package testkit

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"hubbub/hub"
)

// Conn is a hub.Conn in memory. Its test side is Feed, Hang, Take, Fail, Written and Ended. It waits on a condition
// variable and on timers alone, so it works within testing/synctest.
type Conn struct {
	mu      sync.Mutex // guards what follows
	change  sync.Cond  // something of it has changed
	input   []byte
	hungUp  bool // the peer sends no more
	output  []byte
	room    int   // bytes the socket still takes; negative: any number
	err     error // what every call fails with
	closed  bool
	halfway bool // CloseWrite was called
	until   time.Time
	alarm   *time.Timer
	tries   int
}

var _ hub.Conn = (*Conn)(nil)

// NewConn is a connection that takes everything.
func NewConn() *Conn {
	c := &Conn{room: -1}
	c.change.L = &c.mu
	return c
}

// Feed is what the peer sends.
func (c *Conn) Feed(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.input = append(c.input, b...)
	c.change.Broadcast()
}

// Hang is the end of what the peer sends.
func (c *Conn) Hang() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hungUp = true
	c.change.Broadcast()
}

// Take says how many more bytes the socket takes, 0: it stalls, negative: any number.
func (c *Conn) Take(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room = n
	c.change.Broadcast()
}

// Fail has every call fail from now on.
func (c *Conn) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.change.Broadcast()
}

// Written is all that was written since the last call.
func (c *Conn) Written() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.output
	c.output = nil
	return b
}

// Writes counts the calls of TryWrite.
func (c *Conn) Writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tries
}

// Ended says whether the connection's end was written (CloseWrite), and whether it is closed.
func (c *Conn) Ended() (half, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.halfway, c.closed
}

// Await implements hub.Conn.
func (c *Conn) Await(w hub.Waiter) { go w.Readable() }

// Read implements hub.Conn.
func (c *Conn) Read(into hub.Buffer) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.err != nil:
			return 0, c.err
		case !c.until.IsZero() && !time.Now().Before(c.until):
			return 0, os.ErrDeadlineExceeded
		case len(c.input) > 0:
			n := copy(into.Borrow(), c.input)
			c.input = c.input[n:]
			return n, nil
		case c.hungUp:
			return 0, io.EOF
		}
		c.change.Wait()
	}
}

// SetReadDeadline implements hub.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	if c.alarm != nil {
		c.alarm.Stop()
		c.alarm = nil
	}
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		c.alarm = time.AfterFunc(wait, c.wake)
	}
	c.change.Broadcast()
	return nil
}

func (c *Conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change.Broadcast()
}

// TryWrite implements hub.Conn.
func (c *Conn) TryWrite(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if err := c.broken(); err != nil {
		return 0, err
	}
	n := len(p)
	if c.room >= 0 {
		n = min(n, c.room)
		c.room -= n
	}
	c.output = append(c.output, p[:n]...)
	return n, nil
}

func (c *Conn) broken() error {
	if c.closed {
		return net.ErrClosed
	}
	return c.err
}

// AwaitWritable implements hub.Conn.
func (c *Conn) AwaitWritable(deadline time.Time) error {
	alarm := time.AfterFunc(time.Until(deadline), c.wake)
	defer alarm.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.broken() != nil:
			return c.broken()
		case c.room != 0:
			return nil
		case !time.Now().Before(deadline):
			return os.ErrDeadlineExceeded
		}
		c.change.Wait()
	}
}

// CloseWrite implements hub.Conn.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halfway = true
	return c.broken()
}

// Close implements hub.Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.alarm != nil {
		c.alarm.Stop()
	}
	c.change.Broadcast()
	return nil
}
