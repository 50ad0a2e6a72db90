package hub

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"hubbub/wire"
)

const (
	// passWrites is after how many writes a shard looks at its inbox again.
	passWrites = 2000
	// memberWindow is what a round costs a room in quiet time, for each of its members here: a write costs some 8 µs, so a room
	// that is always dirty is written to at most about half of the time, and what comes meanwhile shares the next write.
	memberWindow = 20 * time.Microsecond
	maxWindow    = 50 * time.Millisecond
	// minWindow is the least window that is worth a timer.
	minWindow = time.Millisecond
)

// shard is a goroutine that owns a share of the connections: it writes to them while they are in the
// fast lane, and pings them. By connection, not by room, so that one hot room uses every core.
type shard struct {
	hub  *Hub
	wake chan struct{} // senders: anyone with work for the shard; receiver: the shard; capacity 1, a full one says it already; never closed

	mu     sync.Mutex // guards what follows; held for a few instructions
	orders []order    // from the hub's goroutine, in its order
	dirty  []*view    // whose bit is set
	flushs []*Peer    // whose out is to be written

	// owned by the shard's goroutine
	peers     []*Peer // attached, for the sweep
	sweepAt   int     // peers[:sweepAt] have been pinged in this interval
	sweepPart int
	due       dueViews // rooms that wait for their window
	writes    int      // in this pass
	given     int      // messages written in this round
	runs      []*run   // of the round under way
	used      int      // of runs
	joint     []byte   // scratch: a peer's out and a run in one write
	spare     struct {
		orders []order
		dirty  []*view
		flushs []*Peer
	}
}

// orderKind is what the hub's goroutine tells a shard.
type orderKind uint8

const (
	orderAttach   orderKind = iota // the peer has a socket
	orderAdd                       // a cursor, behind its `joined`
	orderRemove                    // a cursor goes, before its `left`
	orderRejoin                    // a member's `joined` once more
	orderAnswer                    // frames for one peer
	orderSide                      // a signal or a presence event for a view
	orderPresence                  // a member wants presence events, or no longer
	orderEnd                       // the peer has ended
	orderBarrier                   // nothing: only that it has been reached
)

// order is one thing to do, in the hub's order.
type order struct {
	kind    orderKind
	peer    *Peer
	member  *member
	frames  []byte
	counted bool       // it answers a command that counts as unanswered
	room    string     // the one whose join or leave it answers, if it does
	end     int64      // orderAdd, orderRemove, orderRejoin: where the room's log ended
	count   int        // orderRejoin: the clients in the room
	ref     wire.Ref   // orderRejoin
	side    side       // orderSide
	view    *view      // orderSide
	on      bool       // orderPresence
	done    chan error // orderAdd, orderAnswer: told, if not nil; capacity 1
	err     error
}

func newShard(h *Hub) *shard {
	return &shard{hub: h, wake: make(chan struct{}, 1)}
}

// order appends to the shard's queue. It never blocks. The hub's goroutine calls it; Attach does once, for a peer that is new.
func (s *shard) order(o order) {
	s.mu.Lock()
	s.orders = append(s.orders, o)
	s.mu.Unlock()
	s.poke()
}

// mark sets the view's dirty bit: its room's log ends at end now. It never blocks.
func (s *shard) mark(v *view, end int64) {
	s.mu.Lock()
	v.marked = end
	if !v.dirty {
		v.dirty = true
		s.dirty = append(s.dirty, v)
	}
	s.mu.Unlock()
	s.poke()
}

// flush asks for the peer's out to be written. It never blocks; the caller holds the peer's lock, so the shard must not take a
// peer's lock while it holds its own.
func (s *shard) flush(p *Peer) {
	s.mu.Lock()
	s.flushs = append(s.flushs, p)
	s.mu.Unlock()
	s.poke()
}

func (s *shard) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run serves the shard's peers until ctx ends. It blocks.
func (s *shard) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	sweep := time.NewTicker(max(s.hub.o.Ping/sweepParts, time.Millisecond))
	defer sweep.Stop()
	for {
		wait := s.pass()
		if wait == 0 {
			select {
			case <-ctx.Done():
				return
			case <-sweep.C:
				s.sweep()
			default:
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		case <-sweep.C:
			s.sweep()
		}
	}
}

// pass does what there is to do, up to a number of writes, and says how long nothing is due then; 0: there is more.
func (s *shard) pass() time.Duration {
	s.mu.Lock()
	orders, dirty, flushs := s.orders, s.dirty, s.flushs
	s.orders, s.dirty, s.flushs = s.spare.orders[:0], s.spare.dirty[:0], s.spare.flushs[:0]
	for _, v := range dirty {
		v.dirty, v.known = false, v.marked
	}
	s.mu.Unlock()

	s.writes = 0
	for i := range orders {
		s.do(&orders[i])
	}
	now := time.Now()
	for _, v := range dirty {
		s.schedule(v, now)
	}
	for len(s.due) > 0 && s.writes < passWrites && (!s.due[0].at.After(now) || s.hub.hasty.Load()) {
		v := heap.Pop(&s.due).(*view)
		if more := s.round(v, now); more {
			v.at = now
			heap.Push(&s.due, v)
		}
	}
	for _, p := range flushs {
		p.flushNow()
	}
	clear(orders)
	clear(dirty)
	clear(flushs)
	s.spare.orders, s.spare.dirty, s.spare.flushs = shrink(orders), shrink(dirty), shrink(flushs)

	switch {
	case s.writes >= passWrites:
		return 0
	case len(s.due) > 0:
		return max(time.Until(s.due[0].at), 0)
	default:
		return time.Hour
	}
}

// shrink lets a queue that was long once go.
func shrink[T any](q []T) []T {
	if cap(q) > 4096 && len(q) < cap(q)/4 {
		return nil
	}
	return q[:0]
}

// schedule makes a view due: at once after a quiet moment, else when its window has passed.
func (s *shard) schedule(v *view, now time.Time) {
	if v.queued {
		v.again = v.underway // who has been served must be served once more
		return
	}
	v.at = now
	if w := window(int(v.room.size.Load())); w > 0 && !s.hub.hasty.Load() {
		if next := v.last.Add(w); next.After(now) {
			v.at = next
		}
	}
	heap.Push(&s.due, v)
}

// window is how long a room's round is not repeated, given its members on this instance.
func window(members int) time.Duration {
	w := min(time.Duration(members)*memberWindow, maxWindow)
	if w < minWindow {
		return 0
	}
	return w
}

// do carries out one order.
func (s *shard) do(o *order) {
	switch o.kind {
	case orderAttach:
		o.peer.sweepIndex = len(s.peers)
		s.peers = append(s.peers, o.peer)
	case orderAdd:
		s.add(o)
	case orderRemove:
		s.remove(o)
	case orderRejoin:
		s.rejoin(o)
	case orderAnswer:
		o.peer.answer(o)
	case orderSide:
		o.view.addSide(s, o.side)
	case orderPresence:
		o.member.presence = o.on
	case orderEnd:
		s.forget(o.peer)
	}
	if o.done != nil {
		select {
		case o.done <- o.err:
		default: // it has had its answer; a shard waits for nobody
		}
	}
}

// forget takes a peer out of the sweep.
func (s *shard) forget(p *Peer) {
	if i := p.sweepIndex; i < len(s.peers) && s.peers[i] == p {
		s.peers, s.sweepAt = without(s.peers, s.sweepAt, i, func(p *Peer, at int) { p.sweepIndex = at })
	}
}

// without takes list[i] out of a list whose first done elements have had their turn, and keeps who has had it apart from who has not. The order
// is lost otherwise; placed is told where whoever moved is now.
func without[T any](list []T, done, i int, placed func(e T, at int)) ([]T, int) {
	move := func(from, to int) {
		list[to] = list[from]
		placed(list[to], to)
	}
	if i < done {
		done--
		move(done, i)
		i = done
	}
	last := len(list) - 1
	move(last, i)
	clear(list[last:])
	return list[:last], done
}

// dueViews is a heap by view.at, for container/heap.
type dueViews []*view

func (d dueViews) Len() int           { return len(d) }
func (d dueViews) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dueViews) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *dueViews) Push(x any) {
	v := x.(*view)
	v.queued = true
	*d = append(*d, v)
}

// Pop implements heap.Interface.
func (d *dueViews) Pop() any {
	last := len(*d) - 1
	v := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	v.queued = false
	return v
}
