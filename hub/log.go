package hub

import (
	"slices"
	"sync/atomic"

	"hubbub/internal/retain"
	"hubbub/wire"
)

// entryOverhead is what a message costs in a room's log beside its bytes: the struct, its slot in the ring, and the
// allocations' rounding.
const entryOverhead = 144

// entry is one message in a room's log here: its place, and the very message that the broker keeps, which nobody changes.
//
// No encoding of it is kept. A run is encoded when it is written, once for all members of a shard that stand at the same
// place: that costs 0.1 µs a message and dialect where a single write costs 8, and a kept encoding would double what a log holds.
type entry struct {
	seq int64
	msg *wire.Message
}

// Seq implements retain.Entry.
func (e entry) Seq() int64 { return e.seq }

// Time implements retain.Entry.
func (e entry) Time() int64 { return e.msg.Time }

// Size implements retain.Entry.
func (e entry) Size() int64 {
	m := e.msg
	return entryOverhead + int64(len(m.Payload)+len(m.Client)+len(m.Key)+len(m.Except))
}

// appendFrame appends the message as a frame of dialect d.
func (e entry) appendFrame(dst []byte, d wire.Dialect, room string) []byte {
	if d == wire.Pipe {
		return wire.AppendPipe(dst, e.msg)
	}
	return wire.AppendMessageFrame(dst, room, e.msg)
}

// epochMark is where an epoch begins in a log: the message with offset n stands at seq base+n, and base
// itself is the place where a reader is told of the new epoch.
type epochMark struct {
	name string
	base int64
}

// maxEpochs is how many epochs a log remembers; a cursor that is older still is told of the oldest of
// them. A room gets a new epoch only when its store lost something.
const maxEpochs = 8

// roomLog is the tail of a room. Places in it are numbers (seq) that grow by one with each message and
// each new epoch, whatever is missing in between: a cursor is such a number and keeps nothing alive.
//
// The hub's goroutine appends; anyone reads.
type roomLog struct {
	retain.Log[entry]
	end    atomic.Int64                // the seq that comes next
	epochs atomic.Pointer[[]epochMark] // ascending, never empty once the room is live; replaced, never changed

	claimed int64 // owned by the hub's goroutine: the furthest cursor of a client that was ahead of this log
}

// epochAt is the epoch in which seq lies. A seq before the oldest known epoch belongs to it.
func epochAt(marks []epochMark, seq int64) (mark epochMark, until int64) {
	i := len(marks) - 1
	for i > 0 && marks[i].base > seq {
		i--
	}
	if i+1 < len(marks) {
		return marks[i], marks[i+1].base
	}
	return marks[i], 1<<63 - 1
}

// current is the epoch in which messages are appended now. Only for a live room.
func (l *roomLog) current() epochMark {
	marks := *l.epochs.Load()
	return marks[len(marks)-1]
}

// position is the log's end as clients see it.
func (l *roomLog) position() wire.Position { return l.before(l.end.Load()) }

// before is the position of who has been given everything in front of cursor. Only for a live room.
func (l *roomLog) before(cursor int64) wire.Position {
	e, _ := epochAt(*l.epochs.Load(), cursor-1)
	return wire.Position{Epoch: e.name, Offset: uint64(max(cursor-1-e.base, 0))}
}

// begin starts an epoch behind everything the log has, and behind every place a client claimed to be
// at: its cursor has to meet the mark.
func (l *roomLog) begin(at wire.Position) {
	var marks []epochMark
	base := int64(0)
	if old := l.epochs.Load(); old != nil {
		marks = append(marks, (*old)[max(0, len(*old)+1-maxEpochs):]...)
		base = max(l.end.Load(), l.claimed)
	}
	marks = append(marks, epochMark{name: at.Epoch, base: base})
	l.epochs.Store(&marks)
	l.end.Store(base + 1 + int64(at.Offset))
}

// ended says whether an epoch was here, and another has followed it.
func (l *roomLog) ended(epoch string) bool {
	marks := *l.epochs.Load()
	return slices.ContainsFunc(marks[:len(marks)-1], func(m epochMark) bool { return m.name == epoch })
}

// find turns a client's position into a place in the log; ok is false where it is not of the current epoch. The place may lie
// beyond the log's end. Only for a live room.
func (l *roomLog) find(at wire.Position) (seq int64, ok bool) {
	e := l.current()
	return e.base + int64(at.Offset) + 1, e.name == at.Epoch
}

// stepKind is what a reader meets at its cursor.
type stepKind uint8

const (
	stepNone  stepKind = iota // it is at the end
	stepRun                   // entries, consecutive
	stepEpoch                 // a new epoch begins
	stepHole                  // offsets from..to are not in this log
)

// step is what comes next for a cursor, and where the cursor stands behind it.
type step struct {
	kind     stepKind
	entries  []entry // stepRun
	epoch    string  // the epoch it is in
	base     int64   // that epoch's
	from, to uint64  // stepHole: offsets, both included
	next     int64
}

// next says what a reader at cursor gets, up to some bytes. The entries are put into dst's free capacity.
func (l *roomLog) next(cursor int64, dst []entry, bytes int64) step {
	end := l.end.Load()
	if cursor >= end {
		return step{next: cursor}
	}
	marks := *l.epochs.Load()
	if cursor < marks[0].base {
		cursor = marks[0].base
	}
	mark, until := epochAt(marks, cursor)
	s := step{epoch: mark.name, base: mark.base}
	if cursor == mark.base {
		s.kind, s.next = stepEpoch, cursor+1
		return s
	}
	until = min(until, end)
	es := l.Read(dst[:0], cursor, bytes)
	n, first := 0, int64(0)
	if len(es) > 0 {
		first = es[0].seq
	}
	for n < len(es) && es[n].seq == cursor+int64(n) {
		n++
	}
	clear(es[n:]) // a run that lies in a pool keeps no message alive
	if n > 0 {
		s.kind, s.entries, s.next = stepRun, es[:n], cursor+int64(n)
		return s
	}
	if len(es) > 0 {
		until = min(until, first)
	}
	s.kind, s.from, s.to, s.next = stepHole, uint64(cursor-mark.base), uint64(until-1-mark.base), until
	return s
}
