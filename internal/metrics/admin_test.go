package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/hub"
)

// admin runs the pages and returns how to ask for one, and how to end it.
func admin(t *testing.T, o Options) (get func(path string) (int, string), base string, end func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, ln, o) }()
	end = func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	t.Cleanup(func() { end() })
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	base = "http://" + ln.Addr().String()
	return func(path string) (int, string) {
		t.Helper()
		r, err := c.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(body)
	}, base, end
}

func TestPages(t *testing.T) {
	var reason atomic.Pointer[error]
	ready := func() error {
		if r := reason.Load(); r != nil {
			return *r
		}
		return nil
	}
	redis := func() broker.RedisStats { return broker.RedisStats{RoundTrip: 2 * time.Millisecond, Repaired: 7} }
	get, _, end := admin(t, Options{Stats: sample, Ready: ready, Redis: redis, Version: "v1"})
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/", 200, "/metrics"},
		{"/metrics", 200, "hubbub_members 6\n"},
		{"/metrics", 200, "\nhubbub_redis_round_trip_seconds 0.002\n"},
		{"/metrics", 200, "\nhubbub_redis_repaired_messages_total 7\n"},
		{"/metrics", 200, "\ngo_goroutines "},
		{"/metrics", 200, "\nprocess_cpu_seconds_total "},
		{"/metrics", 200, `hubbub_build_info{goversion="go`},
		{"/health", 200, `{"status":"healthy"}`},
		{"/livez", 200, `{"status":"healthy"}`},
		{"/readyz", 200, `{"status":"ready"}`},
		{"/debug/pprof/", 200, "goroutine"},
		{"/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"/debug/pprof/heap?debug=1", 200, "heap profile"},
		{"/debug/pprof/symbol", 200, "num_symbols"},
		{"/nothing", 404, ""},
	} {
		status, body := get(c.path)
		if status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %.200q, want %d and %q in it", c.path, status, body, c.status, c.body)
		}
	}
	why := errors.New(`Redis says "no"`)
	reason.Store(&why)
	if status, body := get("/readyz"); status != 503 || body != `{"status":"not ready","reason":"Redis says \"no\""}` {
		t.Errorf("/readyz of an instance that is not ready: %d %s", status, body)
	}
	if status, _ := get("/livez"); status != 200 {
		t.Errorf("/livez of an instance that stops: %d, want 200, or Kubernetes kills it", status)
	}
	if err := end(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestStopsInspiteOfARequest: what takes long (a profile takes a minute) does not hold up a stop; its connection is closed.
func TestStopsInspiteOfARequest(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	_, base, end := admin(t, Options{Stats: func() hub.Stats {
		close(asked)
		<-answer
		return hub.Stats{}
	}})
	failed := make(chan error, 1)
	go func() {
		r, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(httptest.NewRequest(http.MethodGet, base+"/metrics", nil))
		if err == nil {
			r.Body.Close()
		}
		failed <- err
	}()
	<-asked
	if err := end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if <-failed == nil {
		t.Error("the scrape was answered")
	}
	close(answer)
}

// TestBrokenListener: Run ends with the error, and leaves no goroutine behind (TestMain looks).
func TestBrokenListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := Run(t.Context(), ln, Options{Stats: sample}); err == nil {
		t.Error("Run on a closed listener gives no error")
	}
}
