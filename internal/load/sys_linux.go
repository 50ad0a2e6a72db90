package load

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hubbub/internal/nowait"
)

// What a system call says that is no failure.
var (
	errAgain   = unix.EAGAIN
	errNoPorts = unix.EADDRNOTAVAIL
)

// event is one socket that has something for us.
type event struct {
	id              int
	readable, ready bool // ready: it takes bytes again, or its connect has ended
}

// poller is an epoll instance with a clock in it: epoll counts in milliseconds, and a message that is due in 300 µs
// shall neither wait for a whole one nor be waited for in a busy loop.
type poller struct {
	epoll, timer int
	raw          []unix.EpollEvent
	events       []event
}

// pollBatch is how many sockets are served before the schedule is looked at again.
const pollBatch = 128

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	p := &poller{epoll: epoll, timer: timer, raw: make([]unix.EpollEvent, pollBatch), events: make([]event, 0, pollBatch)}
	// Edge-triggered, so that nobody has to read it: arming it again is what makes it quiet.
	if err := p.control(unix.EPOLL_CTL_ADD, timer, -1, unix.EPOLLIN|unix.EPOLLET); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) close() {
	unix.Close(p.timer)
	unix.Close(p.epoll)
}

func (p *poller) control(op, fd, id int, events uint32) error {
	if err := unix.EpollCtl(p.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(id)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// watch sets what we want to hear of a socket.
func (p *poller) watch(fd, id int, isNew, read, write bool) error {
	var events uint32
	if read {
		events |= unix.EPOLLIN
	}
	if write {
		events |= unix.EPOLLOUT
	}
	op := unix.EPOLL_CTL_MOD
	if isNew {
		op = unix.EPOLL_CTL_ADD
	}
	return p.control(op, fd, id, events)
}

// wait returns what happened, at the latest after d. The slice is good until the next call.
func (p *poller) wait(d time.Duration) ([]event, error) {
	const coarse = 100 * time.Millisecond
	ms := int(min(max(d, 0), coarse) / time.Millisecond)
	if d > 0 && d < coarse {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
		if err := unix.TimerfdSettime(p.timer, 0, &spec, nil); err != nil {
			return nil, fmt.Errorf("timerfd: %w", err)
		}
		ms++
	}
	n, err := unix.EpollWait(p.epoll, p.raw, ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p.events = p.events[:0]
	for _, e := range p.raw[:max(n, 0)] {
		if e.Fd < 0 {
			continue
		}
		const over = unix.EPOLLHUP | unix.EPOLLERR // a read tells what it was
		p.events = append(p.events, event{
			id:       int(e.Fd),
			readable: e.Events&(unix.EPOLLIN|over) != 0,
			ready:    e.Events&(unix.EPOLLOUT|over) != 0,
		})
	}
	return p.events, nil
}

// connect begins to connect a non-blocking socket. from is the source address (nil: the kernel's choice), receive
// the size of its receive buffer (0: the kernel's choice).
func connect(e *endpoint, from net.IP, receive int) (fd int, err error) {
	family := unix.AF_INET6
	if e.ip.To4() != nil {
		family = unix.AF_INET
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := connectSocket(fd, e, from, receive); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connectSocket(fd int, e *endpoint, from net.IP, receive int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("TCP_NODELAY: %w", err)
	}
	// A close is a reset: ten thousand sockets in TIME_WAIT would take the ports of the next run.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return fmt.Errorf("SO_LINGER: %w", err)
	}
	if receive > 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receive); err != nil {
			return fmt.Errorf("SO_RCVBUF: %w", err)
		}
	}
	if from != nil {
		// The port is chosen at connect, where only the pair of addresses has to be unique.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fmt.Errorf("IP_BIND_ADDRESS_NO_PORT: %w", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte(from.To4())}); err != nil {
			return fmt.Errorf("bind to %s: %w", from, err)
		}
	}
	var to unix.Sockaddr = &unix.SockaddrInet6{Port: e.port, Addr: [16]byte(e.ip.To16())}
	if ip4 := e.ip.To4(); ip4 != nil {
		to = &unix.SockaddrInet4{Port: e.port, Addr: [4]byte(ip4)}
	}
	if err := unix.Connect(fd, to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	return nil
}

// connected says how a connect ended.
func connected(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}

// widen gives a socket as large a receive buffer as one gets without window scaling.
func widen(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10) }

func readSocket(fd int, b []byte) (int, error)  { return nowait.Receive(fd, b) }
func writeSocket(fd int, b []byte) (int, error) { return nowait.Send(fd, b) }
func closeSocket(fd int)                        { unix.Close(fd) }

// fileLimit is how many files this process may have open.
func fileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("RLIMIT_NOFILE: %w", err)
	}
	return limit.Cur, nil
}

// apartFromUs makes a process that we start deaf to the Ctrl-C that is meant for us, and lets it not outlive us.
func apartFromUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
