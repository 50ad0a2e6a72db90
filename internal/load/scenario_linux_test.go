package load

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"hubbub/internal/load/dialect"
)

// short is a run of 60 messages in 2 rooms of 5, of which 20 are warm-up.
var short = Plan{
	Mode: Fanout, Rooms: 2, Members: 5, Publishers: 2, Rate: 100,
	WarmUp: 100 * time.Millisecond, Duration: 200 * time.Millisecond, Grace: 2 * time.Second, ServerPID: []int{os.Getpid()},
}

// at is the plan for a server.
func (p Plan) at(urls ...string) Plan {
	p.URLs = urls
	return p
}

func measure(t *testing.T, p Plan) Result {
	t.Helper()
	r, err := Run(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFanout(t *testing.T) {
	for name, d := range map[string]dialect.Dialect{"json": dialect.Hubbub, "pipe": dialect.Pipe} {
		t.Run(name, func(t *testing.T) {
			p := short.at(startTestHub(t, &testHub{}))
			p.Dialect = d
			r := measure(t, p)
			if !r.Mail.Clean() || r.Mail.Sent != 60 || r.Mail.Delivered != 300 {
				t.Errorf("%s", r.Mail)
			}
			if r.Latency.P50 <= 0 || r.Latency.P99 < r.Latency.P50 || r.Latency.Max < r.Latency.P99 || len(r.Curve) == 0 {
				t.Errorf("latencies %+v, curve %v", r.Latency, r.Curve)
			}
			// What the warm-up left unread may be counted with the rest.
			if n := r.Delivery.Messages; n < 200 || n > 300 {
				t.Errorf("cost of %d messages", n)
			}
			if last := r.Points[len(r.Points)-1]; r.Open != 10 || last.Open != 10 || last.RSS == 0 {
				t.Errorf("%d open at the end, last point %+v", r.Open, last)
			}
		})
	}
}

// TestProcesses: the same in three processes, which know each other's messages by the numbers alone, and over two URLs.
func TestProcesses(t *testing.T) {
	hub := &testHub{}
	url := startTestHub(t, hub)
	p := short.at(url, strings.Replace(url, "127.0.0.1", "localhost", 1))
	p.Processes, p.Client = 3, clientProcess(t)
	r := measure(t, p)
	if !r.Mail.Clean() || r.Mail.Sent != 60 || r.Mail.Delivered != 300 || r.Open != 10 {
		t.Errorf("%s, %d open", r.Mail, r.Open)
	}
	if len(hub.hosts) != 2 {
		t.Errorf("hosts %v, want two", hub.hosts)
	}
	for host, n := range hub.hosts {
		if n != 4 && n != 6 { // each room has five members
			t.Errorf("%d members went to %s", n, host)
		}
	}
	p = short.at(startTestHub(t, &testHub{fault: func(room string, member, n int) fault {
		if room == "load-room-1" && member == 3 && n == 29 {
			return lose
		}
		return deliver
	}}))
	p.Processes, p.Client = 3, clientProcess(t)
	if r := measure(t, p); r.Mail.Lost != 1 || r.Mail.Delivered != 299 {
		t.Errorf("%s", r.Mail)
	}
}

// TestClosedLoop has each room's publications follow each other, and goes on when one is lost.
func TestClosedLoop(t *testing.T) {
	p := short
	p.Rate, p.InFlight, p.Duration = 0, 2, time.Second
	if r := measure(t, p.at(startTestHub(t, &testHub{}))); !r.Mail.Clean() || r.Mail.Sent <= 4 || r.PerSecond <= 0 {
		t.Errorf("%s, %.0f a second", r.Mail, r.PerSecond)
	}
	lossy := &testHub{fault: func(_ string, member, n int) fault {
		if member == 3 && n == 1 {
			return lose
		}
		return deliver
	}}
	p.InFlight, p.Rooms, p.Grace = 1, 1, 200*time.Millisecond
	if r := measure(t, p.at(startTestHub(t, lossy))); r.Mail.Lost != 1 || r.Mail.Sent <= 2 {
		t.Errorf("%s", r.Mail)
	}
}

// TestClosedLoopWaits: when one member of a room gets nothing, nothing follows what is under way.
func TestClosedLoopWaits(t *testing.T) {
	p := short
	p.Rate, p.InFlight, p.Grace = 0, 3, 2*time.Second // longer than it publishes
	deaf := &testHub{fault: func(_ string, member, _ int) fault {
		if member == 2 || member == 3 {
			return lose
		}
		return deliver
	}}
	if r := measure(t, p.at(startTestHub(t, deaf))); r.Mail.Sent != 6 || r.Mail.Lost != 6 {
		t.Errorf("%s, want 3 sent in each of 2 rooms", r.Mail)
	}
}

// TestMeasured: what counts is what arrives after the warm-up, and of that only the latency of what was due after it.
func TestMeasured(t *testing.T) {
	p := short.at("ws://127.0.0.1:1")
	if err := p.Complete(); err != nil {
		t.Fatal(err)
	}
	c, err := newCrowd(t.Context(), share{Plan: p, Of: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.measure(100)
	for i, at := range []struct{ due, came time.Duration }{{10, 50}, {20, 150}, {120, 160}} {
		c.sent[0]++
		payload := fmt.Appendf(nil, `{"type":"message","data":"%s%06x%08x%014x~"}`, stampMark, 0, i, int64(at.due))
		c.message(c.members[0], payload, at.came)
	}
	if c.tally.Delivered != 3 || c.tally.Strays != 0 || c.paid != 2 || c.late.TotalCount() != 1 {
		t.Errorf("%d delivered, %d strays, %d paid for, %d latencies; want 3, 0, 2, 1", c.tally.Delivered, c.tally.Strays, c.paid, c.late.TotalCount())
	}
}

// TestProcessesNeeded: as many as the files need.
func TestProcessesNeeded(t *testing.T) {
	limit, err := fileLimit()
	if err != nil {
		t.Fatal(err)
	}
	room := int(limit) - spareFiles
	for n, want := range map[int]int{1: 1, room: 1, room + 1: 2, 3*room - 1: 3} {
		p := Plan{Rooms: 1, Members: n, Client: []string{"x"}}
		if err := p.processes(); err != nil || p.Processes != want {
			t.Errorf("%d sockets where %d files are allowed: %d processes, %v; want %d", n, limit, p.Processes, err, want)
		}
	}
}

// TestFanoutFaults breaks the hub on purpose: what does not make a checker complain is not checked.
func TestFanoutFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault fault
		n     int // which message of its room meets it
		want  Tally
	}{
		"lost":          {lose, 7, Tally{Delivered: 299, Lost: 1}},
		"the last lost": {lose, 29, Tally{Delivered: 299, Lost: 1}},
		"doubled":       {double, 7, Tally{Delivered: 301, Duplicated: 1}},
		"misrouted":     {misroute, 7, Tally{Delivered: 300, Lost: 1, Strays: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := &testHub{fault: func(room string, member, n int) fault {
				if room == "load-room-1" && member == 3 && n == test.n {
					return test.fault
				}
				return deliver
			}}
			r := measure(t, short.at(startTestHub(t, hub)))
			test.want.Sent, test.want.Expected = 60, 300
			if r.Mail.Clean() || r.Mail.String() != test.want.String() {
				t.Errorf("got  %s\nwant %s", r.Mail, test.want)
			}
		})
	}
	t.Run("swapped", func(t *testing.T) {
		t.Parallel()
		hub := &testHub{fault: func(_ string, member, n int) fault {
			if member == 3 && n == 7 {
				return swap
			}
			return deliver
		}}
		p := short.at(startTestHub(t, hub))
		p.Publishers = 1 // the order is checked by publisher, and neighbours shall have the same
		r := measure(t, p)
		if want := (Tally{Sent: 60, Expected: 300, Delivered: 300, Reordered: 1}); r.Mail.String() != want.String() {
			t.Errorf("got  %s\nwant %s", r.Mail, want)
		}
	})
	t.Run("hung up", func(t *testing.T) {
		t.Parallel()
		hub := &testHub{fault: func(room string, member, n int) fault {
			if room == "load-room-1" && member == 5 && n == 29 {
				return hang
			}
			return deliver
		}}
		r := measure(t, short.at(startTestHub(t, hub)))
		if want := (Tally{Sent: 60, Expected: 300, Delivered: 299, Lost: 1, Closes: map[int]int{1006: 1}}); r.Mail.String() != want.String() {
			t.Errorf("got  %s\nwant %s", r.Mail, want)
		}
	})
}

func TestIdle(t *testing.T) {
	p := Plan{
		Mode: Idle, Rooms: 6, Members: 10, Publishers: 10, Each: 3, Rest: 20 * time.Millisecond, Duration: 20 * time.Millisecond,
		Ramp: 1000, ServerPID: []int{os.Getpid()},
	}
	r := measure(t, p.at(startTestHub(t, &testHub{})))
	if !r.Mail.Clean() || r.Mail.Sent != 180 || r.Mail.Delivered != 1800 || r.Connects <= 0 || r.Before <= 0 {
		t.Errorf("%s: %+v", r.Mail, r)
	}
	if r.Connects > 1050 || r.Connecting.P50 <= 0 {
		t.Errorf("%.0f connects a second, with a ramp of 1000; %+v", r.Connects, r.Connecting)
	}
}

// TestStorm: all come back and get what they missed, or it is said what they did not get.
func TestStorm(t *testing.T) {
	p := Plan{Mode: Storm, Rooms: 3, Members: 5, Missed: 7}
	for name, test := range map[string]struct {
		hub  *testHub
		want Tally
	}{
		"whole": {&testHub{}, Tally{Sent: 21, Expected: 105, Delivered: 105}},
		"one short": {&testHub{fault: func(room string, member, n int) fault {
			if room == "load-room-1" && member == 4 && n == 2 {
				return lose
			}
			return deliver
		}}, Tally{Sent: 21, Expected: 105, Delivered: 104, Lost: 1}},
		"a part is kept": {&testHub{keep: 5}, Tally{Sent: 21, Expected: 105, Delivered: 75, Lost: 30, Errors: map[string]int{"gap": 15}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := measure(t, p.at(startTestHub(t, test.hub)))
			if r.Mail.String() != test.want.String() || r.Storm <= 0 || r.Latency.Max <= 0 {
				t.Errorf("got  %s\nwant %s; took %s, %+v", r.Mail, test.want, r.Storm, r.Latency)
			}
		})
	}
}

// TestSoak: who comes and goes misses nothing, and is not in the latencies.
func TestSoak(t *testing.T) {
	p := short
	p.Mode, p.Churn, p.Rest = Soak, 4, time.Millisecond
	stays, leaves = 40*time.Millisecond, 20*time.Millisecond
	t.Cleanup(func() { stays, leaves = 10*time.Second, 2*time.Second })
	r := measure(t, p.at(startTestHub(t, &testHub{})))
	if !r.Mail.Clean() || r.Mail.Delivered != 300 || r.Open != 10 {
		t.Errorf("%s; %d open", r.Mail, r.Open)
	}
	if came := r.Connecting; came.Max <= 0 {
		t.Errorf("%+v", came)
	}
}

// TestInterrupt: what there is when it is ended is the result, and what was sent is still waited for.
func TestInterrupt(t *testing.T) {
	p := short
	p.Duration = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := Run(ctx, p.at(startTestHub(t, &testHub{})), func(p Point) {
		if p.Phase == "measuring" {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || !r.Mail.Clean() || r.Mail.Sent < 20 || r.Mail.Sent > 10_000 {
		t.Errorf("interrupted %v: %s", r.Interrupted, r.Mail)
	}
}

// TestServerEnds: what was lost by it is told, and that it did.
func TestServerEnds(t *testing.T) {
	server := exec.Command("sleep", "60")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	p := short.at(startTestHub(t, &testHub{}))
	p.ServerPID, p.WarmUp, p.Duration = []int{server.Process.Pid}, 10*time.Millisecond, 2500*time.Millisecond // more than a point's length
	var once sync.Once
	r, err := Run(t.Context(), p, func(Point) {
		once.Do(func() {
			_ = server.Process.Kill()
			_ = server.Wait()
		})
	})
	if err != nil || !r.Mail.Clean() || len(r.Limits) == 0 || !strings.Contains(r.Limits[len(r.Limits)-1], "has ended during the run") {
		t.Errorf("%v; %s; %q", err, r.Mail, r.Limits)
	}
}
