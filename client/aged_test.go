package client

import (
	"testing"
	"time"

	"hubbub/internal/retain"
)

// A log whose messages have all become too old tells where it stands: the next message goes on counting, and who comes back is told exactly
// what it has missed.
func TestAgedLog(t *testing.T) {
	in(t, settings{keep: retain.Limits{Age: time.Minute}}, func(w *world) {
		a := w.json("alice")
		epoch := a.ask(`{"type":"join","ref":1,"room":"r"}`, "joined").Position.Epoch
		for range 3 {
			a.say(`{"type":"publish","room":"r","data":1}`)
		}
		if got := a.story(); got != "1 2 3" {
			t.Fatal(got)
		}
		wantLog := func(first, last uint64, messages int) {
			t.Helper()
			for _, ask := range []string{``, `,"after":1`, `,"before":9`, `,"limit":0`} {
				k := w.json("carol")
				e := k.ask(`{"type":"history","ref":1,"room":"r"`+ask+`}`, "history")
				want := messages
				if ask == `,"limit":0` {
					want = 0
				}
				if e.Epoch != epoch || e.First != first || e.Last != last || len(e.Messages) != want {
					t.Errorf("history%s: from %d to %d, %d messages", ask, e.First, e.Last, len(e.Messages))
				}
				k.conn.Hang()
			}
		}
		all := []*talker{a}
		for range 20 { // 100 s
			time.Sleep(5 * time.Second)
			pongs(all)
		}
		wantLog(4, 3, 0)
		b := w.json("bob")
		b.say(`{"type":"join","ref":1,"room":"r","after":{"epoch":"` + epoch + `","offset":1}}`)
		if got := b.story(); got != "joined3 gap2-3" {
			t.Error(got)
		}
		a.say(`{"type":"publish","room":"r","data":1}`)
		if got := b.story(); got != "4" {
			t.Error(got)
		}
		wantLog(4, 4, 1)
		if n := w.hub.Stats().LogBytes; n == 0 || n > 1000 {
			t.Errorf("%d bytes are kept", n)
		}
	})
}
