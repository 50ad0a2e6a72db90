package web

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hubbub/hub"
)

// socket is hub.Conn over a bare TCP connection. Every call goes to the descriptor through syscall.RawConn, because net.Conn's own Read must be
// given its buffer before it waits, and its Write waits.
//
// The runtime's poller reports an edge once and RawConn forgets what was reported before a call. So a try outside the
// callback, followed by a wait inside, would sleep through what came in between: each callback here looks at the socket itself.
type socket struct {
	tcp *net.TCPConn
	raw syscall.RawConn // immutable

	fill func(fd uintptr) bool // made once: one for each Read would be an allocation

	// Owned by the reader, and only for the time of a Read:
	into  hub.Buffer
	n     int
	errno error
}

func newSocket(tcp *net.TCPConn) (*socket, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{tcp: tcp, raw: raw}
	s.fill = s.reading()
	return s, nil
}

// Await implements hub.Conn: the goroutine that Read will wait on begins now.
func (s *socket) Await(w hub.Waiter) { go w.Readable() }

func (s *socket) Read(into hub.Buffer) (int, error) {
	s.into, s.n, s.errno = into, 0, nil
	err := s.raw.Read(s.fill)
	s.into = nil
	switch {
	case err != nil:
		return 0, plain(err)
	case s.errno != nil:
		return 0, os.NewSyscallError("read", s.errno)
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// reading returns one attempt without waiting; false has the runtime park the reader until more has come. It is a closure, not a
// method: the wrapper of a method value would take its share of a stack that has 2 KB.
func (s *socket) reading() func(fd uintptr) bool {
	return func(fd uintptr) bool {
		p := s.into.Borrow()
		if len(p) == 0 { // reading nothing looks like the end of the stream
			s.errno = io.ErrShortBuffer
			return true
		}
		n, err := syscall.Read(int(fd), p)
		for err == syscall.EINTR {
			n, err = syscall.Read(int(fd), p)
		}
		if n > 0 {
			s.n = n
			return true
		}
		s.into.GiveBack()
		if err == syscall.EAGAIN {
			return false
		}
		s.errno = err
		return true
	}
}

func (s *socket) SetReadDeadline(t time.Time) error { return s.tcp.SetReadDeadline(t) }

// attempt is the state of one TryWrite. It is pooled rather than kept in the socket: writes are short, and an idle socket has none.
type attempt struct {
	p     []byte
	n     int
	errno error
	try   func(fd uintptr) bool
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.try = a.write
	return a
}}

// write is one attempt; it never asks to be called again, so the runtime never waits.
func (a *attempt) write(fd uintptr) bool {
	n, err := syscall.Write(int(fd), a.p)
	for err == syscall.EINTR {
		n, err = syscall.Write(int(fd), a.p)
	}
	if n > 0 {
		a.n = n
	}
	if err != syscall.EAGAIN {
		a.errno = err
	}
	return true
}

func (s *socket) TryWrite(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	a := attempts.Get().(*attempt)
	a.p, a.n, a.errno = p, 0, nil
	err := s.raw.Write(a.try)
	n, errno := a.n, a.errno
	a.p, a.errno = nil, nil // a pooled attempt keeps no run of a room alive
	attempts.Put(a)
	if err != nil {
		return 0, plain(err)
	}
	if errno != nil {
		return n, os.NewSyscallError("write", errno)
	}
	return n, nil
}

// AwaitWritable clears the deadline when it is done: with one that has passed every later TryWrite would fail.
func (s *socket) AwaitWritable(deadline time.Time) error {
	if err := s.tcp.SetWriteDeadline(deadline); err != nil {
		return plain(err)
	}
	err := s.raw.Write(writable)
	if cleared := s.tcp.SetWriteDeadline(time.Time{}); err == nil {
		err = cleared
	}
	return plain(err)
}

// writable asks the kernel rather than the runtime, see socket. The question also has the kernel report the next change. An error or a
// hang-up counts as writable: the write will say which it is.
func writable(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds[:], 0)
	for err == unix.EINTR {
		n, err = unix.Poll(fds[:], 0)
	}
	return n != 0 || err != nil
}

func (s *socket) CloseWrite() error { return plain(s.tcp.CloseWrite()) }

func (s *socket) Close() error { return plain(s.tcp.Close()) }

// plain takes the net.OpError off the two errors that callers compare.
func plain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	}
	return err
}
