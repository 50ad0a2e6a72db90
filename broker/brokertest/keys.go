package brokertest

import (
	"fmt"
	"sync"
	"testing"

	"hubbub/wire"
)

func keyed(client, key, payload string) wire.Message {
	m := message(client, payload)
	m.Key = key
	return m
}

func keys(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.sinks[0].watch(r.brokers[0], "lobby")
	for _, c := range []struct {
		room, client, key, payload string
		duplicate                  bool
		offset                     uint64
	}{
		{"lobby", "alice", "k", "1", false, 1},
		{"lobby", "alice", "k", "again", true, 1},
		{"lobby", "bob", "k", "2", false, 2},
		{"lobby", "alice", "", "3", false, 3},
		{"lobby", "alice", "", "4", false, 4},
		{"lobby", "alice", "k2", "5", false, 5},
		{"lobby", "alice", "K", "6", false, 6},
		{"other", "alice", "k", "1", false, 1},
		{"other", "alice", "k", "again", true, 1},
		{"lobby", "alice", "k", "and again", true, 1},
		{"lobby", "bob", "k", "again", true, 2},
		// fields that run into each other if they are joined
		{"lobby", "a", "bc", "7", false, 7},
		{"lobby", "ab", "c", "8", false, 8},
		{"lobby", "a:", "b", "9", false, 9},
		{"lobby", "a", ":b", "10", false, 10},
	} {
		a := r.publish(c.room, keyed(c.client, c.key, c.payload))[0]
		if a.Err != nil || a.Duplicate != c.duplicate || a.Position.Offset != c.offset {
			t.Errorf("%+v was answered with %+v", c, a)
		}
		if p := r.history(c.room, wire.Position{}, 0); a.Position.Epoch != p.Epoch {
			t.Errorf("answered with epoch %q, which is %q", a.Position.Epoch, p.Epoch)
		}
	}
	same(t, "delivered", count(1, 10), payloads(r.sinks[0].reaches("lobby", 10).messages))
	same(t, "kept", count(1, 10), payloads(r.all("lobby", 100)))
}

func keysInOneBatch(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.sinks[0].watch(r.brokers[0], "lobby")
	r.publish("lobby", keyed("alice", "a", "1"))
	var got []string
	for _, a := range r.publish("lobby",
		keyed("alice", "a", "no"), keyed("alice", "b", "2"), text(3), keyed("alice", "b", "no"), keyed("bob", "b", "4"),
		keyed("alice", "a", "no"), text(5)) {
		got = append(got, fmt.Sprint(a.Position.Offset, a.Duplicate))
	}
	same(t, "answers", []string{"1 true", "2 false", "3 false", "2 true", "4 false", "1 true", "5 false"}, got)
	same(t, "delivered", count(1, 5), payloads(r.sinks[0].reaches("lobby", 5).messages))
	for _, a := range r.publish("lobby", keyed("alice", "b", "no"), keyed("alice", "a", "no")) {
		if !a.Duplicate {
			t.Errorf("answered with %+v", a)
		}
	}
	r.fill("lobby", 6, 6)
	same(t, "delivered", count(1, 6), payloads(r.sinks[0].reaches("lobby", 6).messages))
}

// keysAtOnce: however many try, one is stored, and all learn where.
func keysAtOnce(t *testing.T, f Factory) { atOnce(t, start(t, f, open)) }

func severalKeys(t *testing.T, f Factory) { atOnce(t, start(t, f, Options{Instances: 2})) }

func atOnce(t *testing.T, r *rig) {
	const tries, messages = 6, 40
	var mu sync.Mutex // guards where and fresh
	where, fresh := map[string]wire.Position{}, map[string]int{}
	var publishers sync.WaitGroup
	for p := range tries {
		publishers.Go(func() {
			for i := range messages {
				key := fmt.Sprint(i)
				a := r.publishAt(p%len(r.brokers), "lobby", keyed("alice", key, key))[0]
				mu.Lock()
				if at, ok := where[key]; ok && at != a.Position || a.Err != nil {
					t.Errorf("key %s: answered with %+v, and with %v before", key, a, at)
				}
				where[key] = a.Position
				if !a.Duplicate {
					fresh[key]++
				}
				mu.Unlock()
			}
		})
	}
	publishers.Wait()
	for key, n := range fresh {
		if n != 1 {
			t.Errorf("key %s was new %d times", key, n)
		}
	}
	if msgs := r.all("lobby", 100); len(msgs) != messages || len(fresh) != messages {
		t.Errorf("%d messages are kept, %d were new, want %d", len(msgs), len(fresh), messages)
	}
}
