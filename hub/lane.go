package hub

import (
	"errors"
	"os"
	"sync"
	"time"

	"hubbub/broker"
	"hubbub/wire"
)

// laneState is why the slow lane stopped writing.
type laneState uint8

const (
	laneMore laneState = iota // there is more, and the socket took all so far
	laneFull                  // the socket takes no more now
	laneHole                  // the log here has not got what comes next
	laneFast                  // all is written: the peer is in the fast lane again
	laneGone                  // nothing is written any more
)

// hole is what the log here could not give.
type hole struct {
	m *member
	step
}

// slowRuns lends the buffers in which slow lanes build their runs. A lane holds one only while it
// builds and writes, never while it waits: what slow readers cost must not grow with their number.
var slowRuns = sync.Pool{New: func() any { return newRun() }}

// resume brings a peer back from the slow lane, which has no goroutine at the moment: at once if it
// can be done without waiting, else by a goroutine of its own.
func (p *Peer) resume() {
	for {
		switch state, _ := p.advance(); state {
		case laneMore:
		case laneFast, laneGone:
			return
		default:
			p.hub.lanes.Go(p.slowLane)
			return
		}
	}
}

// goSlowLocked moves the peer out of the fast lane.
func (p *Peer) goSlowLocked() {
	p.slow.Store(true)
	p.hub.stats.slowEntries.Add(1)
	p.hub.lanes.Go(p.slowLane)
}

// slowLane serves one peer, with waiting, until it has everything its rooms' logs have. It is the only
// goroutine of its peer that writes while it runs.
func (p *Peer) slowLane() {
	p.hub.stats.slowLane.Add(1)
	defer p.hub.stats.slowLane.Add(-1)
	var written uint64
	deadline := time.Now().Add(p.hub.o.WriteTimeout)
	for {
		state, at := p.advance()
		if state == laneHole {
			state = p.bridge(at)
		}
		switch state {
		case laneFast, laneGone:
			return
		case laneHole:
			p.hub.pause(retryHistory)
		case laneFull:
			if w := p.written(); w != written {
				written, deadline = w, time.Now().Add(p.hub.o.WriteTimeout)
			}
			err := p.conn.AwaitWritable(deadline)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.Close(wire.CloseStalled, "the peer stopped reading")
				deadline = time.Now().Add(p.hub.o.WriteTimeout) // the reader closes the socket long before
			} else if err != nil {
				p.Drop()
			}
		}
	}
}

// retryHistory is how long a slow lane waits after the broker could not give a page.
const retryHistory = 250 * time.Millisecond

// advance writes one thing: what is in out, or one run of one room, or the farewell. In the slow lane only. The lock is
// free between two of them, so that nobody waits for a reader that catches up.
func (p *Peer) advance() (laneState, hole) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return laneGone, hole{}
	}
	if p.conn == nil { // before Attach
		return laneFast, hole{}
	}
	if len(p.out) > 0 {
		return p.advanceOut(), hole{}
	}
	for range p.members {
		p.turn++
		m := p.members[p.turn%len(p.members)]
		if m.cursor >= m.room.log.end.Load() {
			continue
		}
		if p.farewell != nil && !p.linger {
			break
		}
		return p.advanceRoom(m)
	}
	if p.farewell != nil {
		return p.advanceFarewell(), hole{}
	}
	// A shard that saw slow before this passed the peer by; the hub had moved the log's end before that. So look again.
	p.slow.Store(false)
	for _, m := range p.members {
		if m.cursor < m.room.log.end.Load() {
			p.slow.Store(true)
			return laneMore, hole{}
		}
	}
	if len(p.members) > 0 {
		p.wantFlushLocked() // for the presence that it missed
	}
	return laneFast, hole{}
}

func (p *Peer) advanceOut() laneState {
	n, err := p.writeLocked(p.out)
	p.sent += uint64(n)
	switch {
	case err != nil:
		p.failLocked()
		return laneGone
	case n < len(p.out):
		p.out = append(p.out[:0], p.out[n:]...)
		p.notifyLocked()
		return laneFull
	}
	p.clearOutLocked()
	if p.said {
		p.gone = true
		_ = p.conn.CloseWrite()
		p.forgetLocked()
		p.notifyLocked()
		return laneGone
	}
	return laneMore
}

func (p *Peer) advanceFarewell() laneState {
	p.appendOutLocked(p.farewell)
	p.said = true
	return laneMore
}

// advanceRoom writes the next run of one room.
func (p *Peer) advanceRoom(m *member) (laneState, hole) {
	r := slowRuns.Get().(*run)
	defer slowRuns.Put(r)
	defer r.reset()
	s := r.build(m.room, p.dialect, m.cursor, noLimit, p.id)
	switch s.kind {
	case stepHole:
		return laneHole, hole{m, s}
	case stepEpoch:
		p.tellEpochLocked(m, s)
		return laneMore, hole{}
	case stepNone:
		return laneMore, hole{}
	}
	return p.writeRunLocked(m, r), hole{}
}

// writeRunLocked writes a run to its member, as far as the socket takes it.
func (p *Peer) writeRunLocked(m *member, r *run) laneState {
	n, err := p.writeLocked(r.bytes)
	p.sent += uint64(n)
	if err != nil {
		p.failLocked()
		return laneGone
	}
	p.tookLocked(m, r, n)
	p.hub.stats.delivered.Add(uint64(r.delivered(n)))
	p.hub.stats.observe(r.entries[:m.cursor-r.start], 1)
	if n < len(r.bytes) {
		return laneFull
	}
	return laneMore
}

// tookLocked moves a cursor behind what the socket took of a run, and keeps the rest of the frame that was cut.
func (p *Peer) tookLocked(m *member, r *run, n int) {
	var rest []byte
	m.cursor, rest = r.after(n)
	if n > 0 {
		m.quiet = 0
	}
	if len(rest) > 0 {
		p.appendOutLocked(rest)
	}
}

// tellEpochLocked announces a new epoch.
func (p *Peer) tellEpochLocked(m *member, s step) {
	p.hub.stats.gaps.Add(1)
	m.cursor, m.quiet = s.next, 0
	if p.dialect == wire.Pipe {
		p.holeLocked("the room's log began anew")
		return
	}
	var mark int
	p.borrowOutLocked()
	p.out, mark = wire.Begin(p.out)
	p.out = wire.End(wire.AppendNewEpoch(p.out, m.room.name, s.epoch), mark, wire.OpText)
}

// tellGapLocked announces that offsets from..to of a room are lost, unless they are the beginning of
// what the member asked for with last.
func (p *Peer) tellGapLocked(m *member, base int64, from, to uint64) {
	if begin := m.quiet - base; begin > int64(from) {
		from = uint64(begin)
	}
	if from > to {
		return
	}
	p.hub.stats.gaps.Add(1)
	if p.dialect == wire.Pipe {
		p.holeLocked("messages are missing here and not to be had any more")
		return
	}
	var mark int
	p.borrowOutLocked()
	p.out, mark = wire.Begin(p.out)
	p.out = wire.End(wire.AppendTrimmed(p.out, m.room.name, from, to), mark, wire.OpText)
}

// holeLocked closes a pipe that has no other way to say so; nothing follows the hole.
func (p *Peer) holeLocked(reason string) {
	p.forgetLocked()
	if p.closing == 0 {
		p.closing, p.reason = wire.CloseHole, reason
		_ = p.conn.SetReadDeadline(past)
		p.notifyLocked()
	}
}

// bridge asks the broker for what the log here has no longer, and writes it, or says in its place that it is gone, and
// writes what follows from the same page: by the time that another were read, more might be gone. It blocks for the
// broker, not for the socket. laneHole: the broker cannot say now.
func (p *Peer) bridge(at hole) laneState {
	page, err := p.hub.page(at.m.room.name, wire.Position{Epoch: at.epoch, Offset: at.from - 1})
	if err != nil {
		return laneHole
	}
	r := slowRuns.Get().(*run)
	defer slowRuns.Put(r)
	defer r.reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	m := at.m
	if m.left || p.gone {
		return laneMore
	}
	if lost := lostUntil(m.room.log, page, at.step); lost >= at.from {
		p.tellGapLocked(m, at.base, at.from, lost)
		m.cursor = at.base + int64(lost) + 1
	}
	if len(p.out) > 0 {
		if state := p.advanceOut(); state != laneMore {
			return state
		}
	}
	if m.left || page.Epoch != at.epoch {
		return laneMore
	}
	if r.take(m.room, p.dialect, at.base, m.cursor, page.Messages, p.id); len(r.entries) > 0 {
		return p.writeRunLocked(m, r)
	}
	return laneMore
}

// lostUntil says up to which offset a hole is really lost; at.from−1 when its first message is to be had. What the
// broker keeps no longer may still be in the log here, and the log may have lost more since the hole was met.
func lostUntil(l *roomLog, page broker.Page, at step) uint64 {
	if page.Epoch != at.epoch {
		return at.to // of an epoch that nobody keeps any more
	}
	first := page.First
	if len(page.Messages) > 0 {
		first = page.Messages[0].Offset
	} else if page.First <= at.to {
		first = at.to + 1 // the broker has them and does not give them: what ought not to be must not be waited for
	}
	if here, last, ok := l.Bounds(); ok && last >= at.base {
		first = min(first, uint64(max(here-at.base, int64(at.to)+1)))
	}
	return first - 1
}

func (p *Peer) written() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}
