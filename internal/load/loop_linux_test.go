package load

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"golang.org/x/sys/unix"

	"hubbub/internal/load/dialect"
)

// rawServer hands every upgraded connection to serve, which writes bytes as it likes.
func rawServer(t *testing.T, serve func(c net.Conn)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				if _, err := ws.Upgrade(c); err == nil {
					serve(c)
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return "ws://" + listener.Addr().String()
}

// collect opens a socket and returns the messages that came until the server ended it, as kinds and lengths do not matter.
func collect(t *testing.T, address string) (messages []string, l *loop, err error) {
	l = newTestLoop(t, address)
	l.onMessage = func(_ *conn, payload []byte, _ time.Duration) { messages = append(messages, string(payload)) }
	if err := dialOne(t, l); err != nil {
		return messages, l, err
	}
	return messages, l, l.turnUntil(t.Context(), "reading", func() int { return l.open }, nothing)
}

// newTestLoop is a loop that ends with the test.
func newTestLoop(t *testing.T, address string) *loop {
	to, err := resolve(t.Context(), address, &dialect.PlainEcho)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoop(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// dialOne opens a socket.
func dialOne(t *testing.T, l *loop) error {
	opened := 0
	l.onOpen = func(*conn) { opened++ }
	if err := l.begin(l.add(0), 0); err != nil {
		t.Fatal(err)
	}
	return l.turnUntil(t.Context(), "opening", func() int { return 1 - opened }, nothing)
}

func frames(f ...ws.Frame) []byte {
	var b bytes.Buffer
	for _, frame := range f {
		_ = ws.WriteFrame(&b, frame)
	}
	return b.Bytes()
}

var bye = ws.NewCloseFrame(ws.NewCloseFrameBody(4001, "slow"))

func TestReadPieces(t *testing.T) {
	long := strings.Repeat("0123456789", 50_000) // longer than the loop's buffer
	all := frames(ws.NewTextFrame([]byte("one")), ws.NewTextFrame(nil), ws.NewTextFrame([]byte(long[:300])),
		ws.NewBinaryFrame([]byte("two")), ws.NewPingFrame([]byte("are you there")), ws.NewTextFrame([]byte("three")), bye)
	short := []string{"one", "", long[:300], "two", "three"}
	for name, test := range map[string]struct {
		in   []byte
		step int
		want []string
	}{
		"at once":          {all, len(all), short},
		"byte by byte":     {all, 1, short},
		"in threes":        {all, 3, short},
		"a long one":       {frames(ws.NewTextFrame([]byte(long)), ws.NewTextFrame([]byte("x")), bye), 100_000, []string{long, "x"}},
		"a fragmented one": {frames(ws.NewFrame(ws.OpText, false, []byte("a")), ws.NewFrame(ws.OpContinuation, true, []byte("b")), bye), 99, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			pong := make(chan string, 1)
			address := rawServer(t, func(c net.Conn) {
				for piece := range slices.Chunk(test.in, test.step) {
					if _, err := c.Write(piece); err != nil {
						return
					}
				}
				for {
					b, op, err := wsutil.ReadClientData(c) // which is unforgiving: a bad frame of ours ends it
					if err != nil {
						return
					}
					pong <- string(b) + string(rune(op))
				}
			})
			messages, l, err := collect(t, address)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(messages, test.want) {
				t.Errorf("got %.100q, want %.100q", messages, test.want)
			}
			if l.closes[4001] != 1 {
				t.Errorf("closes %v, want one of 4001", l.closes)
			}
		})
	}
}

// TestPong reads our answers with somebody else's code.
func TestPong(t *testing.T) {
	answers := make(chan ws.Frame, 2)
	address := rawServer(t, func(c net.Conn) {
		_, _ = c.Write(frames(ws.NewPingFrame([]byte("hello")), bye))
		for range 2 {
			h, err := ws.ReadHeader(c)
			if err != nil || h.Length > 125 {
				return
			}
			f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
			if _, err := io.ReadFull(c, f.Payload); err != nil {
				return
			}
			answers <- ws.UnmaskFrame(f)
		}
	})
	if _, _, err := collect(t, address); err != nil {
		t.Fatal(err)
	}
	if f := <-answers; f.Header.OpCode != ws.OpPong || string(f.Payload) != "hello" {
		t.Errorf("answered a ping with %+v", f)
	}
	if f := <-answers; f.Header.OpCode != ws.OpClose || closeCode(f.Payload) != 4001 {
		t.Errorf("answered a close with %+v", f)
	}
}

func TestEnds(t *testing.T) {
	for name, test := range map[string]struct {
		in   []byte
		code int
		err  string
	}{
		"without a close frame":    {code: 1006},
		"in the middle of a frame": {in: []byte{0x81, 9, 'x'}, code: 1006},
		"without a code":           {in: frames(ws.NewCloseFrame(nil)), code: 1005},
		"masked":                   {in: frames(ws.MaskFrame(ws.NewTextFrame([]byte("x")))), err: "masked"},
		"unknown kind":             {in: []byte{0x83, 0}, err: "unknown kind 0x3"},
	} {
		t.Run(name, func(t *testing.T) {
			_, l, err := collect(t, rawServer(t, func(c net.Conn) { _, _ = c.Write(test.in) }))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil || l.closes[test.code] != 1 || len(l.closes) != 1 {
				t.Errorf("error %v, closes %v, want one of %d", err, l.closes, test.code)
			}
		})
	}
}

// TestBackPressure sends more than a socket takes to a server that begins to read late.
func TestBackPressure(t *testing.T) {
	start, got := make(chan struct{}), make(chan int64, 1)
	address := rawServer(t, func(c net.Conn) {
		<-start
		n, _ := io.Copy(io.Discard, c)
		got <- n
	})
	l := newTestLoop(t, address)
	if err := dialOne(t, l); err != nil {
		t.Fatal(err)
	}
	c, piece, sent := l.conns[0], make([]byte, 100_000), 0
	for ; len(c.out) == 0; sent += len(piece) {
		l.send(c, piece)
	}
	l.send(c, piece)
	sent += len(piece)
	close(start)
	if err := l.turnUntil(t.Context(), "writing", func() int { return len(c.out) }, nothing); err != nil {
		t.Fatal(err)
	}
	closeGently(t, c)
	if n := <-got; n != int64(sent) {
		t.Errorf("%d bytes arrived of %d", n, sent)
	}
}

func TestServerThatNeverReads(t *testing.T) {
	end := make(chan struct{})
	address := rawServer(t, func(net.Conn) { <-end })
	defer close(end)
	l := newTestLoop(t, address)
	if err := dialOne(t, l); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		l.send(l.conns[0], make([]byte, 100_000))
	}
	if l.broken == nil || !strings.Contains(l.broken.Error(), "the server does not read") {
		t.Errorf("error %v", l.broken)
	}
}

// TestSourceAddress: when the ports of one address are used up, the next one is taken.
func TestSourceAddress(t *testing.T) {
	from := make(chan string, 1)
	address := rawServer(t, func(c net.Conn) { from <- c.RemoteAddr().String() })
	l := newTestLoop(t, address)
	l.from = 2
	if err := dialOne(t, l); err != nil {
		t.Fatal(err)
	}
	if host := <-from; !strings.HasPrefix(host, "127.0.0.3:") {
		t.Errorf("it came from %s", host)
	}
}

func TestCancel(t *testing.T) {
	l := newTestLoop(t, "ws://127.0.0.1:1")
	stop := errors.New("enough")
	if err := l.turnUntil(t.Context(), "waiting", func() int { return 1 }, func() error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

// closeGently ends what we send, so that a server which reads to the end sees one and not a reset.
func closeGently(t *testing.T, c *conn) {
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
}
