package hub

import (
	"time"

	"hubbub/broker"
	"hubbub/wire"
)

// The hub is the broker's Sink: what it is told comes through the same inbox as everything else.

// Watching implements broker.Sink. It may wait for the inbox.
func (h *Hub) Watching(room string, at wire.Position, tail []*wire.Message) {
	h.send(&watching{room, at, tail})
}

// Deliver implements broker.Sink. It may wait for the inbox.
func (h *Hub) Deliver(room, epoch string, run []*wire.Message) { h.send(&deliver{room, epoch, run}) }

// Reset implements broker.Sink. It may wait for the inbox.
func (h *Hub) Reset(room string, at wire.Position) { h.send(&reset{room, at}) }

// Signal implements broker.Sink. It may wait for the inbox.
func (h *Hub) Signal(room string, m wire.Message) { h.send(&signal{room, m}) }

// Presence implements broker.PresenceSink. It may wait for the inbox.
func (h *Hub) Presence(room string, c broker.PresenceChange) { h.send(&presence{room, c}) }

type presence struct {
	room   string
	change broker.PresenceChange
}

func (p *presence) do(h *Hub) {
	r := h.rooms[p.room]
	if r == nil || r.crowd == nil {
		return
	}
	r.hear(p.change)
	h.presenceChanged(r)
}

type watching struct {
	room string
	at   wire.Position
	tail []*wire.Message
}

func (w *watching) do(h *Hub) {
	r := h.rooms[w.room]
	if r == nil { // unwatched meanwhile
		return
	}
	if r.live { // off and on have crossed an earlier Watching: what this one's tail has beyond it was not delivered
		if len(w.tail) > 0 {
			(&deliver{w.room, w.at.Epoch, w.tail}).do(h)
		}
		l := r.log
		if l.current().name != w.at.Epoch {
			h.begin(r, w.at)
		} else if end := l.current().base + int64(w.at.Offset) + 1; end > l.end.Load() {
			l.end.Store(end)
		}
		h.mark(r)
		return
	}
	r.log.begin(w.at)
	base := r.log.current().base
	for _, m := range w.tail {
		h.logs.Append(&r.log.Log, entry{base + int64(m.Offset), m})
	}
	r.live = true
	h.seatWaiting(r)
}

// begin starts another epoch of a room that is live.
func (h *Hub) begin(r *room, at wire.Position) {
	r.log.begin(at)
	h.seatWaiting(r)
}

type deliver struct {
	room, epoch string
	run         []*wire.Message
}

func (d *deliver) do(h *Hub) {
	r := h.rooms[d.room]
	if r == nil || !r.live || len(d.run) == 0 {
		return
	}
	l := r.log
	if l.current().name != d.epoch {
		h.begin(r, wire.Position{Epoch: d.epoch, Offset: d.run[0].Offset - 1})
	}
	base := l.current().base
	for _, m := range d.run {
		if seq := base + int64(m.Offset); seq >= l.end.Load() {
			h.logs.Append(&l.Log, entry{seq, m})
			l.end.Store(seq + 1)
		}
	}
	h.mark(r)
}

type reset struct {
	room string
	at   wire.Position
}

func (s *reset) do(h *Hub) {
	if r := h.rooms[s.room]; r != nil && r.live {
		h.begin(r, s.at)
		h.mark(r)
	}
}

type signal struct {
	room string
	m    wire.Message
}

func (s *signal) do(h *Hub) {
	r := h.rooms[s.room]
	if r == nil || !r.live {
		return
	}
	f := frame(wire.AppendSignal(nil, r.name, &s.m))
	for _, v := range r.views {
		if v != nil {
			v.shard.order(order{kind: orderSide, view: v, side: side{frame: f, except: s.m.Except, at: r.log.end.Load()}})
		}
	}
}

// mark makes the room dirty where it has members.
func (h *Hub) mark(r *room) {
	end := r.log.end.Load()
	for _, v := range r.views {
		if v != nil {
			v.shard.mark(v, end)
		}
	}
}

// presenceChanged has the room's next presence event come in time.
func (h *Hub) presenceChanged(r *room) {
	if !r.gathering {
		r.gathering = true
		h.gathering = append(h.gathering, gather{r, time.Now().Add(gathering)})
	}
}

// announce sends a room's presence event.
func (h *Hub) announce(r *room) {
	r.gathering = false
	full, count := r.presence()
	if full == nil {
		return
	}
	for _, v := range r.views {
		if v != nil {
			v.shard.order(order{kind: orderSide, view: v, side: side{frame: full, count: count}})
		}
	}
}

// maybeIdle has a room without members unwatched after a while.
func (h *Hub) maybeIdle(r *room) {
	if r.size.Load() == 0 && len(r.waiting) == 0 && r.idleSince.IsZero() {
		r.idleSince = time.Now()
		h.idle = append(h.idle, idle{r, r.idleSince})
	}
}

// unwatch forgets a room if nobody has come back.
func (h *Hub) unwatch(i idle) {
	r := i.room
	if r.idleSince != i.since || h.rooms[r.name] != r {
		return
	}
	delete(h.rooms, r.name)
	h.logs.Remove(&r.log.Log)
	h.stats.rooms.Add(-1)
	h.o.Broker.Watch(r.name, false)
}
