package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"hubbub/client"
	"hubbub/hub"
	"hubbub/wire"
)

// reader is a hub.Conn with what came early in front of it, as an io.ReadWriter for tests that want frames.
type reader struct {
	early []byte
	conn  hub.Conn
	pad   *pad
}

func (r *reader) Read(p []byte) (int, error) {
	if len(r.early) == 0 {
		n, err := read(r.conn, r.pad)
		if err != nil {
			return 0, err
		}
		r.early = r.pad.filled(n)
	}
	n := copy(p, r.early)
	r.early = r.early[n:]
	return n, nil
}

func (r *reader) Write(p []byte) (int, error) { return r.conn.TryWrite(p) }

// TestEarlyBytes sends a handshake and what follows it in one segment, then cut in two at every place around the handshake's end and at
// others, then byte by byte: nothing may be lost, held back or doubled.
func TestEarlyBytes(t *testing.T) {
	type arrival struct{ early, all []byte }
	arrived := make(chan arrival, 1)
	want := 0
	h := newHall()
	h.serve = func(_ client.Request, conn hub.Conn, early []byte) {
		all := make([]byte, want)
		_, _ = io.ReadFull(&reader{early: early, conn: conn, pad: newPad(100)}, all)
		arrived <- arrival{early, all}
	}
	_, addr := start(t, h)
	send := func(name, head, rest string, cuts ...int) arrival {
		t.Helper()
		want = len(rest)
		c := dial(t, addr)
		defer c.Close()
		raw := head + rest
		at := 0
		for _, cut := range append(cuts, len(raw)) {
			if _, err := io.WriteString(c, raw[at:cut]); err != nil {
				t.Fatal(err)
			}
			at = cut
		}
		var got arrival
		select {
		case got = <-arrived:
		case <-time.After(patience):
			t.Fatalf("%s: not all of %d bytes came", name, len(rest))
		}
		if string(got.all) != rest {
			t.Fatalf("%s: %d bytes came differently", name, len(rest))
		}
		return got
	}
	head := get("/ws/a", good)
	rest := pattern(300)
	for _, n := range []int{1, 2, 300, 4000, 8000, 20_000, 100_000} {
		if got := send(fmt.Sprint(n, " in one segment"), head, pattern(n)); len(got.early) == 0 {
			t.Errorf("%d bytes in one segment, and none was early: this test proves nothing", n)
		}
	}
	for cut := len(head) - 6; cut < len(head)+6; cut++ {
		send(fmt.Sprint("cut at ", cut), head, rest, cut)
		send(fmt.Sprint("cut at ", cut, " and before"), head, rest, 1, 20, cut, cut+100)
	}
	send("a request before", get("/health", host)+head, rest)
	send("a request before, cut", get("/health", host)+get("/nowhere", host)+head, rest, 5, len(get("/health", host))+3)
	every := make([]int, 0, len(head)+20)
	for i := 1; i < len(head)+20; i++ {
		every = append(every, i)
	}
	send("byte by byte", head, rest, every...)
}

func pattern(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8 + i*7)
	}
	return string(b)
}

// TestEarlyEnd has a client that sends everything and its FIN before the hub has looked.
func TestEarlyEnd(t *testing.T) {
	got := make(chan string, 1)
	h := newHall()
	h.serve = func(_ client.Request, conn hub.Conn, early []byte) {
		rest, err := io.ReadAll(&reader{early: early, conn: conn, pad: newPad(100)})
		got <- fmt.Sprint(string(rest), err)
	}
	_, addr := start(t, h)
	c := dial(t, addr)
	_, _ = io.WriteString(c, get("/ws/a", good)+"last words")
	_ = c.CloseWrite()
	if s := <-got; s != "last words<nil>" {
		t.Errorf("got %s", s)
	}
}

// TestForeignClient speaks to a frame echo through a client that is not our own.
func TestForeignClient(t *testing.T) {
	h := newHall()
	h.serve = func(_ client.Request, conn hub.Conn, early []byte) {
		r := &reader{early: early, conn: conn, pad: newPad(256)}
		for {
			header, err := ws.ReadHeader(r)
			if err != nil {
				return
			}
			payload := make([]byte, header.Length)
			if _, err := io.ReadFull(r, payload); err != nil {
				return
			}
			ws.Cipher(payload, header.Mask, 0)
			if err := ws.WriteFrame(r, ws.NewFrame(header.OpCode, true, payload)); err != nil {
				return
			}
		}
	}
	_, addr := start(t, h)
	for _, protocols := range [][]string{nil, {"hubbub.v1"}, {"bearer.abc", "hubbub.v1"}} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, _, err := coder.Dial(ctx, "ws://"+addr+"/ws/alice", &coder.DialOptions{Subprotocols: protocols})
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if protocols != nil {
			want = "hubbub.v1"
		}
		if c.Subprotocol() != want {
			t.Errorf("%q offered, %q spoken", protocols, c.Subprotocol())
		}
		for _, text := range []string{"", "hi", strings.Repeat("x", 10_000)} {
			if err := c.Write(ctx, coder.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(ctx); err != nil || string(got) != text {
				t.Errorf("sent %d bytes, got %d, %v", len(text), len(got), err)
			}
		}
		if err := c.Close(coder.StatusNormalClosure, ""); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// TestRequestsKeepTheirStrings runs many handshakes through the buffers that fasthttp uses again, and looks at what Open got afterwards.
func TestRequestsKeepTheirStrings(t *testing.T) {
	h := newHall()
	_, addr := start(t, h)
	const workers, each = 16, 25
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				id := fmt.Sprintf("%02d-%02d", w, i)
				// The same connection asks twice before it upgrades, so that its buffers have been used.
				junk := get("/"+strings.Repeat("z", 100+i), host+"X-Junk: "+strings.Repeat("y", 40*w)+"\r\n")
				_, _ = io.WriteString(c, junk+junk+get("/ws/"+id+"?room=room-"+id+"&after=epoch-"+id+":7", good))
				_, _ = io.Copy(io.Discard, io.LimitReader(c, 400))
				_ = c.Close()
			}
		})
	}
	all.Wait()
	// Who hangs up before its 101 is abandoned; its strings are as good as the others'.
	h.await(t, "the last end", func(h *hall) bool { return h.ended+h.abandoned == workers*each })
	seen := map[string]bool{}
	for _, r := range h.requests {
		seen[r.Client] = true
		if r.Room != "room-"+r.Client || r.After.Epoch != "epoch-"+r.Client {
			t.Fatalf("strings of different requests in %+v", r)
		}
	}
	if len(seen) != workers*each {
		t.Errorf("%d different clients of %d", len(seen), workers*each)
	}
}

func TestRefusedByOpen(t *testing.T) {
	rows := []struct {
		err    error
		status int
		code   wire.Code
		after  string
	}{
		{&wire.Error{Code: wire.Unavailable, Message: "come back", RetryAfter: 3}, 503, wire.Unavailable, "3"},
		{fmt.Errorf("wrapped: %w", &wire.Error{Code: wire.Unavailable, Message: "come back"}), 503, wire.Unavailable, "1"},
		{&wire.Error{Code: wire.RateLimited, Message: "slower", RetryAfter: 2}, 429, wire.RateLimited, "2"},
		{&wire.Error{Code: wire.Forbidden, Message: "not you"}, 403, wire.Forbidden, ""},
		{&wire.Error{Code: wire.Unauthorized, Message: "who are you"}, 401, wire.Unauthorized, ""},
		{&wire.Error{Code: wire.TooManyRooms, Message: "one"}, 400, wire.TooManyRooms, ""},
		{&wire.Error{Code: wire.Internal, Message: "<secret>"}, 500, wire.Internal, ""},
		{errors.New("<secret>"), 500, wire.Internal, ""},
	}
	for _, row := range rows {
		h := newHall()
		h.refuse = row.err
		_, addr := start(t, h)
		r := exchange(t, addr, get("/ws/a", good))
		expectProblem(t, r, row.status, row.code, false)
		if got := r.header.Get("Retry-After"); got != row.after {
			t.Errorf("%v: Retry-After %q", row.err, got)
		}
	}
}

// opener is a hall whose Open waits for the test.
type opener struct {
	*hall
	entered, leave chan struct{}
}

func newOpener() *opener {
	return &opener{newHall(), make(chan struct{}), make(chan struct{})}
}

func (o *opener) open(ctx context.Context, r client.Request) (Connection, error) {
	o.entered <- struct{}{}
	select {
	case <-o.leave:
	case <-ctx.Done():
		return nil, &wire.Error{Code: wire.Unavailable, Message: "stopping"}
	}
	return o.Open(ctx, r)
}

// TestLostHandshakeIsAbandoned has a client that is gone before its 101 is written.
func TestLostHandshakeIsAbandoned(t *testing.T) {
	o := newOpener()
	s, addr := start(t, o.hall, func(opts *Options) { opts.Open = o.open })
	for range 20 {
		c := dial(t, addr)
		_, _ = io.WriteString(c, get("/ws/a?room=r", good))
		<-o.entered
		_ = c.SetLinger(0)
		_ = c.Close()
		o.leave <- struct{}{}
	}
	o.await(t, "Abandon", func(h *hall) bool { return h.abandoned+h.ended == 20 })
	if o.abandoned == 0 {
		t.Error("every 101 was written: this test proves nothing")
	}
	s.opening.Wait()
	if len(s.opened) != 0 {
		t.Errorf("%d connections are kept", len(s.opened))
	}
}

func TestPanicStaysHere(t *testing.T) {
	h := newHall()
	s, addr := start(t, h, func(o *Options) {
		o.Open = func(context.Context, client.Request) (Connection, error) { panic("<secret>") }
	})
	expectProblem(t, exchange(t, addr, get("/ws/a", good)), 500, wire.Internal, false)

	s.opts.Open = h.Open
	s.upgrader = func(c *fiber.Ctx) error {
		c.Context().Hijack(func(c net.Conn) { _, _ = io.WriteString(c, "<secret>"); _ = c.Close() })
		panic("<secret>")
	}
	expectProblem(t, exchange(t, addr, get("/ws/a", good)), 500, wire.Internal, false)
	h.await(t, "Abandon", func(h *hall) bool { return h.abandoned == 1 })

	s.upgrader = s.newUpgrader(func(*websocket.Conn) { panic("<secret>") })
	c := dial(t, addr)
	_, _ = io.WriteString(c, get("/ws/a", good))
	all, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.1 101 ")) || bytes.Contains(all, []byte("secret")) {
		t.Errorf("%q, %v", all, err)
	}
	h.await(t, "Abandon", func(h *hall) bool { return h.abandoned == 2 })
	if r := exchange(t, addr, get("/health", host)); r.status != 200 {
		t.Errorf("after the panics: %d", r.status)
	}
}

// TestSendBuffer fills a connection whose peer reads nothing: the kernel may not take much of it.
func TestSendBuffer(t *testing.T) {
	took := make(chan int, 1)
	h := newHall()
	h.serve = func(_ client.Request, conn hub.Conn, _ []byte) {
		chunk, sum := make([]byte, 16<<10), 0
		for {
			n, err := conn.TryWrite(chunk)
			sum += n
			if err != nil || n == 0 && conn.AwaitWritable(time.Now().Add(50*time.Millisecond)) != nil {
				took <- sum
				return
			}
		}
	}
	_, addr := start(t, h)
	c := dial(t, addr)
	_ = c.SetReadBuffer(16 << 10) // its own buffer is not what this is about
	_, _ = io.WriteString(c, get("/ws/a", good))
	if n := <-took; n > 512<<10 {
		t.Errorf("the kernel took %d KB", n>>10)
	}
}

// TestKeepAlive asks for something, is refused, and upgrades, all on one connection.
func TestKeepAlive(t *testing.T) {
	h := newHall()
	_, addr := start(t, h)
	c := dial(t, addr)
	r := bufio.NewReader(c)
	for _, step := range []struct {
		target, headers string
		status          int
	}{{"/health", host, 200}, {"/nowhere", host, 404}, {"/ws/a", host, 426}, {"/ws/a?room=@bob", good, 403}, {"/ws/a", good, http.StatusSwitchingProtocols}} {
		raw := get(step.target, step.headers)
		_, _ = io.WriteString(c, raw)
		if got := readReply(t, r, raw); got.status != step.status {
			t.Fatalf("%s: %d", step.target, got.status)
		}
	}
	h.await(t, "Serve", func(h *hall) bool { return h.served == 1 })
}
