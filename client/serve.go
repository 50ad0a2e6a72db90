package client

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"hubbub/hub"
	"hubbub/wire"
)

const (
	// closeLost counts connections that ended without a close frame (RFC 6455, 7.4.1: never sent).
	closeLost wire.CloseCode = 1006
	// grace is how long, and how many bytes, a closed connection is still read: unread input would turn our
	// close into a reset, which can take the close frame back out of the peer's buffer.
	grace      = time.Second
	graceBytes = 256 << 10
)

// end is how a connection ends: with a close frame, or without a word where the code is 0.
type end struct {
	code   wire.CloseCode
	reason string
}

// Serve reads the connection until it ends and closes it; it blocks, and is best called on a fresh goroutine, whose stack is small.
// early is what the client sent right behind its handshake.
func (c *Client) Serve(conn hub.Conn, early []byte) {
	c.conn = conn
	c.peer.Attach(conn)
	e := c.guarded(early)
	c.in.letGo()

	c.peer.Farewell(e.code, e.reason)
	if code := c.peer.Closing(); code > 1 {
		e.code = code
	}
	if e.code != 0 {
		c.linger(e.code)
	}
	c.peer.Drop()
	_ = conn.Close()
	if e.code == 0 {
		e.code = closeLost
	}
	c.end(e.code)
}

// guarded is read with a net under it: a panic ends this connection and nobody else's.
func (c *Client) guarded(early []byte) (e end) {
	defer func() {
		if p := recover(); p != nil {
			c.clients.o.Log.Error("a connection's reader panicked",
				slog.Any("panic", p), slog.String("client", c.peer.Client()), slog.String("stack", string(debug.Stack())))
			e = end{wire.CloseInternal, "internal error"}
		}
	}()
	return c.read(early)
}

// read handles what comes until the connection ends, and says how.
func (c *Client) read(early []byte) end {
	if len(early) > 0 {
		c.in.half = append(c.in.half, early...)
		if e := c.handle(c.in.half); e != nil {
			return *e
		}
	}
	for {
		if !c.peer.Await(hub.Load.Light) {
			return end{}
		}
		if c.clients.draining.Load() {
			c.peer.Await(never)
			return end{}
		}
		n, err := c.conn.Read(&c.in)
		if err != nil {
			return c.broken(err)
		}
		c.peer.Heard()
		if e := c.handle(c.in.filled(n)); e != nil {
			return *e
		}
	}
}

func never(hub.Load) bool { return false }

// broken says how a connection ends whose Read failed: the peer has gone, or somebody here has something else in mind.
func (c *Client) broken(err error) end {
	if errors.Is(err, os.ErrDeadlineExceeded) && c.clients.draining.Load() {
		c.peer.Await(never)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.clients.o.Log.Debug("a connection broke", slog.String("client", c.peer.Client()), slog.Any("error", err))
	}
	return end{}
}

// linger reads on after the close frame until the peer has closed too, for a moment.
func (c *Client) linger(code wire.CloseCode) {
	until := grace
	if code == wire.CloseRestarting {
		until = time.Minute // a slow lane may still have messages to write; the drain cuts it in time
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(until))
	for left := graceBytes; left > 0; {
		n, err := c.conn.Read(&c.in)
		if err != nil {
			return
		}
		c.in.letGo()
		left -= n
	}
}
