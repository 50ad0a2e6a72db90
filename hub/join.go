package hub

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hubbub/broker"
	"hubbub/wire"
)

// JoinOptions is what a join asks for.
type JoinOptions struct {
	Ref                   wire.Ref
	Room                  string
	Last                  int64          // the last n messages first; −1: not asked for
	After                 *wire.Position // everything behind this position; nil: not asked for
	Presence, HasPresence bool
}

// join is a join on its way.
type join struct {
	JoinOptions
	peer     *Peer
	done     chan error // told when the member has its cursor, or why it gets none; nil: the answer is a frame
	deadline time.Time
	answered bool
	asked    bool        // the broker has been asked about After
	page     broker.Page // its answer
	err      error
}

// Join puts the peer into a room; the answer is a frame. The caller has checked the name and the right to it. It may wait for the inbox.
func (p *Peer) Join(o JoinOptions) {
	p.moves(o.Room)
	p.hub.send(&join{JoinOptions: o, peer: p})
}

// JoinNow is Join for a pipe: it returns when the peer is in the room, or a *wire.Error. It blocks.
func (p *Peer) JoinNow(ctx context.Context, o JoinOptions) error {
	j := &join{JoinOptions: o, peer: p, done: make(chan error, 1)}
	if p.hub.send(j) {
		select {
		case err := <-j.done:
			return err
		case <-ctx.Done():
		case <-p.hub.done:
		}
	}
	return unavailable(o.Room)
}

func unavailable(room string) *wire.Error {
	return &wire.Error{
		Code: wire.Unavailable, RetryAfter: 1,
		Message: fmt.Sprintf("the log of room %q cannot be had at the moment: try again", room),
	}
}

func (j *join) do(h *Hub) {
	p := j.peer
	if p.ended {
		j.refuse(unavailable(j.Room))
		return
	}
	r := h.rooms[j.Room]
	if m := p.in(r); m != nil {
		h.rejoin(m, j)
		return
	}
	if len(p.rooms)+p.joining >= h.o.MaxRooms {
		j.refuse(&wire.Error{
			Code:    wire.TooManyRooms,
			Message: fmt.Sprintf("a connection may be in %d rooms: leave one first", h.o.MaxRooms),
		})
		return
	}
	if r == nil {
		r = &room{name: j.Room, log: &roomLog{}, roster: map[string]int{}, views: make([]*view, len(h.shards))}
		if b, ok := h.o.Broker.(broker.Presence); ok {
			r.crowd = &crowd{broker: b, pending: map[string]int{}}
		}
		h.rooms[j.Room] = r
		h.stats.rooms.Add(1)
		h.o.Broker.Watch(j.Room, true)
	}
	r.idleSince = time.Time{}
	p.joining++
	if !r.live {
		h.wait(r, j)
		return
	}
	h.seat(r, j)
}

// wait keeps a join until the room's log begins here, or begins another epoch.
func (h *Hub) wait(r *room, j *join) {
	r.waiting = append(r.waiting, j)
	if j.deadline.IsZero() {
		j.deadline = time.Now().Add(joinWait)
		h.waiting = append(h.waiting, j)
	}
}

// seatWaiting is called when a room's log has begun.
func (h *Hub) seatWaiting(r *room) {
	waiting := r.waiting
	r.waiting = nil
	for _, j := range waiting {
		if j.peer.ended {
			h.giveUp(r, j)
			continue
		}
		h.seat(r, j)
	}
	h.maybeIdle(r)
}

// seat fixes where a join's cursor begins.
func (h *Hub) seat(r *room, j *join) {
	l := r.log
	end, begin := l.end.Load(), l.current().base
	cursor, quiet, at := end, int64(0), l.position()
	switch {
	case j.After != nil:
		seq, current := l.find(*j.After)
		switch {
		case current && seq <= end:
			cursor = seq
		case end == begin+1 && j.After.Offset == 0: // an empty room, and a client that has nothing of it
		case !current && l.ended(j.After.Epoch): // joined names the current one, so what is left of it cannot be sent
			cursor = begin
		case !j.asked: // it is ahead of this log, or in an epoch that others have begun and that this instance is still to hear of
			h.ask(j)
			return
		case j.err != nil:
			h.giveUp(r, j)
			return
		case current && j.page.Epoch == j.After.Epoch && j.page.Last >= j.After.Offset:
			cursor, at = seq, *j.After // this log is behind the broker: wait there
			l.claimed = max(l.claimed, seq)
		case !current && j.page.Epoch == j.After.Epoch:
			j.asked = false
			h.wait(r, j)
			return
		default:
			cursor = begin // where the epoch is announced
		}
	case j.Last >= 0:
		cursor, quiet = max(end-j.Last, begin+1), end
	}
	h.admit(r, j, &member{peer: j.peer, room: r, cursor: cursor, quiet: quiet}, at)
}

// ask asks the broker whether a client that is ahead of this log is right; the join comes back through the inbox.
func (h *Hub) ask(j *join) {
	j.asked = true
	h.asks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), historyWait)
		defer cancel()
		j.page, j.err = h.o.Broker.History(ctx, j.Room, wire.Position{}, 0)
		h.send((*asked)(j))
	})
}

// asked is a join whose question has been answered.
type asked join

func (a *asked) do(h *Hub) {
	j := (*join)(a)
	if j.answered { // it took too long: expire has refused it
		return
	}
	r := h.rooms[j.Room]
	if j.peer.ended || r == nil || !r.live {
		h.giveUp(r, j)
		return
	}
	h.seat(r, j)
}

// admit makes the member, and has its shard say so.
func (h *Hub) admit(r *room, j *join, m *member, at wire.Position) {
	p := j.peer
	j.answered = true
	p.joining--
	p.rooms = append(p.rooms, m)
	r.enter(p.client)
	r.size.Add(1)
	r.idleSince = time.Time{}
	h.stats.members.Add(1)
	m.presence, m.watcher = j.Presence, j.Presence
	if m.watcher {
		r.watchers++
	}
	h.presenceChanged(r)
	h.logs.Use(&r.log.Log)

	i := slices.Index(h.shards, p.shard)
	v := r.views[i]
	if v == nil {
		v = &view{room: r, shard: p.shard}
		r.views[i] = v
	}
	v.count++
	m.view = v
	var joined []byte
	if p.dialect == wire.JSON {
		joined = frame(wire.AppendJoined(nil, j.Ref, r.name, at, r.count()))
	}
	p.shard.order(order{kind: orderAdd, peer: p, member: m, frames: joined, end: r.log.end.Load(), done: j.done})
}

// rejoin answers a second join of the same room: nothing is replayed.
func (h *Hub) rejoin(m *member, j *join) {
	r := m.room
	if j.HasPresence && j.Presence != m.watcher {
		m.watcher = j.Presence
		if r.watchers--; m.watcher {
			r.watchers += 2
		}
		j.peer.shard.order(order{kind: orderPresence, member: m, on: j.Presence})
	}
	j.peer.shard.order(order{
		kind: orderRejoin, peer: j.peer, member: m, room: r.name, end: r.log.end.Load(), count: r.count(), ref: j.Ref, done: j.done,
	})
}

// refuse answers a join with an error.
func (j *join) refuse(err *wire.Error) {
	o := order{kind: orderAnswer, peer: j.peer, room: j.Room, done: j.done, err: err}
	if j.done == nil {
		o.frames = frame(wire.AppendError(nil, j.Ref, err))
	}
	j.peer.shard.order(o)
}

// expire refuses a join whose room did not become live in time.
func (j *join) expire(h *Hub) {
	if j.answered {
		return
	}
	h.giveUp(h.rooms[j.Room], j)
}

// giveUp refuses a join that had to wait for the broker, in vain.
func (h *Hub) giveUp(r *room, j *join) {
	j.answered = true
	j.peer.joining--
	if r != nil {
		if i := slices.Index(r.waiting, j); i >= 0 {
			r.waiting = slices.Delete(r.waiting, i, i+1)
		}
		h.maybeIdle(r)
	}
	j.refuse(unavailable(j.Room))
}
