package broker

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"hubbub/internal/retain"
	"hubbub/wire"
)

// MemoryOptions says how much a Memory may hold.
type MemoryOptions struct {
	// Retention is how much is kept of each room and of all rooms together; without any limit everything is. See
	// memoryEntry for what a message is charged with. Age counts from wire.Message.Time.
	Retention retain.Limits
	// QueueBytes is how much may wait for Run and its sink. What comes above it is refused. Default: 64 MiB.
	QueueBytes int64
	// Keys is how many idempotency keys are remembered, of all rooms together, at some 60 bytes each. When there are
	// more within five minutes the window shrinks, for everybody. Default: 1,048,576, which is 1,700 keys a second.
	Keys int
}

// sweepEvery is how late age is enforced, at most.
const sweepEvery = time.Second

// Memory is the broker of a single instance: all is in this process, and gone with it.
//
// A single goroutine, Run's, numbers, stores and calls the sink and the answers. Everyone else puts commands
// into a queue or reads under mu. DESIGN.md says why that is enough.
type Memory struct {
	inbox inbox

	// Guards rooms, their logs and ends, keys and epoch. Only Run's goroutine writes them, so it reads
	// without mu; it holds mu for one batch at most, and never while it calls anybody.
	mu    sync.RWMutex
	rooms map[string]*memoryRoom
	keys  keyring
	epoch epoch // that of the next room to be made, see forget

	// owned by Run's goroutine
	logs    *retain.Set[memoryEntry]
	steps   []step        // what one batch makes the sink hear
	answers []Accepted    // of one batch, a piece for each done
	emptied []*memoryRoom // rooms that lost their last message in this batch

	running        atomic.Bool
	refused        atomic.Uint64
	signalsDropped atomic.Uint64
}

// NewMemory returns an empty broker, to be brought to life by Run.
func NewMemory(o MemoryOptions) *Memory {
	m := &Memory{
		inbox: inbox{wake: make(chan struct{}, 1), limit: cmp.Or(o.QueueBytes, 64<<20)},
		rooms: make(map[string]*memoryRoom),
		keys:  newKeyring(cmp.Or(o.Keys, 1<<20), time.Now()),
		logs:  retain.NewSet[memoryEntry](o.Retention),
		// Twenty bits below the millisecond: so the epochs of a later start are larger as long as fewer than a million
		// rooms a millisecond are forgotten, and two starts in one millisecond differ.
		epoch: epoch(time.Now().UnixMilli())<<20 | epoch(rand.Uint64N(1<<20)),
	}
	m.logs.Emptied = func(l *retain.Log[memoryEntry]) { m.emptied = append(m.emptied, l.Owner.(*memoryRoom)) }
	return m
}

// Run implements Broker.
func (m *Memory) Run(ctx context.Context, to Sink) error {
	if m.running.Swap(true) {
		return errors.New("a broker was run twice")
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-tick.C:
			m.sweep(now)
		case <-m.inbox.wake:
			if m.work(to) { // there may be more
				m.inbox.poke()
			}
		}
	}
	m.inbox.stop()
	for m.work(to) {
	}
	return nil
}

// Publish implements Broker. After Run has returned, done gets Unavailable from a goroutine that ends with it.
func (m *Memory) Publish(room string, msgs []wire.Message, done func([]Accepted)) {
	if !m.inbox.publish(room, msgs, done) {
		m.refused.Add(uint64(len(msgs)))
	}
}

// Signal implements Broker.
func (m *Memory) Signal(room string, msg wire.Message) {
	if !m.inbox.signal(room, msg) {
		m.signalsDropped.Add(1)
	}
}

// Watch implements Broker.
func (m *Memory) Watch(room string, on bool) { m.inbox.watch(room, on) }

// MemoryStats is what a Memory holds, and what it could not.
type MemoryStats struct {
	Rooms          int    // with a message, or watched
	Bytes          int64  // charged to Retention.Total
	Keys           int    // remembered
	Refused        uint64 // messages, for want of room in the queue or because Run had ended
	SignalsDropped uint64 // for want of room in the queue or because Run had ended
}

// Stats may be called from any goroutine.
func (m *Memory) Stats() MemoryStats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return MemoryStats{
		Rooms:          len(m.rooms),
		Bytes:          m.logs.Bytes(),
		Keys:           m.keys.len(),
		Refused:        m.refused.Load(),
		SignalsDropped: m.signalsDropped.Load(),
	}
}
