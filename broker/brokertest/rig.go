package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/wire"

	"github.com/google/go-cmp/cmp"
)

// rig is brokers that run, each with a recorder.
type rig struct {
	t       *testing.T
	brokers []broker.Broker
	sinks   []*recorder
	stop    func() // ends every Run and waits for it; may be called again
}

// build makes brokers without running them, and skips the test if there cannot be so many.
func build(t *testing.T, f Factory, o Options) *rig {
	t.Helper()
	o.Instances = max(1, o.Instances)
	r := &rig{t: t, brokers: f(t, o), stop: func() {}}
	if len(r.brokers) < o.Instances {
		t.Skipf("needs %d instances with one truth; this broker can only be %d", o.Instances, len(r.brokers))
	}
	for range r.brokers {
		r.sinks = append(r.sinks, newRecorder(t))
	}
	return r
}

func start(t *testing.T, f Factory, o Options) *rig {
	t.Helper()
	r := build(t, f, o)
	r.run()
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for i, b := range r.brokers {
		running.Go(func() {
			if err := b.Run(ctx, r.sinks[i]); err != nil {
				r.t.Errorf("Run: %v", err)
			}
		})
	}
	r.stop = func() {
		cancel()
		done := make(chan struct{})
		go func() {
			running.Wait()
			close(done)
		}()
		r.receive(done, "the end of Run")
	}
	r.t.Cleanup(r.stop)
}

func (r *rig) receive(c <-chan struct{}, what string) {
	r.t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		stacks := make([]byte, 1<<20)
		r.t.Fatalf("%s did not come\n%s", what, stacks[:runtime.Stack(stacks, true)])
	}
}

// publish publishes through the first broker and waits for the answers.
func (r *rig) publish(room string, msgs ...wire.Message) []broker.Accepted {
	r.t.Helper()
	return r.publishAt(0, room, msgs...)
}

func (r *rig) publishAt(i int, room string, msgs ...wire.Message) (answers []broker.Accepted) {
	r.t.Helper()
	done := make(chan struct{})
	r.brokers[i].Publish(room, slices.Clone(msgs), func(a []broker.Accepted) {
		answers = slices.Clone(a)
		close(done)
	})
	r.receive(done, "the answer to a publish")
	if len(answers) != len(msgs) {
		r.t.Fatalf("%d answers to %d messages", len(answers), len(msgs))
	}
	return answers
}

// fill publishes messages with the payloads first to last, one by one, and fails the test if one is not taken.
func (r *rig) fill(room string, first, last int) (at wire.Position) {
	r.t.Helper()
	for i := first; i <= last; i++ {
		a := r.publish(room, text(i))[0]
		if a.Err != nil || a.Duplicate || a.Position.Offset != at.Offset+1 && at.Offset > 0 {
			r.t.Fatalf("message %d was answered with %+v behind %v", i, a, at)
		}
		at = a.Position
	}
	return at
}

// history reads a page from the first broker.
func (r *rig) history(room string, after wire.Position, limit int) broker.Page {
	r.t.Helper()
	return r.historyAt(0, room, after, limit)
}

func (r *rig) historyAt(i int, room string, after wire.Position, limit int) broker.Page {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := r.brokers[i].History(ctx, room, after, limit)
	if err != nil {
		r.t.Fatalf("History: %v", err)
	}
	for j, m := range p.Messages {
		if m.Offset < p.First || m.Offset > p.Last || m.Offset <= after.Offset || m.Offset != p.Messages[0].Offset+uint64(j) {
			r.t.Errorf("offset %d at %d in a page behind %d of a log from %d to %d", m.Offset, j, after.Offset, p.First, p.Last)
		}
	}
	if len(p.Messages) > max(0, limit) {
		r.t.Errorf("%d messages, limit %d", len(p.Messages), limit)
	}
	return p
}

// all reads everything that is kept, page by page.
func (r *rig) all(room string, limit int) (msgs []wire.Message) {
	r.t.Helper()
	at := wire.Position{}
	for {
		p := r.history(room, at, limit)
		if len(p.Messages) == 0 {
			if at.Offset < p.Last {
				r.t.Fatalf("no page behind %d, though the log ends at %d", at.Offset, p.Last)
			}
			return msgs
		}
		msgs = append(msgs, values(p.Messages)...)
		if r.t.Failed() {
			r.t.FailNow() // a page that does not go forward would be read for ever
		}
		at = wire.Position{Epoch: p.Epoch, Offset: msgs[len(msgs)-1].Offset}
	}
}

// clock is a time of publication for tests that do not care.
var clock = time.Now().UnixMilli()

func text(i int) wire.Message { return message("alice", fmt.Sprint(i)) }

func message(client, payload string) wire.Message {
	return wire.Message{Time: clock, Client: client, Kind: wire.KindText, Payload: []byte(payload)}
}

func payloads(msgs []wire.Message) (p []string) {
	for _, m := range msgs {
		p = append(p, string(m.Payload))
	}
	return p
}

// values copies what a broker gave, so that a later change of it would show.
func values(msgs []*wire.Message) (v []wire.Message) {
	for _, m := range msgs {
		v = append(v, *m)
	}
	return v
}

// count is the payloads first to last of fill.
func count(first, last int) (p []string) {
	for i := first; i <= last; i++ {
		p = append(p, fmt.Sprint(i))
	}
	return p
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// goroutine is the number of the one that asks.
func goroutine() string {
	var b [64]byte
	return string(bytes.Fields(b[:runtime.Stack(b[:], false)])[1])
}

// open is a broker without a limit.
var open = Options{}
