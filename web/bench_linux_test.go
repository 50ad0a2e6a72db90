package web

import (
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hubbub/client"
	"hubbub/hub"
)

// BenchmarkSocket compares with net.Conn. Most of each figure is the peer and the kernel.
func BenchmarkSocket(b *testing.B) {
	c, peer := pairOf(b, kinds["portable"])
	s := c.(*socket)
	_ = s.SetReadDeadline(time.Time{})
	_ = peer.SetDeadline(time.Time{})
	msg := make([]byte, 128)
	p := newPad(512)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = peer.Write(msg)
			n, err := s.Read(p)
			if err != nil {
				b.Fatal(err)
			}
			p.filled(n)
		}
	})
	b.Run("read-net.Conn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = peer.Write(msg)
			if _, err := s.tcp.Read(p.mem); err != nil {
				b.Fatal(err)
			}
		}
	})
	into := make([]byte, 512)
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n, err := s.TryWrite(msg); n != len(msg) || err != nil {
				b.Fatal(n, err)
			}
			_, _ = peer.Read(into)
		}
	})
	b.Run("write-net.Conn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.tcp.Write(msg); err != nil {
				b.Fatal(err)
			}
			_, _ = peer.Read(into)
		}
	})
}

// BenchmarkIdle says what an idle upgraded connection keeps of the hub's memory, up to the hand-over: what client and hub keep of it comes on top.
func BenchmarkIdle(b *testing.B) {
	const sockets = 2000
	h := newHall()
	h.serve = func(_ client.Request, conn hub.Conn, _ []byte) {
		p := newPad(1)
		_, _ = conn.Read(p)
	}
	_, addr := start(b, h)
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	to := &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}
	for b.Loop() {
		before := inUse()
		fds := make([]int, 0, sockets) // bare descriptors cost this process's Go memory nothing
		for range sockets {
			fds = append(fds, shake(b, to))
		}
		served := len(fds)
		h.await(b, "Serve", func(h *hall) bool { return h.served-h.ended == served })
		after := inUse()
		b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/sockets, "heap-B/socket")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/sockets, "stack-B/socket")
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		h.await(b, "the end", func(h *hall) bool { return h.served == h.ended })
	}
}

// shake is a handshake on a bare descriptor.
func shake(b *testing.B, to unix.Sockaddr) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := unix.Connect(fd, to); err != nil {
		b.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte(get("/ws/a", good))); err != nil {
		b.Fatal(err)
	}
	var answer [512]byte
	if _, err := unix.Read(fd, answer[:]); err != nil {
		b.Fatal(err)
	}
	return fd
}

func inUse() (m runtime.MemStats) {
	for range 3 { // what a sync.Pool holds goes with the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}
