package broker_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/wire"
)

// What Retention.Total is charged with is what the process pays, roughly: it is there to bound memory.
func TestChargeIsWhatMemoryCosts(t *testing.T) {
	for _, c := range []struct {
		name                  string
		rooms, messages, size int
	}{
		{"many rooms of one message", 20_000, 1, 50},
		{"one room of small messages", 1, 50_000, 20},
		{"rooms of a hundred", 300, 100, 128},
		{"large messages", 10, 100, 8000},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, broker.MemoryOptions{}, func(t *testing.T, m *broker.Memory, _ *log) {
				before := heap()
				for room := range c.rooms {
					name := fmt.Sprint("room-", room)
					for range c.messages {
						m.Publish(name, []wire.Message{msg(strings.Repeat(".", c.size))}, func([]broker.Accepted) {})
					}
					if room%100 == 0 {
						synctest.Wait()
					}
				}
				synctest.Wait()
				cost, charged := heap()-before, m.Stats().Bytes
				t.Logf("%d bytes charged, %d in the heap: %.2f", charged, cost, float64(cost)/float64(charged))
				if cost > charged*13/10 || cost < charged*6/10 {
					t.Errorf("%d bytes are charged for %d bytes of memory", charged, cost)
				}
			})
		})
	}
}

// heap is the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// deaf is a sink that only counts.
type deaf struct{ messages int }

func (d *deaf) Watching(string, wire.Position, []*wire.Message) {}
func (d *deaf) Deliver(_, _ string, run []*wire.Message)        { d.messages += len(run) }
func (d *deaf) Reset(string, wire.Position)                     {}
func (d *deaf) Signal(string, wire.Message)                     {}

// BenchmarkMemory is from Publish to done, by publishers that have 64 publishes unanswered.
func BenchmarkMemory(b *testing.B) {
	for _, c := range []struct {
		name  string
		rooms int
		batch int
		key   bool
	}{
		{"one room", 1, 1, false},
		{"1000 rooms", 1000, 1, false},
		{"one room, batches of 8", 1, 8, false},
		{"one room, keys", 1, 1, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := broker.NewMemory(broker.MemoryOptions{Retention: retain.Limits{
				Messages: 1000, Bytes: 1 << 20, Age: time.Hour, Total: 1 << 28,
			}})
			ctx, cancel := context.WithCancel(context.Background())
			var run sync.WaitGroup
			run.Go(func() { m.Run(ctx, new(deaf)) })
			defer run.Wait()
			defer cancel()
			names := make([]string, c.rooms)
			for i := range names {
				names[i] = fmt.Sprint(i)
				m.Watch(names[i], true)
			}
			payload, now := make([]byte, 128), time.Now().UnixMilli()
			window := make(chan struct{}, 64)
			done := func([]broker.Accepted) { <-window }
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += c.batch {
				window <- struct{}{}
				msgs := make([]wire.Message, c.batch)
				for j := range msgs {
					msgs[j] = wire.Message{Time: now, Client: "alice", Kind: wire.KindText, Payload: payload}
					if c.key {
						msgs[j].Key = fmt.Sprint(i + j)
					}
				}
				m.Publish(names[i%c.rooms], msgs, done)
			}
			for range cap(window) {
				window <- struct{}{}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func BenchmarkHistory(b *testing.B) {
	m := broker.NewMemory(broker.MemoryOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { m.Run(ctx, new(deaf)) })
	defer run.Wait()
	defer cancel()
	answered := make(chan struct{})
	for range 1000 {
		m.Publish("lobby", []wire.Message{{Client: "alice", Payload: make([]byte, 128)}}, func([]broker.Accepted) { answered <- struct{}{} })
		<-answered
	}
	b.ReportAllocs()
	for b.Loop() {
		m.History(ctx, "lobby", wire.Position{Offset: 900}, 50)
	}
}
