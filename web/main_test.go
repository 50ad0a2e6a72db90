package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hubbub/client"
	"hubbub/hub"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Both are fasthttp's: one lives as long as the program, one sleeps for ten seconds before it sees that its server is gone.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is for what must happen; a test that passes never waits for it.
const patience = 10 * time.Second

// pad is a hub.Buffer of one fixed size that counts who has it.
type pad struct {
	mem  []byte
	lent int
}

func newPad(n int) *pad            { return &pad{mem: make([]byte, n)} }
func (p *pad) Borrow() []byte      { p.lent++; return p.mem }
func (p *pad) GiveBack()           { p.lent-- }
func (p *pad) filled(n int) []byte { p.lent--; return p.mem[:n] }

// fakeConnection records what it was given, and serves with a function of the test.
type fakeConnection struct {
	serve func(conn hub.Conn, early []byte)
	hall  *hall
}

func (f *fakeConnection) Serve(conn hub.Conn, early []byte) {
	f.hall.count(&f.hall.served)
	f.serve(conn, early)
	f.hall.count(&f.hall.ended)
}

func (f *fakeConnection) Abandon() {
	f.hall.count(&f.hall.abandoned)
}

// hall opens fake connections and counts what becomes of them.
type hall struct {
	refuse error
	serve  func(r client.Request, conn hub.Conn, early []byte) // nil: read to the end

	mu                               sync.Mutex // guards what follows
	changed                          chan struct{}
	opened, served, ended, abandoned int
	requests                         []client.Request
}

func newHall() *hall { return &hall{changed: make(chan struct{})} }

func (h *hall) count(n *int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*n++
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *hall) Open(_ context.Context, r client.Request) (Connection, error) {
	if h.refuse != nil {
		return nil, h.refuse
	}
	h.mu.Lock()
	h.requests = append(h.requests, r)
	h.mu.Unlock()
	h.count(&h.opened)
	return &fakeConnection{hall: h, serve: func(conn hub.Conn, early []byte) {
		defer conn.Close()
		if h.serve != nil {
			h.serve(r, conn, early)
			return
		}
		p := newPad(512)
		for {
			if _, err := read(conn, p); err != nil {
				return
			}
		}
	}}, nil
}

// await blocks until ok says yes of the counts.
func (h *hall) await(t testing.TB, what string, ok func(h *hall) bool) {
	t.Helper()
	late := time.After(patience)
	for {
		h.mu.Lock()
		done, changed := ok(h), h.changed
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s did not happen: opened %d, served %d, ended %d, abandoned %d", what, h.opened, h.served, h.ended, h.abandoned)
		}
	}
}

// start serves on a port of its own until the test ends, and returns the address.
func start(t testing.TB, h *hall, change ...func(*Options)) (*Server, string) {
	t.Helper()
	opts := Options{Open: h.Open, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&opts)
	}
	s := New(opts)
	l, err := (&net.ListenConfig{KeepAlive: -1}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		s.Wait()
	})
	return s, l.Addr().String()
}

// dial returns a connection that is closed before the server stops.
func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// reply is a response that was read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
	closed bool // the server hung up behind it
}

// exchange sends raw bytes and reads one response; the request's method decides whether it has a body.
func exchange(t testing.TB, addr, raw string) reply {
	t.Helper()
	c := dial(t, addr)
	defer c.Close()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	return readReply(t, bufio.NewReader(c), raw)
}

func readReply(t testing.TB, r *bufio.Reader, raw string) reply {
	t.Helper()
	method, _, _ := bytes.Cut([]byte(raw), []byte(" "))
	resp, err := http.ReadResponse(r, &http.Request{Method: string(method)})
	if err != nil {
		t.Fatalf("no response to %.80q: %v", raw, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body, closed: resp.Close}
}
