package broker

import (
	"strconv"
	"time"

	"hubbub/internal/retain"
	"hubbub/wire"
)

// epoch is the life of a room's log. Clients see it as a short string.
type epoch uint64

func (e epoch) String() string { return strconv.FormatUint(uint64(e), 36) }

// memoryRoom is one room's truth.
type memoryRoom struct {
	name      string // immutable
	epoch     epoch  // immutable
	epochName string // immutable

	// written by Run's goroutine under Memory.mu
	log  retain.Log[memoryEntry]
	last uint64 // the newest offset ever given

	// owned by Run's goroutine
	watched bool
	step    int // where in Memory.steps the room's run is still open, counted from 1; 0: nowhere
}

func (r *memoryRoom) position(offset uint64) wire.Position {
	return wire.Position{Epoch: r.epochName, Offset: offset}
}

// memoryEntry is a message in a room's log; the sink has the same message, not a copy.
type memoryEntry struct{ *wire.Message }

const (
	// entryBytes: a message is 96 bytes, a slot of the ring 8, a ring that grows is on average three quarters full, and a payload's
	// allocation is rounded up. TestChargeIsWhatMemoryCosts finds 0.83 to 1.03 bytes of heap for a byte charged; a log
	// that has just shrunk to a quarter of its ring costs up to twice as much, until it grows or shrinks again.
	entryBytes = 144
	// roomBytes is what a room costs beside its messages: itself and its place in the map.
	roomBytes = 320
)

func (e memoryEntry) Seq() int64  { return int64(e.Offset) }
func (e memoryEntry) Time() int64 { return e.Message.Time }

// Size charges a room's first message with the room: otherwise a million rooms of one message each would be held to be small.
func (e memoryEntry) Size() int64 {
	n := entryBytes + len(e.Payload) + len(e.Client) + len(e.Key) + len(e.Except)
	if e.Offset == 1 {
		n += roomBytes
	}
	return int64(n)
}

// room is the one with this name, made if need be.
func (m *Memory) room(name string) *memoryRoom {
	r := m.rooms[name]
	if r == nil {
		r = &memoryRoom{name: name, epoch: m.epoch, epochName: m.epoch.String()}
		r.log.Owner = r
		m.rooms[name] = r
	}
	return r
}

// forget drops a room that nobody would miss: none watches it, and nothing is kept of it.
//
// A position that somebody has from its life must not be taken for one of a later life. All rooms made from now on get
// another epoch, then, which costs less than to remember the name; a room in which nothing was ever said has no such position.
func (m *Memory) forget(r *memoryRoom) {
	if r.watched || r.log.Len() > 0 || m.rooms[r.name] != r {
		return
	}
	delete(m.rooms, r.name)
	if r.last > 0 && r.epoch == m.epoch {
		m.epoch++
	}
}

// forgetEmptied looks at the rooms that lost their last message.
func (m *Memory) forgetEmptied() {
	for i, r := range m.emptied {
		m.forget(r)
		m.emptied[i] = nil
	}
	m.emptied = m.emptied[:0]
}

// sweep lets time have its way.
func (m *Memory) sweep(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logs.Expire(now)
	m.keys.turn(now)
	m.forgetEmptied()
}
