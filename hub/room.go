package hub

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"hubbub/broker"
	"hubbub/wire"
)

// presenceNames is how many members a room may have for its presence events to name them; above it
// they carry the count alone, or a busy room's coming and going would cost more than its messages.
const presenceNames = 200

// maxListed is how many members one `members` answer lists.
const maxListed = 1000

// room is one room as this instance sees it. The hub's goroutine owns it; shards read what is marked.
type room struct {
	name string // immutable
	log  *roomLog
	size atomic.Int32 // memberships here; written by the hub's goroutine, read by shards

	live    bool    // the broker has said Watching
	waiting []*join // until then
	views   []*view // by shard; nil where the shard has no member

	roster   map[string]int // client → its connections in the room, here
	listed   []wire.Member  // the roster sorted, for `members`; nil after a change
	watchers int            // members with presence
	changes  map[string]int // clients that came (+1) or went (−1) since the last presence event
	recount  bool           // some have been missed: the next event is the count alone
	crowd    *crowd         // who is here on all instances; nil: this is the only one

	gathering bool // a presence event is due

	idleSince time.Time // when the last member left; zero while there are any
}

// crowd is what an instance among others knows of a room's members.
type crowd struct {
	broker  broker.Presence
	count   int            // clients on all instances, as the broker last said
	pending map[string]int // clients that came (+1) or went (−1) here, which the broker may not have counted yet
	sum     int            // of pending
}

// settle takes back what was pending of a client, and notes what is now.
func (c *crowd) settle(client string, now int) {
	c.sum += now - c.pending[client]
	if now == 0 {
		delete(c.pending, client)
	} else {
		c.pending[client] = now
	}
}

// count is how many clients are in the room.
func (r *room) count() int {
	if r.crowd == nil {
		return len(r.roster)
	}
	return max(len(r.roster), r.crowd.count+r.crowd.sum)
}

// enter counts one more connection of client.
func (r *room) enter(client string) {
	r.roster[client]++
	r.moved(client, r.roster[client], r.roster[client] == 1, 1)
}

// exit takes back an enter.
func (r *room) exit(client string) {
	n := r.roster[client] - 1
	if r.roster[client] = n; n == 0 {
		delete(r.roster, client)
	}
	r.moved(client, n, n == 0, -1)
}

// moved notes that a client has n connections here now; edge says that it came or went with that.
func (r *room) moved(client string, n int, edge bool, by int) {
	r.listed = nil
	if c := r.crowd; c != nil {
		if edge {
			c.settle(client, min(max(c.pending[client]+by, -1), 1))
		}
		c.broker.Present(r.name, client, n)
	} else if edge {
		r.change(client, by)
	}
}

// hear takes what the broker says of the members of all instances.
func (r *room) hear(e broker.PresenceChange) {
	c := r.crowd
	c.count = e.Count
	if e.Joined == nil && e.Left == nil && e.Known == nil {
		r.recount = r.live
		clear(c.pending)
		c.sum = 0
		return
	}
	for _, client := range e.Known {
		c.settle(client, 0)
	}
	for _, client := range e.Joined {
		c.settle(client, 0)
		r.change(client, 1)
	}
	for _, client := range e.Left {
		c.settle(client, 0)
		r.change(client, -1)
	}
}

// change notes that a client came or went; both within one gathering cancel out.
func (r *room) change(client string, by int) {
	if r.changes == nil {
		r.changes = map[string]int{}
	}
	if r.changes[client] += by; r.changes[client] == 0 {
		delete(r.changes, client)
	}
}

// presence is the event for what has changed since the last one, and nil if it cancelled out or
// nobody asked for it.
func (r *room) presence() (full, count []byte) {
	changes, recount := r.changes, r.recount
	r.changes, r.recount = nil, false
	if len(changes) == 0 && !recount || r.watchers == 0 {
		return nil, nil
	}
	count = frame(wire.AppendPresence(nil, r.name, nil, nil, r.count()))
	if recount || r.count() > presenceNames || len(changes) > presenceNames {
		return count, count
	}
	joined, left := []string{}, []string{}
	for _, client := range slices.Sorted(maps.Keys(changes)) {
		if changes[client] > 0 {
			joined = append(joined, client)
		} else {
			left = append(left, client)
		}
	}
	return frame(wire.AppendPresence(nil, r.name, joined, left, r.count())), count
}

// members lists who is here, sorted, at most maxListed of them.
func (r *room) members() []wire.Member {
	if r.listed == nil {
		r.listed = make([]wire.Member, 0, len(r.roster))
		for _, client := range slices.Sorted(maps.Keys(r.roster)) {
			r.listed = append(r.listed, wire.Member{Client: client, Connections: r.roster[client]})
		}
	}
	return r.listed[:min(len(r.listed), maxListed)]
}

// frame wraps JSON text into one text frame.
func frame(text []byte) []byte {
	return wire.AppendFrame(make([]byte, 0, len(text)+4), wire.OpText, text)
}
