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
