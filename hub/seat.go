package hub

import (
	"slices"

	"hubbub/wire"
)

// add gives a member its cursor and writes `joined`, with what the log has for it, in the same step.
func (s *shard) add(o *order) {
	m := o.member
	v, p := m.view, m.peer
	m.index = len(v.members)
	v.members = append(v.members, m)

	p.mu.Lock()
	defer p.mu.Unlock()
	p.movedLocked(m.room.name)
	if p.gone || p.farewell != nil {
		m.left = true
		return
	}
	p.members = append(p.members, m)
	if len(o.frames) > 0 {
		p.appendOutLocked(o.frames)
	}
	if p.slow.Load() {
		return
	}
	if m.cursor >= o.end {
		p.scheduleLocked()
		return
	}
	s.serveAloneLocked(m, o.end)
	if m.cursor < o.end && !p.slow.Load() && !m.left {
		p.goSlowLocked()
	}
}

// serveAloneLocked writes to one member, if its peer is in the fast lane, outside of a round.
func (s *shard) serveAloneLocked(m *member, until int64) {
	p := m.peer
	if m.cursor < until && !p.slow.Load() && !m.left && !p.gone {
		s.serveLocked(m.view, m, nil, until) // a round comes with its sides by itself
		s.endRuns()
	}
}

// rejoin writes `joined` to a member behind all that lies before it, so that its position tells what the client has been given: who is in the
// slow lane is told of the place that it has reached, not of the log's end.
func (s *shard) rejoin(o *order) {
	m, p := o.member, o.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	s.serveAloneLocked(m, min(o.end, m.view.firstSignal()))
	o.frames = frame(wire.AppendJoined(nil, o.ref, m.room.name, m.room.log.before(m.cursor), o.count))
	p.answerLocked(o)
}

// remove takes a member's cursor away, and writes `left`.
func (s *shard) remove(o *order) {
	m := o.member
	v := m.view
	v.members, v.next = without(v.members, v.next, m.index, func(m *member, at int) { m.index = at })

	p := m.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	s.serveAloneLocked(m, o.end) // what came before the leave
	m.left = true
	if at := slices.Index(p.members, m); at >= 0 {
		p.members = slices.Delete(p.members, at, at+1)
	}
	p.answerLocked(o)
}

// answer appends the frames of an order, and notes which command they answer.
func (p *Peer) answer(o *order) {
	if o.counted {
		p.account(-1, 0)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answerLocked(o)
}

func (p *Peer) answerLocked(o *order) {
	if o.room != "" {
		p.movedLocked(o.room)
	}
	if p.farewell != nil || p.gone || len(o.frames) == 0 {
		return
	}
	p.appendOutLocked(o.frames)
	p.scheduleLocked()
}

// movedLocked notes that a join or a leave of the room has its answer.
func (p *Peer) movedLocked(room string) {
	if at := slices.Index(p.moving, room); at >= 0 {
		p.moving = slices.Delete(p.moving, at, at+1)
		if len(p.moving) == 0 {
			p.moving = nil
		}
		p.notifyLocked()
	}
}

// flushNow writes what waits in out, and the count to who missed a presence event in the slow lane and is back. On the shard's goroutine.
func (p *Peer) flushNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flushing = false
	if p.slow.Load() || p.gone {
		return
	}
	for _, m := range p.members {
		if m.stale && m.presence {
			p.appendOutLocked(m.view.latest)
			m.stale = false
		}
	}
	p.flushLocked()
}
