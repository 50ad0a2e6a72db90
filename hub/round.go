package hub

import (
	"time"

	"hubbub/wire"
)

// sideBytes is how much may wait of one room for its next round until further signals are dropped, and counted.
const sideBytes = 64 << 10

// sharedRuns is how many different cursors of one room share runs in one round; others get their own.
const sharedRuns = 8

// view is a room as one shard sees it: the room's members whose connections the shard owns.
type view struct {
	room  *room // immutable
	shard *shard

	count int // members; owned by the hub's goroutine

	// guarded by shard.mu
	dirty  bool
	marked int64 // where the room's log ended when the bit was set last

	// owned by the shard's goroutine
	members []*member
	at      time.Time // when the next round is due
	last    time.Time // when the last round began
	// known is how far the log may be read: where it ended when the shard last took its orders, so that every signal in front of that
	// has been taken, too. The log itself may have moved on, behind a signal that is still in the queue.
	known  int64
	end    int64 // how far the round under way reads: known when it began
	queued bool  // in shard.due
	next   int   // of the round under way: members[:next] have been served; 0 between rounds
	// underway: a round was interrupted; again: there is news since it began; behind: it left somebody behind
	underway, again, behind bool
	sides                   []side // for the next round
	sending                 []side // of the round under way
	waiting                 int    // bytes in sides
	latest                  []byte // the count of the last presence event, for who missed it
}

// side is what passes beside the log: a signal or a presence event.
type side struct {
	frame  []byte
	count  []byte // presence: the count alone, for who missed an event; nil for a signal
	except string // the connection that sent the signal
	at     int64  // a signal: where the log ended; it does not overtake what lies before
}

// addSide keeps a side for the next round.
func (v *view) addSide(s *shard, d side) {
	if d.count != nil {
		v.latest = d.count
	} else if v.waiting > 0 && v.waiting+len(d.frame) > sideBytes { // the first is let through, as large as it may be
		s.hub.stats.sidesDropped.Add(uint64(len(v.members)))
		return
	}
	v.waiting += len(d.frame)
	v.sides = append(v.sides, d)
	s.schedule(v, time.Now())
}

// appendSides appends what m gets of some sides. A signal whose place m has passed (it comes back from the slow lane, or has just joined) is not
// for m any more: no signal comes behind what followed it.
func (m *member) appendSides(dst []byte, sides []side) []byte {
	for _, d := range sides {
		switch {
		case d.count == nil:
			if d.except != m.peer.id && d.at >= m.cursor {
				dst = append(dst, d.frame...)
			}
		case !m.presence:
		case m.stale:
			dst = append(dst, d.count...)
			m.stale = false
		default:
			dst = append(dst, d.frame...)
		}
	}
	return dst
}

// nextSides splits sides into those that come before the message at cursor, and says where the log, which is to be read to until, is to be
// read to before the rest.
func nextSides(sides []side, cursor, until int64) (now, later []side, limit int64) {
	for i, d := range sides {
		if d.at > cursor {
			return sides[:i], sides[i:], d.at
		}
	}
	return sides, nil, until
}

// firstSignal is the place of the first signal that waits for a round; noLimit: none does.
func (v *view) firstSignal() int64 {
	for _, sides := range [...][]side{v.sending, v.sides} {
		for _, d := range sides {
			if d.count == nil {
				return d.at
			}
		}
	}
	return noLimit
}

// missSides notes that a member in the slow lane did not get the round's sides.
func (v *view) missSides(m *member, sides []side) {
	if m.peer.dialect != wire.JSON {
		return
	}
	for _, d := range sides {
		if d.count == nil && d.except != m.peer.id {
			v.shard.hub.stats.sidesDropped.Add(1)
		} else if d.count != nil && m.presence {
			v.shard.hub.stats.sidesDropped.Add(1)
			m.stale = true
		}
	}
}

// round writes to every member what its room has for it; more says that it was interrupted, or that somebody is still behind.
func (s *shard) round(v *view, now time.Time) (more bool) {
	if !v.underway {
		v.last, v.end = now, v.known
		v.underway, v.again, v.behind = true, false, false
		v.sending, v.sides, v.waiting = v.sides, nil, 0
	}
	defer s.endRuns()
	for v.next < len(v.members) {
		if s.writes >= passWrites {
			return true
		}
		m := v.members[v.next]
		v.next++
		s.serve(v, m)
	}
	v.next, v.sending, v.underway = 0, nil, false
	if v.again && !v.behind {
		s.schedule(v, now)
	}
	return v.behind
}

// serve writes to one member, if its peer is in the fast lane.
func (s *shard) serve(v *view, m *member) {
	p := m.peer
	if p.slow.Load() {
		v.missSides(m, v.sending)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slow.Load() {
		v.missSides(m, v.sending)
		return
	}
	if m.left || p.gone {
		return
	}
	s.serveLocked(v, m, v.sending, v.end)
	if m.cursor < v.end { // what has come since the round began has its own mark
		v.behind = v.behind || !p.slow.Load()
	}
}

// serveLocked writes out, the sides and one run up to the place until, in one write, or in as many as it takes to give each side its place
// among the messages.
func (s *shard) serveLocked(v *view, m *member, sides []side, until int64) {
	if m.peer.dialect != wire.JSON {
		sides = nil
	}
	for {
		now, later, limit := nextSides(sides, m.cursor, until)
		before := m.cursor
		s.pieceLocked(v, m, now, limit)
		if len(later) == 0 {
			return
		}
		if m.peer.slow.Load() || m.left || m.cursor == before {
			v.missSides(m, later)
			return
		}
		sides = later
	}
}

// pieceLocked writes out, some sides, and one run up to a limit, in one write.
func (s *shard) pieceLocked(v *view, m *member, sides []side, limit int64) {
	p := m.peer
	var r *run
	var b []byte
	if m.cursor < limit {
		r = s.runFor(v.room, p, m.cursor, limit)
		if r.kind == stepHole || r.kind == stepEpoch {
			v.missSides(m, sides)
			p.goSlowLocked()
			return
		}
		b = r.bytes
	}
	head := 0
	if len(p.out) > 0 || len(sides) > 0 {
		s.joint = m.appendSides(append(s.joint[:0], p.out...), sides)
		head = len(s.joint)
		s.joint = append(s.joint, b...)
		b = s.joint
	}
	n := 0
	if len(b) > 0 {
		var err error
		n, err = p.writeLocked(b)
		s.writes++
		if err != nil {
			p.failLocked()
			return
		}
	}
	if n < head {
		p.out = append(p.out[:0], b[n:head]...)
		p.goSlowLocked()
		return
	}
	p.clearOutLocked()
	if r != nil {
		s.tookRun(m, r, n-head)
	}
	if n < len(b) {
		p.goSlowLocked()
	}
}

// tookRun accounts for what the socket took of a run.
func (s *shard) tookRun(m *member, r *run, n int) {
	m.peer.tookLocked(m, r, n)
	s.given += r.delivered(n)
	if n < len(r.bytes) {
		s.hub.stats.observe(r.entries[:m.cursor-r.start], 1)
	} else {
		r.wrote++
	}
}

// runFor is the run from cursor, shared with the round's other members that stand there.
func (s *shard) runFor(rm *room, p *Peer, cursor, limit int64) *run {
	for _, r := range s.runs[:s.used] {
		if r.room == rm && r.start == cursor && r.limit == limit && r.dialect == p.dialect && r.own == "" && !r.excludes(p.id) {
			return r
		}
	}
	if s.used == sharedRuns {
		s.endRuns()
	}
	if s.used == len(s.runs) {
		s.runs = append(s.runs, newRun())
	}
	r := s.runs[s.used]
	s.used++
	if r.build(rm, p.dialect, cursor, limit, ""); r.excludes(p.id) {
		r.build(rm, p.dialect, cursor, limit, p.id)
		r.own = p.id
	}
	return r
}

// endRuns accounts for the runs of a round and lets go of them.
func (s *shard) endRuns() {
	for _, r := range s.runs[:s.used] {
		s.hub.stats.observe(r.entries, r.wrote)
		r.reset()
	}
	s.used = 0
	s.hub.stats.delivered.Add(uint64(s.given))
	s.given = 0
}
