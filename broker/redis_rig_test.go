package broker_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/broker"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// patience is how long these tests wait before they call something lost.
const patience = 30 * time.Second

// witness is a sink that writes down what it hears, and complains of what no fault excuses.
type witness struct {
	t testing.TB

	mu      sync.Mutex // guards what follows
	rooms   map[string]*account
	changed chan struct{} // closed and renewed whenever something was heard
}

// account is what a witness knows of one room.
type account struct {
	watchings, resets int
	epoch             string
	last              uint64 // the last offset that was delivered or announced to be gone
	gone              uint64 // messages that were announced to be gone, those of a reset not counted
	heard             []heard

	count               int // of members, as last told
	counts              int // how often nothing but the count was told
	joined, left, known []string
}

// heard is one message and where it was.
type heard struct {
	at      wire.Position
	payload string
}

func newWitness(t testing.TB) *witness {
	return &witness{t: t, rooms: make(map[string]*account), changed: make(chan struct{})}
}

func (w *witness) hear(room string, f func(a *account)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.rooms[room]
	if a == nil {
		a = new(account)
		w.rooms[room] = a
	}
	f(a)
	close(w.changed)
	w.changed = make(chan struct{})
}

func (a *account) take(epoch string, msgs []*wire.Message) {
	for _, m := range msgs {
		a.heard = append(a.heard, heard{wire.Position{Epoch: epoch, Offset: m.Offset}, string(m.Payload)})
	}
}

func (w *witness) Watching(room string, at wire.Position, tail []*wire.Message) {
	w.hear(room, func(a *account) {
		switch {
		case a.watchings == 0:
			a.take(at.Epoch, tail)
		case a.epoch != at.Epoch:
			w.t.Errorf("%s: Watching in epoch %s while it is %s", room, at.Epoch, a.epoch)
		case at.Offset < a.last:
			w.t.Errorf("%s: Watching at %d behind %d", room, at.Offset, a.last)
		default:
			a.gone += at.Offset - a.last
		}
		a.watchings++
		a.epoch, a.last = at.Epoch, at.Offset
	})
}

func (w *witness) Deliver(room, epoch string, run []*wire.Message) {
	w.hear(room, func(a *account) {
		if a.epoch != epoch {
			w.t.Errorf("%s: Deliver in epoch %s while it is %s", room, epoch, a.epoch)
		}
		for i, m := range run {
			switch {
			case m.Offset <= a.last:
				w.t.Errorf("%s: %d delivered behind %d", room, m.Offset, a.last)
			case i > 0 && m.Offset != a.last+1:
				w.t.Errorf("%s: a hole within a run, from %d to %d", room, a.last, m.Offset)
			default:
				a.gone += m.Offset - a.last - 1
			}
			a.last = m.Offset
		}
		a.take(epoch, run)
	})
}

func (w *witness) Reset(room string, at wire.Position) {
	w.hear(room, func(a *account) {
		if broker.EpochNumber(at.Epoch) <= broker.EpochNumber(a.epoch) {
			w.t.Errorf("%s: epoch %s is followed by %s", room, a.epoch, at.Epoch)
		}
		a.resets++
		a.epoch, a.last = at.Epoch, at.Offset
	})
}

func (w *witness) Signal(string, wire.Message) {}

func (w *witness) Presence(room string, c broker.PresenceChange) {
	w.hear(room, func(a *account) {
		a.count = c.Count
		a.joined = append(a.joined, c.Joined...)
		a.left = append(a.left, c.Left...)
		a.known = append(a.known, c.Known...)
		if c.Joined == nil && c.Left == nil && c.Known == nil {
			a.counts++
		}
	})
}

// of is a copy of what was heard of a room so far.
func (w *witness) of(room string) account {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.rooms[room]; a != nil {
		return *a
	}
	return account{}
}

// await waits until what was heard of a room is enough.
func (w *witness) await(room, what string, enough func(a account) bool) account {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		a := w.of(room)
		if enough(a) {
			return a
		}
		select {
		case <-changed:
		case <-timeout:
			w.t.Fatalf("%s: %s did not come; it is at %s/%d, %d times watched, %d resets, %d members",
				room, what, a.epoch, a.last, a.watchings, a.resets, a.count)
		}
	}
}

// reaches waits until a witness is at a position.
func (w *witness) reaches(room string, at wire.Position) account {
	w.t.Helper()
	return w.await(room, fmt.Sprint(at), func(a account) bool { return a.epoch == at.Epoch && a.last >= at.Offset })
}

// hub is a broker that runs, and its sink.
type hub struct {
	*broker.Redis
	*witness
	t    testing.TB
	stop func() // ends Run and waits for it; may be called again
}

// prefixFor makes what a test's brokers share.
func prefixFor() string { return rand.Text()[:8] }

func startHub(t testing.TB, o broker.RedisOptions) *hub {
	t.Helper()
	h := newHub(t, o)
	h.run()
	return h
}

// newHub makes one that does not run yet.
func newHub(t testing.TB, o broker.RedisOptions) *hub {
	t.Helper()
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	r, err := broker.NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	return &hub{Redis: r, witness: newWitness(t), t: t, stop: func() {}}
}

func (h *hub) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx, h.witness) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				h.t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			h.t.Error("Run does not end")
		}
	})
	h.t.Cleanup(h.stop)
}

// hubs are several with one truth.
func hubs(t testing.TB, o broker.RedisOptions, n int) (all []*hub) {
	o.Prefix = cmp.Or(o.Prefix, prefixFor())
	for range n {
		all = append(all, startHub(t, o))
	}
	return all
}

// watch has a room watched and waits for it.
func (h *hub) watch(room string) account {
	h.t.Helper()
	n := h.of(room).watchings
	h.Watch(room, true)
	return h.await(room, "Watching", func(a account) bool { return a.watchings > n })
}

func say(payload string) wire.Message {
	return wire.Message{Time: 1, Client: "alice", Kind: wire.KindText, Payload: []byte(payload)}
}

func sayOnce(key, payload string) wire.Message {
	m := say(payload)
	m.Key = key
	return m
}

// try publishes and waits for the answer.
func (h *hub) try(room string, msgs ...wire.Message) (answers []broker.Accepted) {
	h.t.Helper()
	done := make(chan struct{})
	h.Publish(room, slices.Clone(msgs), func(a []broker.Accepted) {
		answers = slices.Clone(a)
		close(done)
	})
	select {
	case <-done:
	case <-time.After(patience):
		h.t.Fatal("a publish was not answered")
	}
	return answers
}

// put publishes one message, and again until it is taken, as clients do.
func (h *hub) put(room, payload string) wire.Position {
	h.t.Helper()
	m := sayOnce(rand.Text(), payload)
	for deadline := time.Now().Add(patience); ; {
		a := h.try(room, m)[0]
		if a.Err == nil {
			return a.Position
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: %v", room, a.Err)
		}
	}
}

// log reads all that is kept of a room.
func (h *hub) log(room string) (all broker.Page) {
	h.t.Helper()
	for at := (wire.Position{}); ; {
		p, err := h.History(h.t.Context(), room, at, 1000)
		if err != nil {
			h.t.Fatalf("%s: %v", room, err)
		}
		if p.Messages = append(all.Messages, p.Messages...); len(p.Messages) == len(all.Messages) {
			return p
		}
		all = p
		at = wire.Position{Epoch: p.Epoch, Offset: p.Messages[len(p.Messages)-1].Offset}
	}
}

// agrees compares what was heard of the log's epoch with the log.
func (h *hub) agrees(room string) {
	h.t.Helper()
	p := h.log(room)
	logged := make(map[uint64]string)
	for _, m := range p.Messages {
		logged[m.Offset] = string(m.Payload)
	}
	for _, m := range h.of(room).heard {
		if m.at.Epoch == p.Epoch && m.at.Offset >= p.First && logged[m.at.Offset] != m.payload {
			h.t.Errorf("%s: %v was heard as %q, the log has %q", room, m.at, m.payload, logged[m.at.Offset])
		}
	}
}

// eventually asks until it is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("this does not come: " + what)
		}
	}
}

// bare is a client that is no hub.
func bare(t testing.TB, s *testkit.RedisServer) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

func addrsOf(nodes []*testkit.RedisServer) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Addr())
	}
	return strings.Join(all, ",")
}

// nobody is an address where nobody listens.
func nobody(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
