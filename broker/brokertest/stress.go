package brokertest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"hubbub/wire"
)

// stress is everything at once, mainly for the race detector: publishers, signallers and readers in a few rooms.
func stress(t *testing.T, f Factory) { everything(t, start(t, f, open)) }

func severalOneTruth(t *testing.T, f Factory) {
	everything(t, start(t, f, Options{Instances: 3}))
}

func everything(t *testing.T, r *rig) {
	const rooms, publishers, messages = 5, 6, 200
	for i, b := range r.brokers {
		for room := range rooms {
			r.sinks[i].watch(b, fmt.Sprint(room))
		}
	}
	var work sync.WaitGroup
	for p := range publishers {
		at := p % len(r.brokers)
		work.Go(func() {
			var mine [rooms]int // how many of this publisher's messages each room has
			for range messages {
				room := rand.IntN(rooms)
				batch := make([]wire.Message, 1+rand.IntN(3))
				for i := range batch {
					batch[i] = message(fmt.Sprint(p), fmt.Sprint(mine[room]))
					mine[room]++
				}
				r.publishAt(at, fmt.Sprint(room), batch...)
				r.brokers[at].Signal(fmt.Sprint(room), message(fmt.Sprint(p), "psst"))
			}
		})
		work.Go(func() {
			for range messages {
				r.historyAt(at, fmt.Sprint(rand.IntN(rooms)), wire.Position{Offset: uint64(rand.IntN(100))}, rand.IntN(50))
			}
		})
	}
	work.Wait()
	for room := range rooms {
		name := fmt.Sprint(room)
		truth := r.all(name, 100)
		next := map[string]int{} // by client
		for _, m := range truth {
			if want := fmt.Sprint(next[m.Client]); string(m.Payload) != want {
				t.Fatalf("room %s: %s of client %s, want %s", name, m.Payload, m.Client, want)
			}
			next[m.Client]++
		}
		for i := range r.brokers {
			h := r.sinks[i].reaches(name, uint64(len(truth)))
			same(t, fmt.Sprintf("delivered to %s by broker %d", name, i), truth, h.messages)
		}
	}
}
