package hub

import (
	"context"
	"slices"
	"strconv"

	"hubbub/broker"
	"hubbub/wire"
)

// in finds the peer's membership of a room; nil if there is none. A connection is in a few rooms, seldom in many: a list does.
func (p *Peer) in(r *room) *member {
	if r == nil {
		return nil
	}
	for _, m := range p.rooms {
		if m.room == r {
			return m
		}
	}
	return nil
}

// leave is a leave on its way.
type leave struct {
	peer *Peer
	ref  wire.Ref
	room string
}

// Leave takes the peer out of a room; the answer is a frame. It may wait for the inbox.
func (p *Peer) Leave(ref wire.Ref, room string) {
	p.moves(room)
	p.hub.send(&leave{p, ref, room})
}

// moves notes that the peer is on its way into a room or out of it, until an order answers.
func (p *Peer) moves(room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moving = append(p.moving, room)
}

func (l *leave) do(h *Hub) {
	m := l.peer.in(h.rooms[l.room])
	if m == nil {
		err := &wire.Error{Code: wire.NotJoined, Message: "this connection is not in the room: nothing to leave"}
		l.peer.shard.order(order{kind: orderAnswer, peer: l.peer, frames: frame(wire.AppendError(nil, l.ref, err)), room: l.room})
		return
	}
	var left []byte
	if l.ref != "" {
		left = frame(wire.AppendLeft(nil, l.ref, l.room))
	}
	l.peer.rooms = slices.DeleteFunc(l.peer.rooms, func(x *member) bool { return x == m })
	h.drop(m, left)
}

// drop takes a member out of its room.
func (h *Hub) drop(m *member, left []byte) {
	r, p := m.room, m.peer
	r.exit(p.client)
	r.size.Add(-1)
	h.stats.members.Add(-1)
	if m.watcher {
		r.watchers--
	}
	h.presenceChanged(r)
	if m.view.count--; m.view.count == 0 {
		r.views[slices.Index(h.shards, p.shard)] = nil
	}
	h.maybeIdle(r)
	p.shard.order(order{kind: orderRemove, peer: p, member: m, frames: left, room: r.name, end: r.log.end.Load()})
}

// ended is a peer whose connection has ended.
type ended struct{ peer *Peer }

// End takes the peer out of all its rooms and stops counting it. The reader calls it once, last of all. It may wait for the inbox.
func (p *Peer) End(code wire.CloseCode) {
	p.hub.stats.ended(p.dialect, code)
	p.hub.send(&ended{p})
}

func (e *ended) do(h *Hub) {
	p := e.peer
	p.ended = true
	for _, m := range p.rooms {
		h.drop(m, nil)
	}
	p.rooms = nil
	p.shard.order(order{kind: orderEnd, peer: p})
}

// members is a question who is in a room.
type members struct {
	peer *Peer
	ref  wire.Ref
	room string
}

// Members asks who is in a room; the answer is a frame. It may wait for the inbox.
func (p *Peer) Members(ref wire.Ref, room string) {
	p.account(1, 0)
	if !p.hub.send(&members{p, ref, room}) {
		p.account(-1, 0)
	}
}

func (q *members) do(h *Hub) {
	if b, ok := h.o.Broker.(broker.Presence); ok {
		h.asks.Go(func() { q.answer(h.membersOf(b, q.room)) })
		return
	}
	var list []wire.Member
	count := 0
	if r := h.rooms[q.room]; r != nil {
		list, count = r.members(), len(r.roster)
	}
	q.answer(count, list, nil)
}

// answer has the peer's shard say who is in the room.
func (q *members) answer(count int, list []wire.Member, err *wire.Error) {
	var text []byte
	if err != nil {
		text = wire.AppendError(nil, q.ref, err)
	} else {
		text = wire.AppendMembers(nil, q.ref, q.room, count, list)
	}
	q.peer.shard.order(order{kind: orderAnswer, peer: q.peer, frames: frame(text), counted: true})
}

// membersOf asks the broker who is in a room, on all instances. It blocks.
func (h *Hub) membersOf(b broker.Presence, room string) (int, []wire.Member, *wire.Error) {
	ctx, cancel := context.WithTimeout(context.Background(), historyWait)
	defer cancel()
	count, list, err := b.Members(ctx, room, maxListed)
	if err != nil {
		return 0, nil, &wire.Error{Code: wire.Unavailable, Message: "who is in the room cannot be had at the moment: try again", RetryAfter: 1}
	}
	return count, list, nil
}

// barrier tells when all shards have come to it.
type barrier struct{ done chan error }

func (b *barrier) do(h *Hub) {
	for _, s := range h.shards {
		s.order(order{kind: orderBarrier, done: b.done})
	}
}

func pageKey(room string, at wire.Position) string {
	return strconv.FormatUint(at.Offset, 36) + " " + at.Epoch + " " + room
}
