package nowait

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receive is recv(2) on a socket, blocking or not, into p, which must not be empty. It returns at least 0: the stream's end is 0 without an
// error, EAGAIN that nothing has come. A call that a signal broke off is made again.
func Receive(fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return result(n, errno)
		}
	}
}

// Send is send(2) of p, which must not be empty, on a socket, blocking or not. It returns how much the kernel took; EAGAIN: nothing. A call that
// a signal broke off is made again; a peer that has gone is EPIPE and no signal.
func Send(fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			return result(n, errno)
		}
	}
}

// Events is epoll_wait(2) for what has happened already. It fills events, which must not be empty, and returns how many there were.
func Events(epoll int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if errno != unix.EINTR {
			return result(n, errno)
		}
	}
}

func result(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
