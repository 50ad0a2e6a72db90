package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"hubbub/client"
	"hubbub/hub"
	"hubbub/wire"
)

func TestProbes(t *testing.T) {
	broken := errors.New("the broker is away")
	var reason error
	s, addr := start(t, newHall(), func(o *Options) { o.Ready = func() error { return reason } })
	probe := func(path string) reply { return exchange(t, addr, get(path, host)) }

	r := probe("/health")
	if r.status != 200 || string(r.body) != `{"status":"healthy"}` || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("/health: %d %q %v", r.status, r.body, r.header)
	}
	if r := exchange(t, addr, "HEAD /health HTTP/1.1\r\n"+host+"\r\n"); r.status != 200 || len(r.body) != 0 {
		t.Errorf("HEAD /health: %d %q", r.status, r.body)
	}
	if r := exchange(t, addr, "GET /health HTTP/1.0\r\n\r\n"); r.status != 200 || !r.closed {
		t.Errorf("an old load balancer gets %d", r.status)
	}
	if r := probe("/livez"); r.status != 200 {
		t.Errorf("/livez: %d", r.status)
	}
	if r := probe("/readyz"); r.status != 200 {
		t.Errorf("/readyz: %d", r.status)
	}
	reason = broken
	r = probe("/readyz")
	expectProblem(t, r, 503, wire.Unavailable, false)
	var p struct{ Detail string }
	if err := json.Unmarshal(r.body, &p); err != nil || p.Detail != broken.Error() {
		t.Errorf("/readyz says %q", r.body)
	}
	reason = nil
	s.SetReady(false)
	expectProblem(t, probe("/readyz"), 503, wire.Unavailable, false)
	if r := probe("/livez"); r.status != 200 {
		t.Errorf("/livez while stopping: %d", r.status)
	}
	s.SetReady(true)
	if r := probe("/readyz"); r.status != 200 {
		t.Errorf("/readyz again: %d", r.status)
	}
}

func TestPage(t *testing.T) {
	files := fstest.MapFS{
		"static/index.html":  {Data: []byte("<!doctype html>")},
		"static/app.js":      {Data: []byte("let a = 1")},
		"static/app.d.ts":    {Data: []byte("let a: 1")},
		"static/img/dot.svg": {Data: []byte("<svg/>")},
	}
	h := newHall()
	s := New(Options{Open: h.Open})
	s.page = assets(files)
	s.app = s.newApp()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	defer s.Stop(t.Context())
	addr := l.Addr().String()

	for _, row := range []struct{ path, contentType, body string }{
		{"/", "text/html; charset=utf-8", "<!doctype html>"},
		{"/?name=x", "text/html; charset=utf-8", "<!doctype html>"},
		{"/app.js", "text/javascript; charset=utf-8", "let a = 1"},
		{"/app.d.ts", "text/plain; charset=utf-8", "let a: 1"},
		{"/img/dot.svg", "image/svg+xml", "<svg/>"},
	} {
		r := exchange(t, addr, get(row.path, host))
		if r.status != 200 || string(r.body) != row.body || r.header.Get("Content-Type") != row.contentType {
			t.Errorf("%s: %d %q %v", row.path, r.status, r.body, r.header)
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"} {
			if r.header.Get(name) == "" {
				t.Errorf("%s without %s", row.path, name)
			}
		}
		etag := r.header.Get("ETag")
		for _, tags := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
			if r := exchange(t, addr, get(row.path, host+"If-None-Match: "+tags+"\r\n")); r.status != 304 || r.header.Get("ETag") != etag {
				t.Errorf("%s with If-None-Match %s: %d", row.path, tags, r.status)
			}
		}
		head := exchange(t, addr, "HEAD "+row.path+" HTTP/1.1\r\n"+host+"\r\n")
		if head.status != 200 || head.header.Get("Content-Length") != r.header.Get("Content-Length") || head.header.Get("ETag") != etag {
			t.Errorf("HEAD %s: %d %v", row.path, head.status, head.header)
		}
	}
	for _, path := range []string{"/index.html/", "/img", "/img/", "/static/app.js", "/../server.go"} {
		if r := exchange(t, addr, get(path, host)); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

// TestStop: a handshake in flight is told, a connection that says nothing does not hold anybody up, an upgraded one goes on until its server ends it.
func TestStop(t *testing.T) {
	o := newOpener()
	release := make(chan struct{})
	o.serve = func(_ client.Request, conn hub.Conn, _ []byte) { <-release }
	s := New(Options{Open: o.open})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	addr := l.Addr().String()

	upgraded := dial(t, addr)
	_, _ = io.WriteString(upgraded, get("/ws/a", good))
	<-o.entered
	o.leave <- struct{}{}
	o.await(t, "Serve", func(h *hall) bool { return h.served == 1 })
	silent := dial(t, addr)
	inFlight := dial(t, addr)
	_, _ = io.WriteString(inFlight, get("/ws/b", good))
	<-o.entered

	before := time.Now()
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if took := time.Since(before); took > 4*time.Second {
		t.Errorf("Stop took %v", took)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if all, _ := io.ReadAll(inFlight); string(all[:min(12, len(all))]) != "HTTP/1.1 503" {
		t.Errorf("the handshake in flight got %q", all)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent connection got something")
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the listener is still there")
	}
	if o.ended != 0 {
		t.Error("the upgraded connection did not outlive Stop")
	}
	close(release)
	s.Wait()
	if o.ended != 1 {
		t.Error("Wait did not wait")
	}
	if err := s.Serve(l); err != nil && !isClosed(err) {
		t.Errorf("Serve after Stop: %v", err)
	}
}

func TestStopBeforeServe(t *testing.T) {
	s := New(Options{Open: newHall().Open})
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); err != nil {
		t.Error(err)
	}
}

// TestStopGivesUp has a request in flight that outlives Stop's context.
func TestStopGivesUp(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s, addr := start(t, newHall(), func(o *Options) {
		o.Ready = func() error { close(entered); <-leave; return nil }
	})
	c := dial(t, addr)
	_, _ = io.WriteString(c, get("/readyz", host))
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop: %v", err)
	}
	close(leave)
}

// TestSlowRequest: half a handshake does not hold a connection for longer than ReadTimeout.
func TestSlowRequest(t *testing.T) {
	_, addr := start(t, newHall(), func(o *Options) { o.ReadTimeout = 20 * time.Millisecond })
	expectProblem(t, exchange(t, addr, "GET /ws/a HTTP/1.1\r\nHost: x\r\n"), 408, codeTimeout, false)
	if all, err := io.ReadAll(dial(t, addr)); err != nil || len(all) != 0 {
		t.Errorf("who says nothing gets %q, %v", all, err)
	}
}

// short is a listener on a machine that is short of descriptors twice.
type short struct {
	net.Listener
	errs []error
}

func (s *short) Accept() (net.Conn, error) {
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: err}
	}
	return s.Listener.Accept()
}

func TestAcceptSurvivesShortage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Open: newHall().Open, Log: slog.New(slog.DiscardHandler)})
	served := make(chan error, 1)
	go func() { served <- s.Serve(&short{l, []error{syscall.EMFILE, syscall.ECONNABORTED}}) }()
	if r := exchange(t, l.Addr().String(), get("/health", host)); r.status != 200 {
		t.Errorf("after a shortage: %d", r.status)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
