package web

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hubbub/hub"
	"hubbub/internal/nowait"
)

// polled is hub.Conn over the descriptor of a TCP connection that a poller watches.
//
// The poller tells of edges: that something has come since the last time, not that something is there. So an edge that finds
// no reader waiting is kept for when it does, a read clears it before it begins, and a read that filled its buffer sets it
// again, since there may be more; the stream's end stays. Waiting for a write is rare: it asks the kernel first.
type polled struct {
	// immutable
	poller     *poller
	fd         int
	generation int32 // set by poller.add

	mu       sync.Mutex // guards what follows, and the descriptor while it is written to
	closed   bool
	readable bool       // a read is worth a try
	ending   bool       // the stream's end has come, or will be the next thing: every read is worth a try
	due      bool       // the read deadline has passed
	waiter   hub.Waiter // wants to know when a read is worth a try; nil: nobody does
	alarm    *time.Timer
	alarms   int           // counts them: one that was replaced may ring still
	write    chan struct{} // an AwaitWritable waits; sender: who changes something; capacity 1; never closed; nil: none
}

// conn makes the hub's connection of an accepted one, which must not be used any more.
func (p *poller) conn(tcp *net.TCPConn) (hub.Conn, error) {
	fd, err := bare(tcp)
	if err != nil {
		return nil, err
	}
	s := &polled{poller: p, fd: fd}
	if err := p.add(s); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return s, nil
}

// Await implements hub.Conn.
func (s *polled) Await(w hub.Waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiter = w
	if s.readable || s.ending || s.due || s.closed {
		s.wakeReaderLocked()
	}
}

// happened is called by the poller.
func (s *polled) happened(events uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if events&wakesReader != 0 {
		s.readable = true
		s.ending = s.ending || events&endings != 0
		s.wakeReaderLocked()
	}
	if events&wakesWriter != 0 {
		s.wakeWriterLocked()
	}
}

func (s *polled) wakeReaderLocked() {
	if w := s.waiter; w != nil {
		s.waiter = nil
		go w.Readable()
	}
}

func (s *polled) wakeWriterLocked() {
	if s.write != nil {
		s.write <- struct{}{} // it has room: who waits made it for this one send
		s.write = nil
	}
}

// Read implements hub.Conn. Like TryWrite it never waits, and holds the lock during the system call.
func (s *polled) Read(into hub.Buffer) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case s.due:
		return 0, os.ErrDeadlineExceeded
	}
	p := into.Borrow()
	if len(p) == 0 { // reading nothing looks like the end of the stream
		return 0, io.ErrShortBuffer
	}
	n, err := nowait.Receive(s.fd, p)
	// The lock keeps new edges out meanwhile. One that came before told of what has been read now, unless the buffer was too small for all.
	s.readable = n == len(p)
	if n > 0 {
		return n, nil
	}
	into.GiveBack()
	switch err {
	case nil:
		return 0, io.EOF
	case unix.EAGAIN:
		return 0, nil
	default:
		return 0, os.NewSyscallError("recv", err)
	}
}

// SetReadDeadline implements hub.Conn.
func (s *polled) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if s.alarm != nil {
		s.alarm.Stop()
		s.alarm = nil
	}
	s.due = false
	s.alarms++
	if t.IsZero() {
		return nil
	}
	if wait := time.Until(t); wait > 0 {
		n := s.alarms
		s.alarm = time.AfterFunc(wait, func() { s.expire(n) })
		return nil
	}
	s.due = true
	s.wakeReaderLocked()
	return nil
}

// expire is the end of a read deadline, unless it was set anew.
func (s *polled) expire(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alarms == n && !s.closed {
		s.alarm, s.due = nil, true
		s.wakeReaderLocked()
	}
}

// TryWrite implements hub.Conn. It holds the lock during the system call, which does not wait: so no write reaches a
// descriptor that has become somebody else's.
func (s *polled) TryWrite(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	n, err := nowait.Send(s.fd, p)
	switch err {
	case nil, unix.EAGAIN:
		return n, nil
	default:
		return 0, os.NewSyscallError("send", err)
	}
}

// AwaitWritable implements hub.Conn.
func (s *polled) AwaitWritable(deadline time.Time) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	if writable(uintptr(s.fd)) { // the lock is held until c is there, so an edge that comes now finds it
		s.mu.Unlock()
		return nil
	}
	c := make(chan struct{}, 1)
	s.write = c
	s.mu.Unlock()

	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c:
	case <-timer.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.write == c { // nobody has woken it
		s.write = nil
		return os.ErrDeadlineExceeded
	}
	if s.closed {
		return net.ErrClosed
	}
	return nil
}

// CloseWrite implements hub.Conn.
func (s *polled) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	return os.NewSyscallError("shutdown", unix.Shutdown(s.fd, unix.SHUT_WR))
}

// Close implements hub.Conn. Whoever waits is woken and finds it closed.
func (s *polled) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	if s.alarm != nil {
		s.alarm.Stop()
		s.alarm = nil
	}
	s.wakeReaderLocked()
	s.wakeWriterLocked()
	s.poller.remove(s)
	return os.NewSyscallError("close", unix.Close(s.fd))
}
