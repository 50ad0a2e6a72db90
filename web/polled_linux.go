package web

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hubbub/hub"
)

// polled is hub.Conn over the descriptor of a TCP connection that a poller watches.
type polled struct {
	// immutable
	poller     *poller
	fd         int
	generation int32 // set by poller.add

	mu     sync.Mutex // guards what follows, and the descriptor while it is written to
	closed bool
	waiter hub.Waiter // wants to know when something has come; nil: nobody does
	due    bool       // the read deadline has passed
	alarm  *time.Timer
	alarms int           // counts them: one that was replaced may ring still
	read   chan struct{} // a Read waits; sender: who changes something; capacity 1; never closed; nil: none
	write  chan struct{} // an AwaitWritable waits; likewise
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
	if s.closed || s.due {
		s.wakeReaderLocked()
		return
	}
	s.armLocked()
}

// armLocked asks for the events that somebody waits for.
func (s *polled) armLocked() {
	var events uint32
	if s.waiter != nil || s.read != nil {
		events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if s.write != nil {
		events |= unix.EPOLLOUT
	}
	if events == 0 || s.closed {
		return
	}
	if err := s.poller.control(unix.EPOLL_CTL_MOD, s, events); err != nil {
		s.due = true // out of kernel memory: the reader finds the connection at its end
		s.wakeReaderLocked()
		s.wakeWriterLocked()
	}
}

// happened is called by the poller.
func (s *polled) happened(events uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if events&wakesReader != 0 {
		s.wakeReaderLocked()
	}
	if events&wakesWriter != 0 {
		s.wakeWriterLocked()
	}
	s.armLocked() // for the other one, if it waits still
}

func (s *polled) wakeReaderLocked() {
	if w := s.waiter; w != nil {
		s.waiter = nil
		go w.Readable()
	}
	wake(&s.read)
}

func (s *polled) wakeWriterLocked() { wake(&s.write) }

func wake(c *chan struct{}) {
	if *c != nil {
		*c <- struct{}{} // it has room: who waits made it for this one send
		*c = nil
	}
}

// Read implements hub.Conn.
func (s *polled) Read(into hub.Buffer) (int, error) {
	for {
		if err := s.readable(); err != nil {
			return 0, err
		}
		p := into.Borrow()
		if len(p) == 0 { // reading nothing looks like the end of the stream
			return 0, io.ErrShortBuffer
		}
		n, err := unix.Read(s.fd, p)
		for err == unix.EINTR {
			n, err = unix.Read(s.fd, p)
		}
		if n > 0 {
			return n, nil
		}
		into.GiveBack()
		switch err {
		case nil:
			return 0, io.EOF
		case unix.EAGAIN:
			s.wait()
		default:
			return 0, os.NewSyscallError("read", err)
		}
	}
}

// readable says why the socket must not be read. The reader alone closes it, so the answer holds until it has read.
func (s *polled) readable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return net.ErrClosed
	case s.due:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// wait blocks a Read until another try is worth it.
func (s *polled) wait() {
	s.mu.Lock()
	if s.closed || s.due {
		s.mu.Unlock()
		return
	}
	c := make(chan struct{}, 1)
	s.read = c
	s.armLocked()
	s.mu.Unlock()
	<-c
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
	n, err := unix.Write(s.fd, p)
	for err == unix.EINTR {
		n, err = unix.Write(s.fd, p)
	}
	switch err {
	case nil, unix.EAGAIN:
		return max(n, 0), nil
	default:
		return 0, os.NewSyscallError("write", err)
	}
}

// AwaitWritable implements hub.Conn.
func (s *polled) AwaitWritable(deadline time.Time) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	c := make(chan struct{}, 1)
	s.write = c
	s.armLocked()
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
