package nowait_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"hubbub/internal/nowait"
)

// pair is two connected sockets that block, which none of the calls may do.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func want(t *testing.T, what string, n int, err error, wantN int, wantErr error) {
	t.Helper()
	if n != wantN || err != wantErr {
		t.Errorf("%s: %d, %v; want %d, %v", what, n, err, wantN, wantErr)
	}
}

func TestWhatIsSentIsReceived(t *testing.T) {
	a, b := pair(t)
	buf := make([]byte, 64)
	n, err := nowait.Receive(b, buf)
	want(t, "nothing has come", n, err, 0, unix.EAGAIN)
	n, err = nowait.Send(a, []byte("hello"))
	want(t, "send", n, err, 5, nil)
	n, err = nowait.Receive(b, buf[:3])
	want(t, "receive", n, err, 3, nil)
	n, err = nowait.Receive(b, buf[3:])
	want(t, "receive the rest", n, err, 2, nil)
	if string(buf[:5]) != "hello" {
		t.Errorf("received %q", buf[:5])
	}
}

func TestAFullSocketTakesAPart(t *testing.T) {
	a, _ := pair(t)
	large := make([]byte, 16<<20)
	n, err := nowait.Send(a, large)
	if err != nil || n == 0 || n == len(large) {
		t.Fatalf("send: %d, %v; want a part", n, err)
	}
	n, err = nowait.Send(a, large)
	want(t, "send more", n, err, 0, unix.EAGAIN)
}

func TestWhoHasGone(t *testing.T) {
	a, b := pair(t)
	if err := unix.Shutdown(a, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	n, err := nowait.Receive(b, make([]byte, 8))
	want(t, "the stream's end", n, err, 0, nil)
	n, err = nowait.Send(b, []byte("x")) // with the signal that belongs to it the test would end here
	want(t, "send", n, err, 0, unix.EPIPE)
	n, err = nowait.Receive(-1, make([]byte, 8))
	want(t, "no descriptor", n, err, 0, unix.EBADF)
}

func TestEventsThatHaveHappened(t *testing.T) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(epoll)
	a, b := pair(t)
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, b, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: 7}); err != nil {
		t.Fatal(err)
	}
	events := make([]unix.EpollEvent, 4)
	n, err := nowait.Events(epoll, events)
	want(t, "before", n, err, 0, nil)
	n, err = nowait.Send(a, []byte("x"))
	want(t, "send", n, err, 1, nil)
	n, err = nowait.Events(epoll, events)
	want(t, "after", n, err, 1, nil)
	if events[0].Fd != 7 || events[0].Events&unix.EPOLLIN == 0 {
		t.Errorf("event %+v", events[0])
	}
	n, err = nowait.Events(-1, events)
	want(t, "no epoll instance", n, err, 0, unix.EBADF)
}
