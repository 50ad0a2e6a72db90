package broker_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/broker"
	"hubbub/broker/brokertest"
	"hubbub/internal/retain"
	"hubbub/wire"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most tests that run in parallel wait for servers to notice something, and take no processor for it.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	// It sleeps for a second before it sees that its pool is closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func TestMemory(t *testing.T) {
	brokertest.Run(t, func(t *testing.T, o brokertest.Options) []broker.Broker {
		return []broker.Broker{broker.NewMemory(broker.MemoryOptions{Retention: o.Retention})}
	})
}

// log is a sink that writes down what it is told. Its methods wait while the test holds it, on a channel: synctest.Wait
// does not take a goroutine for idle that waits for a lock.
type log struct {
	held chan struct{} // the test puts a token in to hold the sink and takes it out again; capacity 1

	mu    sync.Mutex // guards lines
	lines []string
}

func (l *log) note(format string, args ...any) {
	l.held <- struct{}{}
	defer func() { <-l.held }()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) taken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

func texts(msgs []*wire.Message) string {
	var s []string
	for _, m := range msgs {
		s = append(s, fmt.Sprintf("%d=%s", m.Offset, m.Payload))
	}
	return strings.Join(s, " ")
}

func (l *log) Watching(room string, at wire.Position, tail []*wire.Message) {
	l.note("%s watching %d [%s]", room, at.Offset, texts(tail))
}

func (l *log) Deliver(room, _ string, run []*wire.Message) { l.note("%s deliver %s", room, texts(run)) }
func (l *log) Reset(room string, _ wire.Position)          { l.note("%s reset", room) }
func (l *log) Signal(room string, m wire.Message)          { l.note("%s signal %s", room, m.Payload) }

// inBubble runs a Memory where time is synctest's: it passes when nothing else is left to do.
func inBubble(t *testing.T, o broker.MemoryOptions, test func(t *testing.T, m *broker.Memory, l *log)) {
	synctest.Test(t, func(t *testing.T) {
		m, l := broker.NewMemory(o), &log{held: make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() {
			if err := m.Run(ctx, l); err != nil {
				t.Error(err)
			}
		})
		test(t, m, l)
		cancel()
		run.Wait()
	})
}

func msg(payload string) wire.Message {
	return wire.Message{Time: time.Now().UnixMilli(), Client: "alice", Kind: wire.KindText, Payload: []byte(payload)}
}

func keyed(key string) wire.Message {
	m := msg("keyed")
	m.Key = key
	return m
}

// publish publishes one message and waits for the answer; within a bubble.
func publish(m *broker.Memory, room string, msg wire.Message) (a broker.Accepted) {
	m.Publish(room, []wire.Message{msg}, func(all []broker.Accepted) { a = all[0] })
	synctest.Wait()
	return a
}

func page(t *testing.T, m *broker.Memory, room string) broker.Page {
	t.Helper()
	p, err := m.History(t.Context(), room, wire.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMemoryAge(t *testing.T) {
	inBubble(t, broker.MemoryOptions{Retention: retain.Limits{Age: time.Minute}}, func(t *testing.T, m *broker.Memory, _ *log) {
		m.Watch("lobby", true)
		publish(m, "lobby", msg("a"))
		time.Sleep(30 * time.Second)
		publish(m, "lobby", msg("b"))
		for _, c := range []struct {
			pass  time.Duration
			first uint64
		}{{29 * time.Second, 1}, {3 * time.Second, 2}, {26 * time.Second, 2}, {5 * time.Second, 3}} {
			time.Sleep(c.pass)
			synctest.Wait()
			if p := page(t, m, "lobby"); p.First != c.first || p.Last != 2 || len(p.Messages) != int(3-c.first) {
				t.Errorf("from %d to %d with %d messages, want them to begin with %d", p.First, p.Last, len(p.Messages), c.first)
			}
		}
		if a := publish(m, "lobby", msg("c")); a.Position.Offset != 3 {
			t.Errorf("the log went on at %v", a.Position)
		}
	})
}

func TestMemoryKeyWindow(t *testing.T) {
	inBubble(t, broker.MemoryOptions{}, func(t *testing.T, m *broker.Memory, _ *log) {
		time.Sleep(4 * time.Minute) // so that the windows are not the test's
		first := publish(m, "lobby", keyed("k"))
		for _, pass := range []time.Duration{0, time.Minute, 4*time.Minute - time.Second} {
			time.Sleep(pass)
			if a := publish(m, "lobby", keyed("k")); !a.Duplicate || a.Position != first.Position {
				t.Errorf("after %v more: %+v", pass, a)
			}
		}
		time.Sleep(6 * time.Minute)
		if a := publish(m, "lobby", keyed("k")); a.Duplicate || a.Position.Offset != 2 || m.Stats().Keys != 1 {
			t.Errorf("after eleven minutes: %+v, %d keys", a, m.Stats().Keys)
		}
		time.Sleep(time.Hour)
		if n := m.Stats().Keys; n != 0 {
			t.Errorf("%d keys are never forgotten", n)
		}
	})
}

// Rooms of which nothing is left are forgotten; their keys, and that they once were, are not.
func TestMemoryForgets(t *testing.T) {
	inBubble(t, broker.MemoryOptions{Retention: retain.Limits{Age: time.Minute}}, func(t *testing.T, m *broker.Memory, l *log) {
		rooms := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if got := m.Stats().Rooms; got != want {
				t.Errorf("%d rooms %s, want %d", got, when, want)
			}
		}
		unknown := page(t, m, "lobby").Epoch
		m.Watch("lobby", true)
		rooms("with one that is watched", 1)
		m.Watch("lobby", false)
		rooms("with one that was watched", 0)

		first := publish(m, "lobby", keyed("k")).Position
		if first.Epoch != unknown {
			t.Errorf("the epoch was said to be %q, and is %q", unknown, first.Epoch)
		}
		publish(m, "watched", msg("a"))
		m.Watch("watched", true)
		time.Sleep(2 * time.Minute)
		rooms("with one that is watched and empty", 1)
		if got := m.Stats().Bytes; got != 0 {
			t.Errorf("%d bytes are kept", got)
		}
		m.Watch("watched", false)
		rooms("with none", 0)

		if a := publish(m, "lobby", keyed("k")); !a.Duplicate || a.Position != first {
			t.Errorf("the key died with its room: %+v", a)
		}
		rooms("after a duplicate", 0)
		if a := publish(m, "lobby", msg("a")); a.Position.Epoch == first.Epoch || a.Position.Offset != 1 {
			t.Errorf("the second life of %v began with %v", first, a.Position)
		}
		p, err := m.History(t.Context(), "lobby", first, 10)
		if err != nil || len(p.Messages) != 0 {
			t.Errorf("behind a position of its first life: %+v, %v", p, err)
		}
	})
}

func TestMemoryTotal(t *testing.T) {
	inBubble(t, broker.MemoryOptions{Retention: retain.Limits{Total: 64_000, Messages: 3}}, func(t *testing.T, m *broker.Memory, _ *log) {
		for room := range 100 {
			for range 5 {
				publish(m, fmt.Sprint(room), msg(strings.Repeat(".", 10_000)))
			}
		}
		if s := m.Stats(); s.Bytes > 64_000 || s.Rooms > 3 {
			t.Errorf("%d bytes in %d rooms are kept", s.Bytes, s.Rooms)
		}
		if p := page(t, m, "99"); p.First != 3 || p.Last != 5 {
			t.Errorf("the last room is from %d to %d", p.First, p.Last)
		}
		if p := page(t, m, "0"); p.First != 1 || p.Last != 0 {
			t.Errorf("the first room is from %d to %d", p.First, p.Last)
		}
	})
}

// What was asked for in one order is heard in it, and neighbours of one room come in one run.
func TestMemoryOrder(t *testing.T) {
	inBubble(t, broker.MemoryOptions{}, func(t *testing.T, m *broker.Memory, l *log) {
		var answered []string
		send := func(room string, payloads ...string) {
			var msgs []wire.Message
			for _, p := range payloads {
				msgs = append(msgs, msg(p))
			}
			m.Publish(room, msgs, func([]broker.Accepted) { answered = append(answered, room+payloads[0]) })
		}
		m.Watch("a", true)
		m.Watch("b", true)
		synctest.Wait()
		l.taken()

		l.held <- struct{}{}
		send("a", "first")
		synctest.Wait() // it is in Deliver
		if len(answered) > 0 {
			t.Error("the publisher was answered before the sink took the message: nothing holds it back")
		}
		send("a", "1", "2")
		send("b", "1")
		send("a", "3")
		m.Signal("a", msg("s"))
		m.Signal("nobody's", msg("s"))
		send("b", "2")
		send("a", "4")
		m.Watch("c", true)
		<-l.held
		synctest.Wait()
		want := []string{
			"a deliver 1=first", "c watching 0 []",
			"a deliver 2=1 3=2 4=3", "b deliver 1=1 2=2", "a signal s", "a deliver 5=4",
		}
		if diff := cmp.Diff(want, l.taken()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"afirst", "a1", "b1", "a3", "b2", "a4"}, answered); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMemoryTailIsBounded(t *testing.T) {
	inBubble(t, broker.MemoryOptions{}, func(t *testing.T, m *broker.Memory, l *log) {
		for range 30 {
			publish(m, "lobby", msg(strings.Repeat(".", 100_000)))
		}
		m.Watch("lobby", true)
		synctest.Wait()
		if lines := l.taken(); len(lines) != 1 || !strings.HasPrefix(lines[0], "lobby watching 30 [21=.") {
			t.Errorf("a tail that is not the newest megabyte: %.40q", lines)
		}
	})
}

func TestMemoryRunsOnce(t *testing.T) {
	inBubble(t, broker.MemoryOptions{}, func(t *testing.T, m *broker.Memory, l *log) {
		synctest.Wait()
		if err := m.Run(t.Context(), l); err == nil {
			t.Error("a broker can be run twice")
		}
	})
}

// A sink that does not take anything fills the queue, and what does not fit in is refused, in its turn.
func TestMemoryQueueIsBounded(t *testing.T) {
	inBubble(t, broker.MemoryOptions{QueueBytes: 10_000}, func(t *testing.T, m *broker.Memory, l *log) {
		m.Watch("lobby", true)
		synctest.Wait()
		l.held <- struct{}{}
		var answers []string
		send := func(name string, size, n int) {
			msgs := slices.Repeat([]wire.Message{msg(strings.Repeat(".", size))}, n)
			m.Publish("lobby", msgs, func(all []broker.Accepted) {
				for _, a := range all {
					answers = append(answers, fmt.Sprint(name, a.Position.Offset, a.Err))
				}
			})
		}
		send("a", 20_000, 1) // larger than the queue, but there is nothing else in it
		synctest.Wait()
		send("b", 1, 2)
		m.Signal("lobby", msg(strings.Repeat(".", 3<<20)))
		m.Signal("lobby", msg(strings.Repeat(".", 3<<20)))
		<-l.held
		synctest.Wait()
		send("c", 6000, 1)
		synctest.Wait()
		full := "unavailable: the hub has more to deliver than it can hold; retry with the same key"
		if diff := cmp.Diff([]string{"a1 <nil>", "b0 " + full, "b0 " + full, "c2 <nil>"}, answers); diff != "" {
			t.Error(diff)
		}
		if s := m.Stats(); s.Refused != 2 || s.SignalsDropped != 1 {
			t.Errorf("%d refused and %d signals dropped, want 2 and 1", s.Refused, s.SignalsDropped)
		}
	})
}

// Two lives of the process have nothing in common, even if they begin in the same millisecond.
func TestMemoryEpochs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		for range 20 {
			epoch := page(t, broker.NewMemory(broker.MemoryOptions{}), "lobby").Epoch
			if seen[epoch] || epoch == "" || len(epoch) > 13 {
				t.Errorf("epoch %q", epoch)
			}
			seen[epoch] = true
			time.Sleep(time.Millisecond)
		}
	})
}
