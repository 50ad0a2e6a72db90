package brokertest

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/wire"
)

func order(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.sinks[0].watch(r.brokers[0], "lobby")
	at := r.fill("lobby", 1, 50)
	if at.Epoch == "" || at.Offset != 50 {
		t.Errorf("the 50th message is at %v", at)
	}
	h := r.sinks[0].reaches("lobby", 50)
	same(t, "delivered", count(1, 50), payloads(h.messages))
	same(t, "epoch", at.Epoch, h.epoch)
}

func contents(t *testing.T, f Factory) {
	r := start(t, f, open)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	msgs := []wire.Message{
		{Time: clock, Client: "alice", Kind: wire.KindJSON, Payload: []byte(`{"a": 1.0e5,"b":null }`)},
		{Time: clock + 1, Client: "böb\u2028", Key: "k:1 {x}", Except: "conn-7", Kind: wire.KindText, Payload: []byte("hi\r\n\x00")},
		{Time: 1, Client: "c", Kind: wire.KindBinary, Payload: every},
		{Time: clock, Client: "d", Kind: wire.KindBinary, Except: "x"},
		{Time: clock, Client: strings.Repeat("e", 128), Key: strings.Repeat("k", 64), Kind: wire.KindText, Payload: []byte(strings.Repeat("long ", 20_000))},
	}
	r.sinks[0].watch(r.brokers[0], "lobby")
	r.publish("lobby", msgs...)
	for i := range msgs {
		msgs[i].Offset = uint64(i + 1)
	}
	same(t, "delivered", msgs, r.sinks[0].reaches("lobby", uint64(len(msgs))).messages)
	same(t, "history", msgs, r.all("lobby", 100))
	r.brokers[0].Watch("lobby", false)
	same(t, "tail", msgs, r.sinks[0].watch(r.brokers[0], "lobby").tail)
}

func atomicBatches(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.sinks[0].watch(r.brokers[0], "lobby")
	var publishers sync.WaitGroup
	for p := range 4 {
		publishers.Go(func() {
			for b := range 20 {
				batch := make([]wire.Message, 1+b%5)
				for i := range batch {
					batch[i] = message("alice", fmt.Sprintf("%d/%d/%d", p, b, i))
				}
				r.publish("lobby", batch...)
			}
		})
	}
	publishers.Wait()
	got := payloads(r.sinks[0].reaches("lobby", 4*4*(1+2+3+4+5)).messages)
	for i := 0; i < len(got); {
		var p, b int
		if _, err := fmt.Sscanf(got[i], "%d/%d/0", &p, &b); err != nil {
			t.Fatalf("%q at %d begins no batch", got[i], i)
		}
		for j := range 1 + b%5 {
			if want := fmt.Sprintf("%d/%d/%d", p, b, j); i+j >= len(got) || got[i+j] != want {
				t.Fatalf("no %q at %d", want, i+j)
			}
		}
		i += 1 + b%5
	}
}

func answers(t *testing.T, f Factory) {
	r := start(t, f, open)
	const n = 2000
	var last uint64 // written by done calls, which come one after the other for one room
	var calls [n]atomic.Int32
	var all sync.WaitGroup
	all.Add(n)
	me := goroutine()
	for i := range n {
		r.brokers[0].Publish("lobby", []wire.Message{text(i), text(i)}, func(a []broker.Accepted) {
			if goroutine() == me {
				t.Error("done was called from within Publish")
			}
			if calls[i].Add(1) > 1 {
				t.Errorf("done %d was called twice", i)
				return
			}
			if len(a) != 2 || a[0].Err != nil || a[0].Position.Offset != last+1 || a[1].Position.Offset != last+2 {
				t.Errorf("publish %d was answered with %+v behind %d", i, a, last)
			}
			last += 2
			all.Done()
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	r.receive(done, "the last answer")
	if msgs := r.all("lobby", 200); len(msgs) != 2*n {
		t.Errorf("%d messages are kept, want %d", len(msgs), 2*n)
	}
}

func nothing(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.publish("lobby")
	if at := r.fill("lobby", 1, 1); at.Offset != 1 {
		t.Errorf("the first message is at %v", at)
	}
}

func beforeRun(t *testing.T, f Factory) {
	r := build(t, f, open)
	var answered sync.WaitGroup
	answered.Add(3)
	r.brokers[0].Watch("lobby", true)
	for i := range 3 {
		r.brokers[0].Publish("lobby", []wire.Message{text(i + 1)}, func([]broker.Accepted) { answered.Done() })
	}
	r.brokers[0].Watch("other", true)
	r.run()
	answered.Wait()
	h := r.sinks[0].reaches("lobby", 3)
	same(t, "tail and delivered", count(1, 3), append(payloads(h.tail), payloads(h.messages)...))
	r.sinks[0].await("other", "Watching", func(h heard) bool { return h.watchings == 1 })
}

func blockedSink(t *testing.T, f Factory) {
	r := start(t, f, open)
	sink := r.sinks[0]
	sink.watch(r.brokers[0], "lobby")
	r.fill("lobby", 1, 1)
	sink.reaches("lobby", 1)

	const n = 500
	var answered sync.WaitGroup
	answered.Add(n)
	var newest atomic.Uint64 // the highest offset that was answered
	sink.blocked.Lock()
	for i := 2; i <= n+1; i++ { // a Publish that waits for the sink hangs here
		r.brokers[0].Publish("lobby", []wire.Message{text(i)}, func(a []broker.Accepted) {
			newest.Store(a[0].Position.Offset)
			answered.Done()
		})
		if i == 2 {
			sink.entered() // in Deliver: the rest is asked for while the broker waits there
		}
		r.brokers[0].Signal("other", text(i))
		r.brokers[0].Watch("other", true)
	}
	for range 20 {
		had := newest.Load()
		if p := r.history("lobby", wire.Position{}, 5); p.Last < had || p.First != 1 {
			t.Errorf("history from %d to %d, though %d was answered", p.First, p.Last, had)
		}
	}
	sink.blocked.Unlock()
	answered.Wait()
	same(t, "delivered", count(1, n+1), payloads(sink.reaches("lobby", n+1).messages))
}

// pieces: what lies behind the end of a published slice is the publisher's.
func pieces(t *testing.T, f Factory) {
	r := start(t, f, open)
	for _, room := range []string{"a", "b"} {
		r.sinks[0].watch(r.brokers[0], room)
	}
	r.sinks[0].blocked.Lock() // so that the broker has several publishes to put together
	msgs := []wire.Message{message("alice", "a1"), message("alice", "b1"), message("alice", "a2"), message("alice", "b2")}
	for i, room := range []string{"a", "b", "a", "b"} {
		r.brokers[0].Publish(room, msgs[i:i+1], func([]broker.Accepted) {})
	}
	r.sinks[0].blocked.Unlock()
	same(t, "delivered to a", []string{"a1", "a2"}, payloads(r.sinks[0].reaches("a", 2).messages))
	same(t, "delivered to b", []string{"b1", "b2"}, payloads(r.sinks[0].reaches("b", 2).messages))
}

// ending: what was accepted before the end is heard before Run returns, and everything is answered, once.
func ending(t *testing.T, f Factory) {
	for range 10 {
		r := start(t, f, open)
		r.sinks[0].watch(r.brokers[0], "lobby")
		var accepted, published, calls atomic.Int64
		var publishers sync.WaitGroup
		quit := make(chan struct{})
		for range 3 {
			publishers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-quit:
						return
					default:
					}
					published.Add(1)
					once := new(atomic.Bool)
					r.brokers[0].Publish("lobby", []wire.Message{text(i)}, func(a []broker.Accepted) {
						if once.Swap(true) {
							t.Error("done was called twice")
						}
						if a[0].Err == nil {
							accepted.Add(1)
						} else {
							unavailable(t, a[0].Err)
						}
						calls.Add(1)
					})
					if i%16 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		r.sinks[0].reaches("lobby", 20)
		r.stop()
		heardAtEnd := int64(r.sinks[0].of("lobby").last)
		close(quit)
		publishers.Wait()
		for deadline := time.Now().Add(patience); calls.Load() < published.Load(); runtime.Gosched() { // the late refusals are on their way
			if time.Now().After(deadline) {
				t.Fatalf("%d publishes, %d answers", published.Load(), calls.Load())
			}
		}
		if accepted.Load() != heardAtEnd {
			t.Fatalf("%d messages were accepted, %d delivered before Run returned", accepted.Load(), heardAtEnd)
		}
	}
}

func afterRun(t *testing.T, f Factory) {
	r := start(t, f, open)
	r.fill("lobby", 1, 3)
	r.stop()
	for range 3 {
		for _, a := range r.publish("lobby", text(4), text(5)) {
			unavailable(t, a.Err)
		}
	}
	r.brokers[0].Watch("lobby", true)
	r.brokers[0].Signal("lobby", text(6))
}

func unavailable(t *testing.T, err error) {
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != wire.Unavailable || e.RetryAfter < 1 {
		t.Errorf("refused with %v, want unavailable and when to retry", err)
	}
}

func oddNames(t *testing.T, f Factory) {
	r := start(t, f, open)
	names := []string{
		"@bob", "$status", "a", "A", "a b", " a", "{a}", "}{", "a:b", "a*", "[a-z]", "?", "%", "%s", "\"", "'", "\\", "a\u2028b",
		"é", "e\u0301", "🦀", "0", "-1", ".", "..", "/", "a/b", "nil", strings.Repeat("r", 255), strings.Repeat("r", 254),
	}
	for i, name := range names {
		r.sinks[0].watch(r.brokers[0], name)
		r.publish(name, message(name, fmt.Sprint(i)))
		r.publish(name, message(name, name))
	}
	for i, name := range names {
		want := []string{fmt.Sprint(i), name}
		same(t, "delivered to "+name, want, payloads(r.sinks[0].reaches(name, 2).messages))
		same(t, "history of "+name, want, payloads(r.all(name, 10)))
	}
}
