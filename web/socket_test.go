package web

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"hubbub/hub"
)

// kinds are the ways in which a connection can be served: the poller's, which is the one on Linux, and the portable one.
var kinds = map[string]func(t testing.TB, tcp *net.TCPConn) hub.Conn{
	"polled": func(t testing.TB, tcp *net.TCPConn) hub.Conn {
		p, err := newPoller()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.close)
		c, err := p.conn(tcp)
		if err != nil {
			t.Fatal(err)
		}
		return c
	},
	"portable": func(t testing.TB, tcp *net.TCPConn) hub.Conn {
		c, err := newSocket(tcp)
		if err != nil {
			t.Fatal(err)
		}
		return c
	},
}

// once tells that it was woken.
type once chan struct{}

// Readable implements hub.Waiter.
func (o once) Readable() { o <- struct{}{} }

// read is a Read that waits.
func read(c hub.Conn, into hub.Buffer) (int, error) {
	for {
		if n, err := c.Read(into); n > 0 || err != nil {
			return n, err
		}
		woken := make(once, 1)
		c.Await(woken)
		<-woken
	}
}

// pairing makes connections of one kind.
type pairing func(testing.TB) (hub.Conn, *net.TCPConn)

// each runs a test with every kind.
func each(t *testing.T, test func(t *testing.T, pair pairing)) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			test(t, func(t testing.TB) (hub.Conn, *net.TCPConn) { return pairOf(t, kind) })
		})
	}
}

// pairOf is a connection and the plain one at its other end. Its send buffer is small.
func pairOf(t testing.TB, kind func(t testing.TB, tcp *net.TCPConn) hub.Conn) (hub.Conn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	s := kind(t, c.(*net.TCPConn))
	t.Cleanup(func() { s.Close(); peer.Close() })
	_ = peer.SetDeadline(time.Now().Add(patience))
	_ = s.SetReadDeadline(time.Now().Add(patience))
	return s, peer.(*net.TCPConn)
}

// TestReadWakes hunts for a lost wake-up: single bytes, each sent only when the last one has come, so that the reader is
// on its way into the wait, in it, or not yet there.
func TestReadWakes(t *testing.T) { each(t, testReadWakes) }

func testReadWakes(t *testing.T, pair pairing) {
	s, peer := pair(t)
	p := newPad(64)
	var b [1]byte
	for i := range 20_000 {
		b[0] = byte(i)
		if _, err := peer.Write(b[:]); err != nil {
			t.Fatal(err)
		}
		n, err := read(s, p)
		if err != nil || n != 1 || p.mem[0] != byte(i) {
			t.Fatalf("round %d: %d bytes, %v", i, n, err)
		}
		p.filled(n)
	}
	if p.lent != 0 {
		t.Errorf("%d buffers were not given back", p.lent)
	}
}

// TestReadBursts has the peer write on its own time, in pieces of all sizes, into a reader with a small buffer.
func TestReadBursts(t *testing.T) { each(t, testReadBursts) }

func testReadBursts(t *testing.T, pair pairing) {
	s, peer := pair(t)
	sent := make([]byte, 4<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(sent)
	go func() {
		r := rand.New(rand.NewPCG(1, 2))
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(4000))
			if _, err := peer.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		_ = peer.CloseWrite()
	}()
	p := newPad(1500)
	var got []byte
	for {
		n, err := read(s, p)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.filled(n)...)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes of %d, or others", len(got), len(sent))
	}
	if p.lent != 0 {
		t.Errorf("%d buffers were not given back", p.lent)
	}
}

// TestWriteWakes has a reader that takes little at a time, so that the writer waits thousands of times.
func TestWriteWakes(t *testing.T) { each(t, testWriteWakes) }

func testWriteWakes(t *testing.T, pair pairing) {
	s, peer := pair(t)
	sent := make([]byte, 16<<20)
	random := rand.NewChaCha8([32]byte{2})
	_, _ = random.Read(sent)
	wrote := make(chan error, 1)
	waits := 0
	go func() {
		wrote <- func() error {
			for rest := sent; len(rest) > 0; {
				n, err := s.TryWrite(rest[:min(len(rest), 9000)])
				if err != nil {
					return err
				}
				rest = rest[n:]
				if n == 9000 {
					continue
				}
				waits++
				if err := s.AwaitWritable(time.Now().Add(patience)); err != nil {
					return err
				}
			}
			return s.CloseWrite()
		}()
	}()
	got, err := io.ReadAll(&sipper{peer, rand.New(rand.NewPCG(3, 4))})
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes of %d: %v", len(got), len(sent), err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if waits < 500 {
		t.Errorf("the writer waited %d times: this test proves nothing", waits)
	}
}

// sipper reads a random little.
type sipper struct {
	r      io.Reader
	random *rand.Rand
}

func (s *sipper) Read(p []byte) (int, error) {
	return s.r.Read(p[:min(len(p), 1+s.random.IntN(2000))])
}

// fill writes until the socket takes no more.
func fill(t *testing.T, s hub.Conn) {
	t.Helper()
	chunk := make([]byte, 64<<10)
	for {
		n, err := s.TryWrite(chunk)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func TestAwaitWritableDeadline(t *testing.T) { each(t, testAwaitWritableDeadline) }

func testAwaitWritableDeadline(t *testing.T, pair pairing) {
	s, peer := pair(t)
	fill(t, s)
	for range 3 {
		if err := stuff(s, time.Now().Add(time.Millisecond)); err != os.ErrDeadlineExceeded {
			t.Fatalf("AwaitWritable: %v", err)
		}
		if _, err := s.TryWrite([]byte("x")); err != nil { // on a busy machine the kernel may have made room meanwhile
			t.Fatalf("after a deadline that has passed: %v", err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, peer) }()
	if err := s.AwaitWritable(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.TryWrite([]byte("x")); n != 1 || err != nil {
		t.Fatalf("once it is writable: %d, %v", n, err)
	}
	if err := stuff(s, time.Now().Add(-time.Second)); err != os.ErrDeadlineExceeded {
		t.Errorf("a deadline in the past: %v", err)
	}
}

// stuff writes until an error ends it: AwaitWritable may say too early that a try is worth it.
func stuff(s hub.Conn, deadline time.Time) error {
	for {
		if err := s.AwaitWritable(deadline); err != nil {
			return err
		}
		if _, err := s.TryWrite(make([]byte, 1000)); err != nil {
			return err
		}
	}
}

// parked runs f on a goroutine and returns once it has had time to wait; that it does is likely, not certain, and f's result is the same anyway.
func parked(f func() error) chan error {
	started, done := make(chan struct{}), make(chan error, 1)
	go func() {
		close(started)
		done <- f()
	}()
	<-started
	return done
}

func within(t *testing.T, what string, c chan error, want error) {
	t.Helper()
	select {
	case err := <-c:
		if err != want {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	case <-time.After(patience):
		t.Fatalf("%s: still waiting", what)
	}
}

func TestDeadlineWakesRead(t *testing.T) { each(t, testDeadlineWakesRead) }

func testDeadlineWakesRead(t *testing.T, pair pairing) {
	for range 300 {
		s, _ := pair(t)
		p := newPad(16)
		done := parked(func() error { _, err := read(s, p); return err })
		if err := s.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		within(t, "Read", done, os.ErrDeadlineExceeded)
		if p.lent != 0 {
			t.Fatal("the buffer was not given back")
		}
	}
}

func TestCloseWakesBoth(t *testing.T) { each(t, testCloseWakesBoth) }

func testCloseWakesBoth(t *testing.T, pair pairing) {
	for range 100 {
		s, _ := pair(t)
		fill(t, s)
		reading := parked(func() error { _, err := read(s, newPad(16)); return err })
		write := parked(func() error { return stuff(s, time.Now().Add(patience)) })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		within(t, "Read", reading, net.ErrClosed)
		within(t, "AwaitWritable", write, net.ErrClosed)
		if _, err := s.TryWrite([]byte("x")); err != net.ErrClosed {
			t.Fatalf("TryWrite on a closed socket: %v", err)
		}
	}
}

func TestEndsOfAStream(t *testing.T) { each(t, testEndsOfAStream) }

func testEndsOfAStream(t *testing.T, pair pairing) {
	s, peer := pair(t)
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the peer reads %d, %v behind CloseWrite", n, err)
	}
	if _, err := peer.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	p := newPad(64)
	if n, err := read(s, p); err != nil || string(p.filled(n)) != "still here" {
		t.Errorf("after CloseWrite: %d, %v", n, err)
	}
	_ = peer.Close()
	if n, err := read(s, p); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if _, err := s.Read(newPad(0)); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("into an empty buffer: %v", err)
	}

	s, peer = pair(t)
	_ = peer.SetLinger(0)
	_ = peer.Close() // a reset
	if _, err := read(s, p); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a reset: %v", err)
	}
	if p.lent != 0 {
		t.Errorf("%d buffers were not given back", p.lent)
	}
}

// TestAllocations counts, for the portable kind, a Read that waits, a Read that does not, a TryWrite and a wait that ends at once.
func TestAllocations(t *testing.T) {
	s, peer := pairOf(t, kinds["portable"])
	p := newPad(64)
	b := []byte("hello")
	go func() { _, _ = io.Copy(peer, peer) }()
	deadline := time.Now().Add(patience)
	n := testing.AllocsPerRun(1000, func() {
		if _, err := s.TryWrite(b); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < len(b); {
			n, err := read(s, p)
			if err != nil {
				t.Fatal(err)
			}
			got += len(p.filled(n))
		}
		if err := s.AwaitWritable(deadline); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a round", n)
	}
}
