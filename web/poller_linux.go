package web

import (
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"hubbub/internal/nowait"
)

// What a connection is registered for, what of it wakes a reader, and what a writer. An error or a hang-up wakes both.
const (
	interests   = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff
	wakesReader = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	wakesWriter = unix.EPOLLOUT | unix.EPOLLHUP | unix.EPOLLERR
	endings     = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
)

// poller waits for all connections at once, with one goroutine and one epoll instance (epoll(7)). The runtime does the same for its own
// connections, but there each that waits needs a goroutine, and that is 2.5 KB, more than all else that an idle connection needs.
//
// A connection is registered once, for edges (EPOLLET): asking anew for each message would cost a system call each.
type poller struct {
	// immutable
	fd    int             // of the epoll instance
	file  *os.File        // the same, watched by the runtime's own poller: an epoll instance is readable when it has events
	raw   syscall.RawConn // of file
	ended chan struct{}   // closed by the loop when it has ended

	mu         sync.Mutex // guards what follows
	sockets    []*polled  // by descriptor
	generation int32      // counts registrations, so that an event for a descriptor that has another owner now is known
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for os.NewFile, which has the runtime watch only such
		_ = unix.Close(fd)
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	p := &poller{fd: fd, file: file, raw: raw, ended: make(chan struct{})}
	go p.loop()
	return p, nil
}

// close ends the poller and waits for it. All its sockets must have been closed.
func (p *poller) close() {
	_ = p.file.Close()
	<-p.ended
}

// loop hands events out until the poller is closed.
func (p *poller) loop() {
	defer close(p.ended)
	var events [256]unix.EpollEvent
	// The runtime calls this now, and whenever there is something new in the epoll instance; what comes while it runs counts as new. An error
	// would be of our own making, and there is nobody to tell.
	_ = p.raw.Read(func(fd uintptr) (ended bool) {
		n := len(events)
		for n == len(events) {
			var err error
			if n, err = nowait.Events(int(fd), events[:]); err != nil {
				return true
			}
			for i := range events[:n] {
				if s := p.owner(events[i]); s != nil {
					s.happened(events[i].Events)
				}
			}
		}
		return false
	})
}

// owner is the socket an event is for; nil if it has been closed meanwhile.
func (p *poller) owner(e unix.EpollEvent) *polled {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd := int(e.Fd); fd < len(p.sockets) {
		if s := p.sockets[fd]; s != nil && s.generation == e.Pad {
			return s
		}
	}
	return nil
}

// add registers a socket.
func (p *poller) add(s *polled) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.generation++
	s.generation = p.generation
	for len(p.sockets) <= s.fd {
		p.sockets = append(p.sockets, make([]*polled, len(p.sockets)+64)...)
	}
	p.sockets[s.fd] = s // before the first event
	e := unix.EpollEvent{Events: interests, Fd: int32(s.fd), Pad: s.generation}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, s.fd, &e); err != nil {
		p.sockets[s.fd] = nil
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// remove forgets a socket, before its descriptor is closed and can become another's.
func (p *poller) remove(s *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets[s.fd] = nil
}

// bare takes the descriptor out of the runtime's hands: what comes for it shall wake our poller and nobody else, and net's
// bookkeeping for it is freed.
func bare(tcp *net.TCPConn) (int, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	fd, dup := 0, error(nil)
	if err := raw.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return 0, err
	}
	if dup != nil {
		return 0, os.NewSyscallError("fcntl", dup)
	}
	return fd, tcp.Close()
}
