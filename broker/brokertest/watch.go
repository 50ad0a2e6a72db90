package brokertest

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"hubbub/broker"
	"hubbub/wire"
)

func watchTail(t *testing.T, f Factory) {
	r := start(t, f, open)
	at := r.fill("lobby", 1, 20)
	h := r.sinks[0].watch(r.brokers[0], "lobby")
	same(t, "position", at, wire.Position{Epoch: h.epoch, Offset: h.start})
	same(t, "tail", count(1, 20), payloads(h.tail))
	r.fill("lobby", 21, 30)
	same(t, "delivered", count(21, 30), payloads(r.sinks[0].reaches("lobby", 30).messages))
}

func watchUnknown(t *testing.T, f Factory) {
	r := start(t, f, open)
	h := r.sinks[0].watch(r.brokers[0], "lobby")
	if h.epoch == "" || h.start != 0 || len(h.tail) != 0 {
		t.Errorf("a new room is watched at %q, %d with %d messages", h.epoch, h.start, len(h.tail))
	}
	if p := r.history("lobby", wire.Position{}, 10); p.Epoch != h.epoch || p.First != 1 || p.Last != 0 {
		t.Errorf("its history is %+v", p)
	}
	if at := r.fill("lobby", 1, 1); at.Epoch != h.epoch {
		t.Errorf("its first message is of epoch %q, not %q", at.Epoch, h.epoch)
	}
	r.sinks[0].reaches("lobby", 1)
}

// watchEdges: on again is nothing, off and on again is another Watching, even if nobody looked in between.
func watchEdges(t *testing.T, f Factory) {
	r := start(t, f, open)
	b, sink := r.brokers[0], r.sinks[0]
	for range 3 {
		b.Watch("lobby", true)
	}
	sink.await("lobby", "Watching", func(h heard) bool { return h.watchings == 1 })
	b.Watch("lobby", true)
	b.Watch("lobby", true)
	r.fill("lobby", 1, 3)
	if h := sink.reaches("lobby", 3); h.watchings != 1 {
		t.Errorf("on and on again were %d Watching", h.watchings)
	}
	for i := 2; i < 20; i++ {
		b.Watch("lobby", false)
		b.Watch("lobby", true)
		if h := sink.await("lobby", "another Watching", func(h heard) bool { return h.watchings >= i }); h.watchings > i {
			t.Fatalf("%d Watching after %d times on", h.watchings, i)
		}
	}
	r.fill("lobby", 4, 6)
	same(t, "delivered", count(1, 6), payloads(sink.reaches("lobby", 6).messages))
}

func watchOff(t *testing.T, f Factory) {
	r := start(t, f, open)
	b, sink := r.brokers[0], r.sinks[0]
	b.Watch("never", false)
	sink.watch(b, "lobby")
	sink.watch(b, "fence")
	b.Watch("lobby", false)
	// Off takes effect soon, not at once: messages are published until one has not come.
	for n := uint64(1); ; n++ {
		r.fill("lobby", int(n), int(n))
		r.fill("fence", int(n), int(n))
		sink.reaches("fence", n)
		if h := sink.of("lobby"); h.last < n {
			break
		}
		if n == 1000 {
			t.Fatal("a room that is off is still delivered")
		}
	}
	before := sink.of("lobby")
	b.Signal("lobby", text(0))
	at := r.fill("lobby", 1, 10)
	h := sink.watch(b, "lobby")
	if h.start != at.Offset || len(h.messages) != len(before.messages) || len(h.signals) != 0 {
		t.Errorf("watched again at %d with %d messages and %d signals heard meanwhile, want %d and none",
			h.start, len(h.messages)-len(before.messages), len(h.signals), at.Offset)
	}
	if never := sink.of("never"); never.watchings != 0 {
		t.Error("a room that was off only is watched")
	}
}

// watchUnderPublishing: whatever way off and on fall between messages, none is lost or doubled. That they
// are consecutive is the recorder's to check; that tail and delivery hold what was published is checked here.
func watchUnderPublishing(t *testing.T, f Factory) { toggle(t, start(t, f, open), 3000) }

func severalStress(t *testing.T, f Factory) {
	toggle(t, start(t, f, Options{Instances: 2}), 999)
}

func toggle(t *testing.T, r *rig, messages int) {
	const rooms, publishers = 3, 3
	all := int64(publishers * messages)
	var work, togglers sync.WaitGroup
	var published atomic.Int64 // answers so far; the togglers' clock
	for p := range publishers {
		b := r.brokers[p%len(r.brokers)]
		work.Go(func() {
			window := make(chan struct{}, 16) // publishes without an answer
			for i := range messages {
				window <- struct{}{}
				b.Publish(fmt.Sprint(i%rooms), []wire.Message{message(fmt.Sprint(p), fmt.Sprintf("%d/%d", p, i))}, func(a []broker.Accepted) {
					if a[0].Err != nil {
						t.Errorf("publish: %v", a[0].Err)
					}
					published.Add(1)
					<-window
				})
			}
		})
	}
	for i, b := range r.brokers {
		for room := range rooms {
			togglers.Go(func() {
				name := fmt.Sprint(room)
				for n := 0; published.Load() < all; n++ {
					r.sinks[i].watch(b, name)
					// Some live long enough to hear something, some do not.
					for until := min(published.Load()+int64(n%3*25), all); published.Load() < until; {
						runtime.Gosched()
					}
					b.Watch(name, false)
				}
			})
		}
	}
	work.Wait()
	togglers.Wait()
	for room := range rooms {
		name := fmt.Sprint(room)
		truth := r.all(name, 200)
		if want := publishers * messages / rooms; len(truth) != want {
			t.Errorf("room %s keeps %d messages, want %d", name, len(truth), want)
		}
		for i, b := range r.brokers {
			h := r.sinks[i].watch(b, name)
			if h.last != uint64(len(truth)) {
				t.Errorf("room %s ends at %d for sink %d, want %d", name, h.last, i, len(truth))
			}
			for _, m := range append(h.tail, h.messages...) {
				if want := truth[m.Offset-1]; m.Client != want.Client || string(m.Payload) != string(want.Payload) {
					t.Errorf("sink %d heard %s of %s at %d of room %s, want %s", i, m.Payload, m.Client, m.Offset, name, want.Payload)
				}
			}
		}
	}
}
