package load

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestLimits: when it was not the server that was measured, it is said.
func TestLimits(t *testing.T) {
	quiet := Machine{Cores: 2, Load: "0.10 0 0"}
	good := Result{Machine: quiet, Busiest: 0.5, Behind: time.Millisecond, Latency: Latency{P99: 5 * time.Millisecond}, Delivery: Cost{Messages: 10, Server: 20, Client: 10}}
	if good.limits(); len(good.Limits) != 0 {
		t.Errorf("limits of a good run: %q", good.Limits)
	}
	for want, r := range map[string]Result{
		"was busy 95 % of the time":     {Machine: quiet, Busiest: 0.95},
		"sent late itself, p99 12ms":    {Machine: quiet, Behind: 12 * time.Millisecond, Latency: Latency{P99: 50 * time.Millisecond}},
		"took more CPU than the server": {Machine: quiet, Delivery: Cost{Messages: 10, Server: 10, Client: 20}},
		"other machines on the same":    {Machine: quiet, Stolen: 0.05},
	} {
		if r.limits(); len(r.Limits) != 1 || !strings.Contains(r.Limits[0], want) {
			t.Errorf("limits %q, want %q", r.Limits, want)
		}
	}
	// Late, but the server was far later.
	late := Result{Machine: quiet, Behind: 12 * time.Millisecond, Latency: Latency{P99: time.Second}}
	if late.limits(); len(late.Limits) != 0 {
		t.Errorf("limits %q", late.Limits)
	}
}

func TestTrend(t *testing.T) {
	var flat, grows []Point
	for i := range 100 {
		at := float64(i) * 36 // an hour in all
		rss := int64(100 << 20)
		if i < 20 {
			rss = int64(i) * 5 << 20 // caches fill
		}
		flat = append(flat, Point{At: at, RSS: rss})
		grows = append(grows, Point{At: at, RSS: rss + int64(i)<<20})
	}
	for name, test := range map[string]struct {
		points    []Point
		low, high float64
	}{"flat": {flat, -1, 1}, "grows": {grows, 99 << 20, 101 << 20}, "nothing": {nil, 0, 0}, "one": {flat[:1], 0, 0}} {
		if got := trend(test.points); got < test.low || got > test.high {
			t.Errorf("%s: %.0f bytes an hour, want %.0f to %.0f", name, got, test.low, test.high)
		}
	}
}

// TestSeriesThins: a run of hours does not fill the memory, and its points stay evenly spaced.
func TestSeriesThins(t *testing.T) {
	s := &series{stride: 1}
	for i := range 5 * maxPoints {
		s.keep(Point{At: float64(i)})
	}
	if n := len(s.points); n >= maxPoints || n < maxPoints/4 {
		t.Fatalf("%d points", n)
	}
	for i := 1; i < len(s.points); i++ {
		if gap := s.points[i].At - s.points[i-1].At; gap != float64(s.stride) {
			t.Fatalf("%.0f s between two points, with a stride of %d", gap, s.stride)
		}
	}
}

func TestRequestPath(t *testing.T) {
	for _, test := range []struct{ url, path, want string }{
		{"ws://h", "/ws/${client}", "/ws/${client}"},
		{"ws://h/", "/ws/${client}", "/ws/${client}"},
		{"ws://h/chat/ws", "/ws/${client}", "/chat/ws/${client}"},
		{"ws://h/chat/", "/ws/${client}?room=${room}", "/chat/${client}?room=${room}"},
		{"ws://h?token=x", "/ws/${client}?room=${room}", "/ws/${client}?room=${room}&token=x"},
		{"ws://h/echo?x=1", "/", "/echo?x=1"},
		{"ws://h", "/socket/websocket?vsn=2", "/socket/websocket?vsn=2"},
		{"ws://h/live", "/socket/websocket?vsn=2", "/live?vsn=2"},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := requestPath(u, test.path); got != test.want {
			t.Errorf("%s and %s: %s, want %s", test.url, test.path, got, test.want)
		}
	}
}
