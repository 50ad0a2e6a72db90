package brokertest

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/wire"
)

// patience is how long a test waits before it calls something lost.
const patience = 20 * time.Second

// recorder is a sink that remembers what it heard, and complains about whatever no broker without faults may do.
type recorder struct {
	t       *testing.T
	calls   atomic.Int32 // inside the sink now
	blocked sync.Mutex   // held by a test that wants the sink to block

	mu      sync.Mutex // guards rooms and changed
	rooms   map[string]*heard
	changed chan struct{} // closed and renewed whenever something was heard
}

// heard is what one sink knows of one room.
type heard struct {
	watchings int
	epoch     string
	start     uint64         // the last Watching's position
	tail      []wire.Message // what came with it
	last      uint64         // the last offset delivered, or start
	messages  []wire.Message // delivered since it was first watched
	signals   []wire.Message
	sequence  []string // payloads of messages and signals as they came
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, rooms: make(map[string]*heard), changed: make(chan struct{})}
}

// hear is the frame of every call: only one at a time, and only when the test lets it through.
func (r *recorder) hear(room string, f func(h *heard)) {
	if r.calls.Add(1) > 1 {
		r.t.Error("the sink is called from two goroutines at a time")
	}
	defer r.calls.Add(-1)
	r.blocked.Lock()
	defer r.blocked.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.rooms[room]
	if h == nil {
		h = new(heard)
		r.rooms[room] = h
	}
	f(h)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) Watching(room string, at wire.Position, tail []*wire.Message) {
	r.hear(room, func(h *heard) {
		if at.Epoch == "" {
			r.t.Errorf("%q: Watching without an epoch", room)
		}
		if h.watchings > 0 && h.epoch == at.Epoch && at.Offset < h.last {
			r.t.Errorf("%q: Watching at %d, behind %d which was delivered", room, at.Offset, h.last)
		}
		for i, m := range tail {
			if want := at.Offset - uint64(len(tail)-1-i); m.Offset != want {
				r.t.Errorf("%q: offset %d in the tail up to %d, want %d", room, m.Offset, at.Offset, want)
			}
		}
		h.watchings++
		h.epoch, h.start, h.last, h.tail = at.Epoch, at.Offset, at.Offset, values(tail)
	})
}

func (r *recorder) Deliver(room, epoch string, run []*wire.Message) {
	r.hear(room, func(h *heard) {
		if len(run) == 0 {
			r.t.Errorf("%q: an empty run", room)
		}
		if h.watchings == 0 || h.epoch != epoch {
			r.t.Errorf("%q: Deliver of epoch %q while it is %q after %d Watching", room, epoch, h.epoch, h.watchings)
		}
		for _, m := range run {
			if m.Offset != h.last+1 {
				r.t.Errorf("%q: offset %d delivered behind %d", room, m.Offset, h.last)
			}
			h.last = m.Offset
			h.messages = append(h.messages, *m)
			h.sequence = append(h.sequence, string(m.Payload))
		}
	})
}

func (r *recorder) Reset(room string, at wire.Position) {
	r.t.Errorf("%q: a new epoch %v, though nothing failed", room, at)
}

func (r *recorder) Signal(room string, m wire.Message) {
	r.hear(room, func(h *heard) {
		if h.watchings == 0 || m.Offset != 0 {
			r.t.Errorf("%q: a signal with offset %d after %d Watching", room, m.Offset, h.watchings)
		}
		h.signals = append(h.signals, m)
		h.sequence = append(h.sequence, string(m.Payload))
	})
}

// entered waits until somebody is in a call of the sink, which the test has blocked.
func (r *recorder) entered() {
	r.t.Helper()
	for deadline := time.Now().Add(patience); r.calls.Load() == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			r.t.Fatal("the sink is not called")
		}
	}
}

// of is a copy of what was heard of a room so far.
func (r *recorder) of(room string) heard {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.rooms[room]; h != nil {
		return *h
	}
	return heard{}
}

// await waits until what was heard of a room is enough.
func (r *recorder) await(room, what string, enough func(h heard) bool) heard {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		h := r.of(room)
		if enough(h) {
			return h
		}
		select {
		case <-changed:
		case <-timeout:
			r.t.Fatalf("%q: %s did not come; heard %d Watching, up to %d of %q, %d signals", room, what, h.watchings, h.last, h.epoch, len(h.signals))
		}
	}
}

// reaches waits until everything up to an offset was delivered.
func (r *recorder) reaches(room string, offset uint64) heard {
	r.t.Helper()
	return r.await(room, "the last message", func(h heard) bool { return h.watchings > 0 && h.last >= offset })
}

// watch has the room watched and waits for it.
func (r *recorder) watch(b broker.Broker, room string) heard {
	r.t.Helper()
	n := r.of(room).watchings
	b.Watch(room, true)
	return r.await(room, "Watching", func(h heard) bool { return h.watchings > n })
}
