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

// Serve takes the upgraded connection over: it handles what the client sent right behind its handshake (early),
// and returns; the connection goes on by itself until it ends and closes conn. It may wait for a moment.
func (c *Client) Serve(conn hub.Conn, early []byte) {
	c.conn = conn
	c.peer.Attach(conn)
	c.in.half = append([]byte(nil), early...)[:0]
	if e := c.guarded(len(early), nil); e != nil {
		c.finish(*e)
		return
	}
	conn.Await(c)
}

// Readable implements hub.Waiter: the connection calls it when something has come, on a goroutine that ends when that has been
// handled. A connection that waits, as most do most of their lives, has none.
func (c *Client) Readable() {
	n, err := c.conn.Read(&c.in)
	switch {
	case n == 0 && err == nil: // woken too early
	case c.lingering > 0:
		c.in.letGo()
		if c.lingering -= n; c.lingering <= 0 || err != nil && !c.mayLinger(err) {
			c.conclude()
			return
		}
	default:
		if e := c.guarded(n, err); e != nil {
			c.finish(*e)
			return
		}
	}
	c.conn.Await(c)
}

// finish says the farewell, and reads on until the peer has closed too, for a moment.
func (c *Client) finish(e end) {
	c.in.letGo()
	c.peer.Farewell(e.code, e.reason)
	if code := c.peer.Closing(); code > 1 {
		e.code = code
	}
	c.code = e.code
	if e.code == 0 {
		c.code = closeLost
		c.conclude()
		return
	}
	c.in = reader{}
	c.lingering = graceBytes
	_ = c.conn.SetReadDeadline(time.Now().Add(grace))
	if c.clients.cutting.Load() { // looked at behind the deadline: a cut sets its own behind the flag, and this one may have replaced it
		c.conclude()
		return
	}
	c.conn.Await(c)
}

// mayLinger gives a connection another grace whose slow lane still has messages to write before 1012; the drain cuts it in time.
func (c *Client) mayLinger(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.code != wire.CloseRestarting || c.peer.Gone() {
		return false
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(grace))
	return !c.clients.cutting.Load()
}

// conclude closes the socket and takes the connection out of the books.
func (c *Client) conclude() {
	c.peer.Drop()
	_ = c.conn.Close()
	c.end(c.code)
}

// guarded is took with a net under it: a panic ends this connection and nobody else's.
func (c *Client) guarded(n int, err error) (e *end) {
	defer func() {
		if p := recover(); p != nil {
			c.clients.o.Log.Error("a connection's reader panicked",
				slog.Any("panic", p), slog.String("client", c.peer.Client()), slog.String("stack", string(debug.Stack())))
			e = &end{wire.CloseInternal, "internal error"}
		}
	}()
	return c.took(n, err)
}

// took handles what a read has brought, and waits until another may follow. The result says how the connection ends, nil: it
// goes on.
func (c *Client) took(n int, err error) *end {
	if err != nil {
		return c.broken(err)
	}
	c.peer.Heard()
	if e := c.handle(c.in.filled(n)); e != nil {
		return e
	}
	if !c.peer.Await(hub.Load.Light) {
		return &end{}
	}
	if c.clients.draining.Load() {
		c.peer.Await(never)
		return &end{}
	}
	return nil
}

func never(hub.Load) bool { return false }

// broken says how a connection ends whose Read failed: the peer has gone, or somebody here has something else in mind.
func (c *Client) broken(err error) *end {
	if errors.Is(err, os.ErrDeadlineExceeded) && c.clients.draining.Load() {
		c.peer.Await(never)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.clients.o.Log.Debug("a connection broke", slog.String("client", c.peer.Client()), slog.Any("error", err))
	}
	return &end{}
}
