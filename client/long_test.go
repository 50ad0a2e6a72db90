package client

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// What shows only after a while, or when things cross.

// pongs answers every ping that has come, for all of them.
func pongs(all []*talker) {
	for _, k := range all {
		for _, f := range k.frames() {
			if f.Op == wire.OpPing {
				k.conn.Feed(testkit.Part(wire.OpPong, true, f.Payload))
			}
		}
	}
}

// Who answers every ping stays, however many come and go meanwhile and move places in the sweep.
func TestSweepLeavesNobodyOut(t *testing.T) {
	in(t, settings{}, func(w *world) {
		var all []*talker
		open := func(n int) {
			for range n {
				all = append(all, w.open(Request{Dialect: wire.Echo}))
			}
		}
		open(50)
		for quarter := range 800 { // 200 s
			switch quarter {
			case 150:
				open(50)
			case 225:
				open(200)
			case 312:
				open(300)
			case 450:
				for i := 0; i < len(all); i += 2 {
					all[i].conn.Hang()
				}
			}
			time.Sleep(250 * time.Millisecond)
			synctest.Wait()
			pongs(all)
		}
		if c := w.hub.Stats().Closes; c[wire.CloseSilent] > 0 || c[closeLost] != 300 {
			t.Errorf("closes: %v", c)
		}
	})
}

// A room that nobody is in is given up after a while, whatever other rooms do.
func TestIdleRoomsAreForgotten(t *testing.T) {
	in(t, settings{}, func(w *world) {
		all := []*talker{w.json("alice"), w.json("mallory")}
		all[1].say(`{"type":"join","room":"flap"}`, `{"type":"leave","room":"flap"}`)
		synctest.Wait()
		all[0].say(`{"type":"join","room":"a"}`, `{"type":"leave","room":"a"}`)
		for range 5 {
			time.Sleep(20 * time.Second)
			all[1].say(`{"type":"join","room":"flap"}`, `{"type":"leave","room":"flap"}`)
			synctest.Wait()
			pongs(all)
		}
		if s := w.hub.Stats(); s.Rooms != 1 {
			t.Errorf("%d rooms, want the one that flaps", s.Rooms)
		}
		time.Sleep(40 * time.Second)
		if s := w.hub.Stats(); s.Rooms != 0 || s.LogBytes != 0 {
			t.Errorf("%d rooms, %d bytes", s.Rooms, s.LogBytes)
		}
	})
}

// What `last` forgives ends where the log ended at the join, also when the socket takes nothing for a while.
func TestLastForgivesOnlyThePast(t *testing.T) {
	in(t, settings{keep: retain.Limits{Messages: 10}}, func(w *world) {
		a := w.json("alice")
		for range 10 {
			a.ask(`{"type":"publish","ref":1,"room":"r","data":1}`, "published")
		}
		probe := w.json("bob")
		probe.say(`{"type":"join","ref":1,"room":"r"}`)
		joined := len(probe.frames()[0].Payload) + 2 // its frame has a short header
		k := w.json("carol")
		k.conn.Take(joined)
		k.say(`{"type":"join","ref":1,"room":"r","last":5}`)
		synctest.Wait()
		for range 20 {
			a.ask(`{"type":"publish","ref":1,"room":"r","data":1}`, "published")
		}
		k.conn.Take(-1)
		want := "joined10 gap11-20"
		for i := 21; i <= 30; i++ {
			want += fmt.Sprint(" ", i)
		}
		if got := k.story(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// Somebody who took the close frame and does not close in turn holds a drain up for a moment only.
func TestDrainDoesNotWaitForTheRude(t *testing.T) {
	in(t, settings{}, func(w *world) {
		w.json("alice")
		synctest.Wait()
		begin := time.Now()
		w.clients.Drain(w.t.Context(), 30*time.Second)
		if took := time.Since(begin); took > 3*grace {
			t.Errorf("it took %v", took)
		}
	})
}

// A connection whose upgrade ends while the drain does is cut like the others.
func TestDrainCutsWhoComesLate(t *testing.T) {
	in(t, settings{}, func(w *world) {
		c, err := w.clients.Open(w.t.Context(), Request{Client: "alice", Dialect: wire.Echo})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(11 * time.Second)
			c.Serve(testkit.NewConn(), nil)
		}()
		begin := time.Now()
		w.clients.Drain(w.t.Context(), 10*time.Second)
		if took := time.Since(begin); took > 12*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A signal does not overtake what was published before it.
func TestSignalsKeepTheirPlace(t *testing.T) {
	in(t, settings{}, func(w *world) {
		a, b := w.json("alice"), w.json("bob")
		b.ask(`{"type":"join","room":"r"}`, "joined")
		p, s := testkit.Text(`{"type":"publish","room":"r","data":1}`), testkit.Text(`{"type":"signal","room":"r","data":2}`)
		n := 0
		for range 20 {
			for _, order := range []string{"ps", "sp", "sps"} {
				var all []byte
				var want []string
				for _, c := range order {
					if c == 'p' {
						n++
						all, want = append(all, p...), append(want, fmt.Sprint(n))
					} else {
						all, want = append(all, s...), append(want, "signal")
					}
				}
				a.conn.Feed(all)
				if got := b.story(); got != strings.Join(want, " ") {
					t.Fatalf("%s: %s", order, got)
				}
			}
		}
	})
}

// In a large room that is always dirty a round waits for its window: few writes, each with many messages.
func TestBusyRoomsShareWrites(t *testing.T) {
	in(t, settings{}, func(w *world) {
		var all []*talker
		for i := range 500 { // a window of 10 ms
			all = append(all, w.pipe(fmt.Sprint("p", i), "r"))
		}
		synctest.Wait()
		a := w.json("alice")
		before := all[0].conn.Writes()
		for range 200 {
			a.say(`{"type":"publish","room":"r","data":1}`)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := all[0].conn.Writes() - before; n < 15 || n > 30 {
			t.Errorf("%d writes in 200 ms", n)
		}
		if n := strings.Count(show(all[0].frames()), ":1"); n != 200 {
			t.Errorf("%d messages", n)
		}
	})
}
