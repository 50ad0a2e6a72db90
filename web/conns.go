package web

import (
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// connState is told by fasthttp what becomes of each accepted connection.
func (s *Server) connState(c net.Conn, state fasthttp.ConnState) {
	switch state {
	case fasthttp.StateNew:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stopped {
			_ = c.Close()
			return
		}
		s.silent[c] = struct{}{}
	case fasthttp.StateActive:
		s.heard(c)
	case fasthttp.StateClosed:
		s.heard(c)
		s.abandon(c) // the 101 could not be written
	}
}

func (s *Server) heard(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.silent, c)
}

func (s *Server) putOpened(c net.Conn, connection Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening.Add(1)
	s.opened[c] = connection
}

// takeOpened returns nil if somebody else has taken it. Who gets it calls s.opening.Done.
func (s *Server) takeOpened(c net.Conn) Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	connection := s.opened[c]
	delete(s.opened, c)
	return connection
}

func (s *Server) abandon(c net.Conn) {
	if connection := s.takeOpened(c); connection != nil {
		defer s.opening.Done()
		connection.Abandon()
	}
}

// panicked ends a request whose handler panicked, and only that.
func (s *Server) panicked(ctx *fasthttp.RequestCtx, cause any) {
	s.opts.Log.Error("panic in a request", "panic", cause, "stack", string(debug.Stack()))
	s.abandon(ctx.Conn())
	ctx.Response.Reset()
	ctx.SetConnectionClose()
	internalError().answer(ctx)
}

// listener goes on when the machine is short of something for a moment. fasthttp takes "too many open files" for the listener's end and
// would never accept again.
type listener struct {
	net.Listener
	log    *slog.Logger
	once   sync.Once
	closed chan struct{} // closed by Close
}

func (l *listener) Accept() (net.Conn, error) {
	pause := 5 * time.Millisecond
	for {
		c, err := l.Listener.Accept()
		if err == nil || !isShortage(err) {
			return c, err
		}
		if pause == 5*time.Millisecond {
			l.log.Warn("cannot accept connections for now", "err", err)
		}
		select {
		case <-time.After(pause):
		case <-l.closed:
		}
		pause = min(2*pause, time.Second)
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func isShortage(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
