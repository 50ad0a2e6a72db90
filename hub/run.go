package hub

import (
	"math"

	"hubbub/wire"
)

const (
	// runBytes is how much one write carries at most. Larger writes save nothing: at 64 KB the system call's share is gone.
	runBytes = 64 << 10
	// runEntries is how many messages one run holds at most.
	runEntries = 512
)

// run is a piece of a room's log as one dialect writes it: consecutive messages from one cursor. In the fast lane all members
// whose cursor stands at its start share it.
type run struct {
	step
	room    *room
	start   int64
	limit   int64 // where it had to end, at the latest
	dialect wire.Dialect
	bytes   []byte
	ends    []int  // bytes[:ends[i]] ends behind entry i
	partial bool   // some entry must not go to everybody: see Except
	own     string // the connection that has this run for itself, "" if it is shared
	wrote   int    // members that got it

	buf [runEntries]entry
}

// noLimit is a limit that no log reaches.
const noLimit = math.MaxInt64

func newRun() *run { return &run{} }

// build fills the run with what a member at cursor gets, up to the place limit. Messages that must not go to the connection id are left out; "" leaves
// out nothing and notes in partial that somebody has to have a run of its own.
func (r *run) build(rm *room, d wire.Dialect, cursor, limit int64, id string) step {
	r.reset()
	r.room, r.start, r.limit, r.dialect = rm, cursor, limit, d
	r.step = rm.log.next(cursor, r.buf[:0], 2*runBytes)
	if r.kind == stepRun {
		if r.next > limit {
			clear(r.entries[limit-cursor:])
			r.entries, r.next = r.entries[:limit-cursor], limit
		}
		r.encode(id)
	}
	return r.step
}

// take fills the run with messages of a page, from cursor on.
func (r *run) take(rm *room, d wire.Dialect, base, cursor int64, page []*wire.Message, id string) {
	r.reset()
	r.room, r.start, r.dialect = rm, cursor, d
	es := r.buf[:0]
	for _, m := range page {
		if seq := base + int64(m.Offset); seq == cursor+int64(len(es)) && len(es) < cap(es) {
			es = append(es, entry{seq, m})
		}
	}
	r.kind, r.entries, r.next = stepRun, es, cursor+int64(len(es))
	r.encode(id)
}

// encode writes the entries as frames, and cuts the run where it is large enough.
func (r *run) encode(id string) {
	for i, e := range r.entries {
		switch {
		case e.msg.Except == "":
			r.bytes = e.appendFrame(r.bytes, r.dialect, r.room.name)
		case e.msg.Except != id:
			r.partial = true
			r.bytes = e.appendFrame(r.bytes, r.dialect, r.room.name)
		}
		r.ends = append(r.ends, len(r.bytes))
		if len(r.bytes) >= runBytes {
			r.next = r.start + int64(i+1)
			break
		}
	}
	clear(r.entries[len(r.ends):])
	r.entries = r.entries[:len(r.ends)]
}

// excludes reports whether the connection id must not get all of the run.
func (r *run) excludes(id string) bool {
	if !r.partial {
		return false
	}
	for _, e := range r.entries {
		if e.msg.Except == id {
			return true
		}
	}
	return false
}

// after says where a cursor stands when the socket took n bytes of the run, and which bytes of a
// message that was cut have to follow first.
func (r *run) after(n int) (cursor int64, rest []byte) {
	if n >= len(r.bytes) {
		return r.next, nil
	}
	begin := 0
	for i, end := range r.ends {
		if n < end {
			if n > begin {
				return r.start + int64(i) + 1, r.bytes[n:end]
			}
			return r.start + int64(i), nil
		}
		begin = end
	}
	return r.next, r.bytes[n:]
}

// delivered counts the messages of which the socket took at least a byte.
func (r *run) delivered(n int) int {
	count, begin := 0, 0
	for _, end := range r.ends {
		if n <= begin {
			break
		}
		if end > begin {
			count++
		}
		begin = end
	}
	return count
}

// reset lets go of the entries, so that a run that lies in a pool keeps no log alive.
func (r *run) reset() {
	clear(r.entries)
	r.step, r.room = step{}, nil
	r.bytes, r.ends = r.bytes[:0], r.ends[:0]
	r.partial, r.own, r.wrote = false, "", 0
	if cap(r.bytes) > 4*runBytes {
		r.bytes = nil
	}
}
