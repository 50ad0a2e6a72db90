package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// Everybody is pinged once an interval; who is silent for two is given up.
func TestPings(t *testing.T) {
	in(t, settings{}, func(w *world) {
		alive, dead := w.open(Request{Dialect: wire.Echo}), w.json("dead")
		pings := 0
		for range 100 {
			time.Sleep(2500 * time.Millisecond)
			for _, f := range alive.frames() {
				if f.Op == wire.OpPing {
					pings++
					alive.conn.Feed(testkit.Part(wire.OpPong, true, f.Payload))
				}
			}
		}
		if pings < 9 || pings > 11 {
			t.Errorf("%d pings in ten intervals", pings)
		}
		alive.wantOpen()
		f := dead.frames()
		if len(f) < 2 || len(f) > 4 || f[len(f)-1].Close() != wire.CloseSilent {
			t.Error(show(f))
		}
	})
}

// Who stops reading is cut after the write timeout; who reads on slowly is not.
func TestStalledAndSlow(t *testing.T) {
	in(t, settings{}, func(w *world) {
		a, stalled, slow := w.json("alice"), w.json("bob"), w.json("carol")
		for _, k := range []*talker{stalled, slow} {
			k.ask(`{"type":"join","room":"r"}`, "joined")
			k.conn.Take(10)
		}
		for i := range 100 {
			a.ask(fmt.Sprintf(`{"type":"publish","ref":1,"room":"r","data":%d}`, i), "published")
		}
		if n := w.hub.Stats().SlowLane; n != 2 {
			t.Errorf("%d in the slow lane", n)
		}
		for range 8 { // twenty minutes
			time.Sleep(20 * time.Second)
			slow.conn.Feed(testkit.Part(wire.OpPong, true, nil))
			stalled.conn.Feed(testkit.Part(wire.OpPong, true, nil))
			slow.conn.Take(100)
		}
		if _, closed := stalled.conn.Ended(); !closed {
			t.Error("who does not read is still connected")
		}
		if n := w.hub.Stats().Closes[wire.CloseStalled]; n != 1 {
			t.Errorf("%d closes with 4001", n)
		}
		slow.conn.Take(-1)
		e := slow.events()
		for i, e := range e {
			if e.Offset != uint64(i)+1 {
				t.Fatalf("%d comes as %d", e.Offset, i+1)
			}
		}
		if len(e) != 100 {
			t.Errorf("%d messages", len(e))
		}
		slow.wantOpen()
		if n := w.hub.Stats().SlowLane; n != 0 {
			t.Errorf("%d in the slow lane", n)
		}
	})
}

// A stalled member that comes back after the retention was passed: one gap of the right size, then everything.
func TestStallBeyondRetention(t *testing.T) {
	in(t, settings{keep: retain.Limits{Messages: 50}}, func(w *world) {
		a, k := w.json("alice"), w.json("bob")
		k.ask(`{"type":"join","room":"r"}`, "joined")
		k.conn.Take(0)
		for i := range 500 {
			a.ask(fmt.Sprintf(`{"type":"publish","ref":1,"room":"r","data":%d}`, i), "published")
		}
		if n := w.hub.Stats().LogBytes; n > 50*1024 {
			t.Errorf("the log holds %d bytes", n)
		}
		k.conn.Take(-1)
		want := "1 gap2-450"
		for i := 451; i <= 500; i++ {
			want += fmt.Sprint(" ", i)
		}
		if got := k.story(); got != want && got != strings.Replace(want, "1 gap2", "gap1", 1) {
			t.Error(got)
		}
	})
}

// Answers keep going to a slow client, between whole frames; its reader is held back while they pile up.
func TestAnswersPileUpOnlySoFar(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.json("alice")
		k.conn.Take(7)
		for i := range 5000 {
			k.say(fmt.Sprintf(`{"type":"publish","ref":%d,"room":"r","data":"%s"}`, i, strings.Repeat("x", 100)))
		}
		synctest.Wait()
		if n := w.hub.Stats().Published; n > 2000 {
			t.Errorf("%d of 5000 publishes were taken of a client that does not read", n)
		}
		k.conn.Take(-1)
		if n := len(k.events()); n != 5000 {
			t.Errorf("%d answers", n)
		}
	})
}

// Who is in the slow lane misses signals and presence; when it has read everything, it is told how many there are.
func TestSlowLaneMissesSides(t *testing.T) {
	in(t, settings{}, func(w *world) {
		a, k := w.json("alice"), w.json("bob")
		k.ask(`{"type":"join","room":"r","presence":true}`, "joined")
		time.Sleep(time.Second)
		k.events()
		k.conn.Take(0)
		a.ask(`{"type":"publish","ref":1,"room":"r","data":1}`, "published")
		a.say(`{"type":"signal","room":"r","data":1}`)
		a.ask(`{"type":"join","room":"r"}`, "joined")
		time.Sleep(time.Second)
		synctest.Wait()
		k.conn.Take(-1)
		e := k.events()
		if len(e) != 2 || e[0].Offset != 1 || e[1].Type != "presence" || e[1].Count != 2 || e[1].Left != nil || e[1].Joined != nil {
			t.Errorf("%+v", e)
		}
		if n := w.hub.Stats().SignalsDropped; n != 2 {
			t.Errorf("%d dropped", n)
		}
		a.ask(`{"type":"leave","ref":1,"room":"r"}`, "left")
		time.Sleep(time.Second)
		if e := k.events(); len(e) != 1 || e[0].Count != 1 || fmt.Sprint(e[0].Left) != "[alice]" {
			t.Errorf("%+v", e)
		}
		w.pipe("dev", "r")
		time.Sleep(time.Second)
		if e := k.events(); len(e) != 1 || fmt.Sprint(e[0].Joined) != "[dev]" {
			t.Errorf("%+v", e)
		}
	})
}

func TestDrain(t *testing.T) {
	in(t, settings{wrap: func(b broker.Broker) broker.Broker { return slowly{b} }}, func(w *world) {
		a, idle, pipe, echo := w.json("alice"), w.json("bob"), w.pipe("dev", "r"), w.open(Request{Dialect: wire.Echo})
		lagging := w.json("carol")
		lagging.ask(`{"type":"join","room":"r"}`, "joined")
		lagging.conn.Take(1)
		idle.ask(`{"type":"join","room":"r"}`, "joined")
		a.say(`{"type":"publish","ref":1,"room":"r","data":"last words"}`)
		synctest.Wait()
		drained := make(chan time.Duration, 1)
		go func() {
			begin := time.Now()
			w.clients.Drain(w.t.Context(), 10*time.Second)
			drained <- time.Since(begin)
		}()
		synctest.Wait()
		if _, err := w.clients.Open(w.t.Context(), Request{Client: "late", Dialect: wire.Echo}); asError(err).Code != wire.Unavailable {
			t.Error(err)
		}
		a.say(`{"type":"publish","ref":2,"room":"r","data":"too late"}`)
		time.Sleep(5 * time.Second)
		if e := a.events(); len(e) != 1 || e[0].Type != "published" {
			t.Errorf("what was under way has to be answered, and what comes later not: %+v", e)
		}
		// talkers that never close by themselves are waited for a moment
		for k, want := range map[*talker]string{
			idle: "last words", pipe: "last words", echo: "",
		} {
			f := k.frames()
			if len(f) == 0 || f[len(f)-1].Close() != wire.CloseRestarting || !strings.Contains(show(f), want) {
				t.Errorf("got %s, want %s and 1012", show(f), want)
			}
			k.conn.Hang()
		}
		lagging.conn.Take(-1)
		if f := lagging.frames(); len(f) < 2 || f[len(f)-1].Close() != wire.CloseRestarting || !strings.Contains(show(f), "last words") {
			t.Errorf("got %s, want what was under way and 1012", show(f))
		}
		lagging.conn.Hang()
		a.conn.Hang()
		if took := <-drained; took > 9*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// slowly is a broker whose answers take two seconds.
type slowly struct{ broker.Broker }

func (s slowly) Publish(room string, m []wire.Message, done func([]broker.Accepted)) {
	s.Broker.Publish(room, m, func(a []broker.Accepted) {
		a = append([]broker.Accepted(nil), a...)
		go func() {
			time.Sleep(2 * time.Second)
			done(a)
		}()
	})
}

// Who does not leave is cut when the time is over, however short that is: who does not answer the close frame, who does not
// read it, and who is told at the last moment.
func TestDrainCutsWhoStays(t *testing.T) {
	for _, limit := range []time.Duration{100 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 10 * time.Second} {
		in(t, settings{wrap: func(b broker.Broker) broker.Broker { return slowly{b} }}, func(w *world) {
			all := []*talker{w.json("alice"), w.json("bob"), w.json("carol")}
			stalled, unanswered := all[1], all[2]
			stalled.ask(`{"type":"join","ref":1,"room":"r"}`, "joined")
			stalled.conn.Take(0)
			all[0].say(`{"type":"publish","room":"r","data":1}`)
			time.Sleep(3 * time.Second)
			unanswered.say(`{"type":"publish","ref":1,"room":"r","data":2}`)
			for range 1000 {
				all = append(all, w.open(Request{Dialect: wire.Echo}))
			}
			synctest.Wait()
			begin := time.Now()
			w.clients.Drain(w.t.Context(), limit)
			if took := time.Since(begin); took > limit {
				t.Errorf("of %v it took %v", limit, took)
			}
			for _, k := range all {
				if _, closed := k.conn.Ended(); !closed {
					t.Fatal("a socket is still open")
				}
			}
			time.Sleep(2 * time.Second) // the broker answers
		})
	}
}

// Many are told in batches over a while, few at once.
func TestDrainIsPaced(t *testing.T) {
	in(t, settings{}, func(w *world) {
		var all []*talker
		for range 2000 {
			all = append(all, w.open(Request{Dialect: wire.Echo}))
		}
		synctest.Wait()
		go w.clients.Drain(w.t.Context(), 10*time.Second)
		time.Sleep(time.Second)
		told := 0
		for _, k := range all {
			if len(k.frames()) > 0 {
				told++
				k.conn.Hang()
			}
		}
		if told < 500 || told > 1500 {
			t.Errorf("%d of 2000 were told within the first of two seconds", told)
		}
		time.Sleep(1500 * time.Millisecond)
		for _, k := range all {
			k.conn.Hang()
		}
		synctest.Wait()
		if n := w.hub.Stats().Closes[wire.CloseRestarting]; n != 2000 {
			t.Errorf("%d were told", n)
		}
	})
}

// The hub shows itself through itself.
func TestStatusRoom(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.json("alice")
		k.ask(`{"type":"join","room":"$status"}`, "joined")
		time.Sleep(3 * time.Second)
		e := k.events()
		if len(e) < 2 || len(e) > 4 {
			t.Fatalf("%+v", e)
		}
		for _, e := range e {
			if e.Type != "signal" || string(e.From) != `"i"` || !strings.Contains(string(e.Data), `"connections":1,`) {
				t.Errorf("%+v", e)
			}
		}
		if s := figures(t, e[0].Data); sum(s.Latency) != 0 {
			t.Errorf("nothing was delivered, and %v", s.Latency)
		}

		// Three messages to one member, all within no time: this bubble's clock stands still meanwhile.
		k.ask(`{"type":"join","room":"lobby"}`, "joined")
		for range 3 {
			k.say(`{"type":"publish","room":"lobby","data":1}`)
		}
		synctest.Wait()
		k.events()
		time.Sleep(time.Second)
		e = k.events()
		s := figures(t, e[len(e)-1].Data)
		if len(s.Latency) != len(s.LatencyBounds)+1 || s.Latency[0] != 3 || sum(s.Latency) != 3 {
			t.Errorf("latency %v in ranges up to %v", s.Latency, s.LatencyBounds)
		}
		if !slices.IsSorted(s.LatencyBounds) || s.LatencyBounds[0] != 1 || !slices.Contains(s.LatencyBounds, 2.5) {
			t.Errorf("ranges in milliseconds: %v", s.LatencyBounds)
		}
	})
}

type latencies struct {
	Latency       []uint64  `json:"latency"`
	LatencyBounds []float64 `json:"latency_bounds"`
}

func figures(t *testing.T, data []byte) (s latencies) {
	t.Helper()
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
