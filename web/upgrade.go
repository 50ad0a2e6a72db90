package web

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"hubbub/hub"
	"hubbub/wire"
)

// upgrade answers GET /ws/{client_id}. The connection is opened, and a pipe has joined, before the 101 is written. Nothing of ours
// runs in between, so whatever becomes of that write, a connection waits in s.opened until handOver or connState takes it.
func (s *Server) upgrade(c *fiber.Ctx) error {
	ctx := c.Context()
	r, err := s.handshake(ctx, c.Params("*"))
	if err != nil {
		return err
	}
	connection, err := s.opts.Open(s.open, r)
	if err != nil {
		return fromWire(err)
	}
	s.putOpened(ctx.Conn(), connection)

	// The upgrader reads the first line of each and knows no lists. What it has to see was checked.
	ctx.Request.Header.Set("Connection", "Upgrade")
	ctx.Request.Header.Set("Upgrade", "websocket")
	if r.Dialect == wire.JSON {
		c.Set("Sec-WebSocket-Protocol", protocolJSON)
	}
	if err := s.upgrader(c); err != nil {
		s.opts.Log.Error("the upgrader refused a handshake that our own check let through", "err", err)
		s.abandon(ctx.Conn())
		return internalError()
	}
	return nil
}

// handOver runs once the 101 is written, on a goroutine that fasthttp began for it. It takes the bare connection out of its wrappers and
// gives it to a fresh goroutine, whose stack is small; when it returns, the request, its headers and its buffers are freed.
func (s *Server) handOver(ws *websocket.Conn) {
	wrapped := ws.NetConn()
	bare := unwrap(wrapped)
	connection := s.takeOpened(bare)
	if connection == nil { // it was abandoned already
		_ = bare.Close()
		return
	}
	defer s.opening.Done()
	socket, early, err := s.socketOf(bare, wrapped)
	if err != nil {
		s.opts.Log.Warn("an upgraded connection could not be served", "err", err)
		connection.Abandon()
		_ = bare.Close()
		return
	}
	s.serving.Add(1)
	go func() {
		connection.Serve(socket, early)
		s.serving.Done()
	}()
}

// recoverHandOver keeps what contrib's default does not: a panic's text to ourselves.
func (s *Server) recoverHandOver(ws *websocket.Conn) {
	cause := recover()
	if cause == nil {
		return
	}
	s.opts.Log.Error("panic after an upgrade", "panic", cause, "stack", string(debug.Stack()))
	bare := unwrap(ws.NetConn())
	s.abandon(bare)
	_ = bare.Close()
}

// sendBuffer is what the kernel keeps for a peer that does not read. With the kernel's default it swallows megabytes before a write says that it is full.
const sendBuffer = 32 << 10

func (s *Server) socketOf(bare, wrapped net.Conn) (hub.Conn, []byte, error) {
	tcp, ok := bare.(*net.TCPConn)
	if !ok {
		return nil, nil, errors.New("the listener yields connections that are not TCP")
	}
	if err := tcp.SetWriteBuffer(sendBuffer); err != nil {
		return nil, nil, err
	}
	early, err := takeEarly(tcp, wrapped)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.watch()
	if err != nil {
		return nil, nil, err
	}
	socket, err := p.conn(tcp)
	return socket, early, err
}

// watch is the poller of the upgraded connections. It begins with the first of them.
func (s *Server) watch() (*poller, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poller == nil {
		p, err := newPoller()
		if err != nil {
			return nil, err
		}
		s.poller = p
	}
	return s.poller, nil
}

// scratch is for takeEarly: most handshakes have nothing behind them, and then nothing is allocated.
var scratch = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// takeEarly returns what the client sent right behind its handshake, as far as fasthttp has read it. The wrapper gives that first and then reads the
// socket; with a deadline that has passed this second read fails before it touches the socket, so nothing is lost and nothing waits.
func takeEarly(tcp *net.TCPConn, wrapped net.Conn) (early []byte, err error) {
	if err := tcp.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return nil, err
	}
	buf := scratch.Get().(*[readBuffer]byte)
	defer scratch.Put(buf)
	for {
		n, err := wrapped.Read(buf[:])
		if n > 0 {
			early = append(early, buf[:n]...)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return early, tcp.SetReadDeadline(time.Time{})
}

// unwrap finds the connection that the listener accepted.
func unwrap(c net.Conn) net.Conn {
	for {
		w, ok := c.(interface{ UnsafeConn() net.Conn })
		if !ok {
			return c
		}
		c = w.UnsafeConn()
	}
}
