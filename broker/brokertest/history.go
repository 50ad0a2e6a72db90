package brokertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/wire"
)

func historyPages(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.fill("lobby", 1, 57)
	for _, limit := range []int{1, 7, 56, 57, 58, 1 << 40} {
		same(t, fmt.Sprint("all in pages of ", limit), count(1, 57), payloads(r.all("lobby", limit)))
	}
}

// historyLarge: a page ends at 256 KiB, but holds one message at least.
func historyLarge(t *testing.T, f Factory) {
	r := start(t, f, open)
	sizes := []int{100_000, 100_000, 100_000, 400_000, 1, 300_000, 1}
	for i, size := range sizes {
		r.publish("lobby", message("alice", strings.Repeat(fmt.Sprint(i), size)))
	}
	at := wire.Position{}
	for n := 0; n < len(sizes); {
		p := r.history("lobby", at, 100)
		if len(p.Messages) == 0 {
			t.Fatalf("an empty page behind %d", at.Offset)
		}
		bytes := 0
		for _, m := range p.Messages {
			if len(m.Payload) != sizes[n] {
				t.Fatalf("message %d has %d bytes, want %d", n, len(m.Payload), sizes[n])
			}
			bytes += len(m.Payload)
			n++
		}
		if bytes > 256<<10 && len(p.Messages) > 1 {
			t.Errorf("%d messages of %d bytes in one page", len(p.Messages), bytes)
		}
		at = wire.Position{Epoch: p.Epoch, Offset: uint64(n)}
	}
}

func historyPositions(t *testing.T, f Factory) {
	r := start(t, f, open)
	at := r.fill("lobby", 1, 10)
	pos := func(offset uint64) wire.Position { return wire.Position{Epoch: at.Epoch, Offset: offset} }
	for _, c := range []struct {
		name  string
		after wire.Position
		limit int
		want  []string
	}{
		{"from the beginning", pos(0), 3, count(1, 3)},
		{"no epoch means the current one", wire.Position{Offset: 4}, 3, count(5, 7)},
		{"the end", pos(9), 3, count(10, 10)},
		{"at the end", pos(10), 3, nil},
		{"behind the end", pos(11), 3, nil},
		{"far behind the end", pos(1<<53 - 1), 3, nil},
		{"as far as there is", pos(1<<64 - 1), 3, nil},
		{"limit 0", pos(0), 0, nil},
		{"limit 0 without an epoch", wire.Position{}, 0, nil},
		{"another epoch", wire.Position{Epoch: "another"}, 3, nil},
		{"another epoch, with an offset", wire.Position{Epoch: at.Epoch + "x", Offset: 4}, 3, nil},
		{"an epoch that is not even one", wire.Position{Epoch: "\x00:*-é", Offset: 4}, 3, nil},
	} {
		p := r.history("lobby", c.after, c.limit)
		same(t, c.name, c.want, payloads(values(p.Messages)))
		same(t, c.name, broker.Page{Epoch: at.Epoch, First: 1, Last: 10}, broker.Page{Epoch: p.Epoch, First: p.First, Last: p.Last})
	}
}

func historyUnknown(t *testing.T, f Factory) {
	r := start(t, f, open)
	for _, after := range []wire.Position{{}, {Offset: 3}, {Epoch: "x", Offset: 3}} {
		if p := r.history("lobby", after, 10); p.First != 1 || p.Last != 0 || len(p.Messages) != 0 {
			t.Errorf("History behind %v of an unknown room: %+v", after, p)
		}
	}
	epoch := r.history("lobby", wire.Position{}, 0).Epoch
	if at := r.fill("lobby", 1, 1); at.Offset != 1 || epoch != "" && at.Epoch != epoch {
		t.Errorf("the first message after it is at %v, its epoch was said to be %q", at, epoch)
	}
}

// historyAfterAnswer: who was answered can read.
func historyAfterAnswer(t *testing.T, f Factory) { readBack(t, start(t, f, open), 0) }

func severalHistory(t *testing.T, f Factory) {
	readBack(t, start(t, f, Options{Instances: 2}), 1)
}

// readBack publishes at the first instance and reads at another.
func readBack(t *testing.T, r *rig, reader int) {
	var publishers sync.WaitGroup
	for p := range 3 {
		publishers.Go(func() {
			for i := range 100 {
				payload := fmt.Sprintf("%d/%d", p, i)
				at := r.publish("lobby", message("alice", payload))[0].Position
				page := r.historyAt(reader, "lobby", wire.Position{Epoch: at.Epoch, Offset: at.Offset - 1}, 1)
				if len(page.Messages) != 1 || string(page.Messages[0].Payload) != payload {
					t.Errorf("%s was answered with %v, and the page there is %+v", payload, at, page)
				}
			}
		})
	}
	publishers.Wait()
}

// retained publishes n messages with payloads of the same size and returns how many are kept, which must be the newest.
func (r *rig) retained(room string, n int) (kept int) {
	r.t.Helper()
	pad := strings.Repeat(" ", 1000)
	for i := range n {
		r.publish(room, message("alice", fmt.Sprint(i+1)+pad))
	}
	p := r.history(room, wire.Position{}, 1000)
	msgs := r.all(room, 10)
	if len(msgs) == 0 || p.Last != uint64(n) || msgs[0].Offset != p.First || msgs[len(msgs)-1].Offset != p.Last {
		r.t.Fatalf("of %d messages %d are kept, the log is from %d to %d", n, len(msgs), p.First, p.Last)
	}
	for _, m := range msgs {
		same(r.t, "kept", fmt.Sprint(m.Offset)+pad, string(m.Payload))
	}
	if h := r.sinks[0].watch(r.brokers[0], room); h.start != uint64(n) || len(h.tail) > len(msgs) {
		r.t.Errorf("a watcher begins at %d with %d messages, %d are kept of %d", h.start, len(h.tail), len(msgs), n)
	}
	return len(msgs)
}

func retentionMessages(t *testing.T, f Factory) {
	r := start(t, f, Options{Retention: retain.Limits{Messages: 10}})
	if kept := r.retained("lobby", 300); kept < 10 || kept > 200 {
		t.Errorf("%d messages are kept, limit 10", kept)
	}
	r.sinks[0].reaches("lobby", uint64(r.fill("lobby", 301, 303).Offset))
}

func retentionBytes(t *testing.T, f Factory) {
	r := start(t, f, Options{Retention: retain.Limits{Bytes: 30_000}})
	if kept := r.retained("lobby", 300); kept < 10 || kept > 200 {
		t.Errorf("%d messages of 1,000 bytes are kept, limit 30,000", kept)
	}
}

// retentionTotal: what is read last goes last, and a room that lost everything still goes on.
func retentionTotal(t *testing.T, f Factory) {
	r := start(t, f, Options{Retention: retain.Limits{Total: 100_000}})
	first := r.history("quiet", wire.Position{}, 0)
	r.sinks[0].watch(r.brokers[0], "quiet")
	at := r.fill("quiet", 1, 3)
	kept := r.retained("busy", 400)
	if kept > 300 {
		t.Skip("this broker has no total")
	}
	p := r.history("quiet", wire.Position{}, 10)
	if p.Epoch != at.Epoch || p.Last != 3 || first.Epoch != "" && p.Epoch != first.Epoch {
		t.Errorf("the quiet room is %+v now, it was at %v", p, at)
	}
	if next := r.fill("quiet", 4, 4); next.Epoch != at.Epoch || next.Offset != 4 {
		t.Errorf("the quiet room went on at %v behind %v", next, at)
	}
	same(t, "delivered", count(1, 4), payloads(r.sinks[0].reaches("quiet", 4).messages))
}
