package brokertest

import (
	"fmt"
	"testing"

	"hubbub/wire"
)

func signals(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.sinks[0].watch(r.brokers[0], "lobby")
	r.fill("lobby", 1, 2)
	const n = 100
	for i := range n {
		r.brokers[0].Signal("lobby", message("bob", fmt.Sprint(i+1)))
	}
	h := r.sinks[0].await("lobby", "the last signal", func(h heard) bool { return len(h.signals) == n })
	same(t, "signals", count(1, n), payloads(h.signals))

	m := wire.Message{Time: clock, Client: "bob", Except: "conn-1", Kind: wire.KindBinary, Payload: []byte{0, 255}}
	r.brokers[0].Signal("lobby", m)
	h = r.sinks[0].await("lobby", "a signal", func(h heard) bool { return len(h.signals) == n+1 })
	same(t, "signal", m, h.signals[n])

	r.fill("lobby", 3, 3)
	same(t, "kept", count(1, 3), payloads(r.all("lobby", 200)))
}

func signalNotWatched(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.sinks[0].watch(r.brokers[0], "lobby")
	r.brokers[0].Signal("nobody's", text(1))
	r.brokers[0].Signal("lobby", text(2))
	r.sinks[0].await("lobby", "a signal", func(h heard) bool { return len(h.signals) == 1 })
	if h := r.sinks[0].of("nobody's"); len(h.signals) > 0 {
		t.Errorf("a room that nobody watches heard %q", payloads(h.signals))
	}
	if p := r.history("nobody's", wire.Position{}, 1); p.Last != 0 {
		t.Errorf("a signal was stored: %+v", p)
	}
}
