package client

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/broker"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// holding is a broker that answers publishes when the test says so, and never watches the rooms that say so.
type holding struct {
	broker.Broker
	mu   sync.Mutex // guards what follows
	held []func()
	got  int // messages
}

func (h *holding) Publish(_ string, m []wire.Message, done func([]broker.Accepted)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got += len(m)
	h.held = append(h.held, func() { done(make([]broker.Accepted, len(m))) })
}

func (h *holding) Watch(room string, on bool) {
	if !strings.HasPrefix(room, "never") {
		h.Broker.Watch(room, on)
	}
}

// answer answers the n oldest publishes.
func (h *holding) answer(n int) {
	h.mu.Lock()
	now := h.held[:n]
	h.held = h.held[n:]
	h.mu.Unlock()
	for _, f := range now {
		f()
	}
}

// holds is how many messages have come to the broker, once everything is at rest.
func (h *holding) holds() int {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got
}

// held is a world with a broker that holds its answers.
func held(t *testing.T, play func(w *world, h *holding)) {
	t.Helper()
	h := &holding{}
	in(t, settings{wrap: func(b broker.Broker) broker.Broker { h.Broker = b; return h }}, func(w *world) {
		play(w, h)
		h.answer(len(h.held))
	})
}

// A connection has so many publishes unanswered, and so many bytes of them, and no more; each answer lets it go on.
func TestUnansweredPublishesAreLimited(t *testing.T) {
	for _, c := range []struct {
		name  string
		size  int
		limit int
	}{
		{"small", 1, 64},
		{"of 60 kB", 60_000, 5},                        // 240,000 bytes are below 256 KiB
		{"of a 64th of the bytes", 256 << 10 / 64, 64}, // both limits at once
		{"of a 16th of the bytes", 256 << 10 / 16, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			held(t, func(w *world, h *holding) {
				k := w.json("alice")
				for i := range 100 {
					k.say(fmt.Sprintf(`{"type":"publish","ref":%d,"room":"r","data":"%s"}`, i, strings.Repeat("x", c.size)))
					synctest.Wait()
				}
				if n := h.holds(); n != c.limit {
					t.Fatalf("%d publishes came to the broker, want %d", n, c.limit)
				}
				h.answer(1)
				if n := h.holds(); n <= c.limit || n > c.limit+64 { // what one read has brought goes together
					t.Errorf("after an answer: %d", n)
				}
				for h.holds() < 100 || len(h.held) > 0 {
					h.answer(len(h.held))
				}
				if n := len(k.events()); n != 100 {
					t.Errorf("%d answers", n)
				}
				k.wantOpen()
			})
		})
	}
}

// A connection whose reader waits cannot be heard, and is not taken for silent.
func TestWhoIsHeldBackIsNotSilent(t *testing.T) {
	held(t, func(w *world, h *holding) {
		k := w.json("alice")
		for range 100 {
			k.say(`{"type":"publish","ref":1,"room":"r","data":1}`)
			synctest.Wait()
		}
		time.Sleep(5 * time.Minute)
		k.frames()
		for h.holds() < 100 || len(h.held) > 0 {
			h.answer(len(h.held))
		}
		time.Sleep(30 * time.Second) // it has an interval more from here on
		k.frames()
		k.wantOpen()
	})
}

// Joins that wait for an answer hold the reader back as publishes do, and let it go.
func TestUnansweredJoinsAreLimited(t *testing.T) {
	held(t, func(w *world, _ *holding) {
		k := w.json("alice")
		for i := range 64 {
			if i == 63 {
				k.ask(`{"type":"ping","ref":1}`, "pong")
			}
			k.say(fmt.Sprintf(`{"type":"join","ref":1,"room":"never %d"}`, i))
			synctest.Wait()
		}
		k.say(`{"type":"ping","ref":1}`)
		if got := k.story(); got != "" {
			t.Errorf("%s, with 64 joins unanswered", got)
		}
		time.Sleep(6 * time.Second)
		e := k.events()
		if len(e) != 65 || e[0].Code != "unavailable" {
			t.Errorf("%d events, beginning with %+v", len(e), e[:1])
		}
	})
}

// What concerns a room waits for a join of it that is under way; the rest goes on only behind that.
func TestCommandsWaitForTheJoinOfTheirRoom(t *testing.T) {
	held(t, func(w *world, h *holding) {
		k := w.json("alice")
		k.say(`{"type":"join","ref":1,"room":"never"}`, `{"type":"ping","ref":2}`, `{"type":"publish","ref":3,"room":"never","data":1}`)
		if got := k.story(); got != "pong" {
			t.Error(got)
		}
		if n := h.holds(); n != 0 {
			t.Errorf("%d publishes overtook the join", n)
		}
		time.Sleep(6 * time.Second)
		if n := h.holds(); n != 1 {
			t.Errorf("%d publishes behind the join", n)
		}
		if got := k.story(); got != "error" {
			t.Error(got)
		}
	})
}

// A client that does not read has 64 KiB of answers waiting for it, and is read no further.
func TestUnreadAnswersAreLimited(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.json("alice")
		ping := `{"type":"ping","ref":"` + strings.Repeat("x", 60) + `"}`
		k.say(ping)
		one := len(k.frames()[0].Payload) + 2 // its frame has a short header
		k.conn.Take(0)
		before := w.hub.Stats().MessagesIn
		for range 1000 {
			k.say(ping)
			synctest.Wait()
		}
		taken := int(w.hub.Stats().MessagesIn - before)
		if want := (64<<10 + one - 1) / one; taken != want {
			t.Errorf("%d commands of %d bytes were answered, want %d", taken, one, want)
		}
		k.conn.Take(300 * one) // it reads some, and is read further, before it has read all
		synctest.Wait()
		if more := int(w.hub.Stats().MessagesIn-before) - taken; more < 100 || more > 300 {
			t.Errorf("it read 300 answers, and then %d commands more were taken", more)
		}
		k.conn.Take(-1)
		if n := len(k.events()); n != 1000 {
			t.Errorf("%d answers", n)
		}
	})
}

// In one read, too, answers do not grow without limit.
func TestUnreadAnswersOfOneRead(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.open(Request{Dialect: wire.Echo})
		k.conn.Take(0)
		var all []byte
		for range 40_000 {
			all = append(all, 0x81, 0x80, 0, 0, 0, 0) // an empty text: its echo has 8 bytes
		}
		k.conn.Feed(all)
		synctest.Wait()
		if n := w.hub.Stats().BytesIn; n > 128<<10 {
			t.Errorf("%d bytes were read of a client that does not read", n)
		}
		k.conn.Take(-1)
		if n := len(k.frames()); n != 40_000 {
			t.Errorf("%d echoes", n)
		}
	})
}

// Who reads its answers slowly, and has nothing else to read, makes progress: it is not cut.
func TestWhoReadsAnswersSlowlyStays(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.json("alice")
		k.conn.Take(0)
		for range 20 {
			k.say(`{"type":"ping","ref":1}`)
		}
		for range 6 { // two minutes
			time.Sleep(20 * time.Second)
			k.conn.Feed(testkit.Part(wire.OpPong, true, nil))
			k.conn.Take(10)
		}
		k.conn.Take(-1)
		if got := strings.Count(k.story(), "pong"); got != 20 {
			t.Errorf("%d answers", got)
		}
		k.wantOpen()
	})
}
