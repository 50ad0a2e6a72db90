package hub

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

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

	gathering bool // a presence event is due

	idleSince time.Time // when the last member left; zero while there are any
}

// enter counts one more connection of client.
func (r *room) enter(client string) {
	r.roster[client]++
	r.listed = nil
	if r.roster[client] == 1 {
		r.change(client, 1)
	}
}

// exit takes back an enter.
func (r *room) exit(client string) {
	r.listed = nil
	if r.roster[client]--; r.roster[client] > 0 {
		return
	}
	delete(r.roster, client)
	r.change(client, -1)
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
	changes := r.changes
	r.changes = nil
	if len(changes) == 0 || r.watchers == 0 {
		return nil, nil
	}
	count = frame(wire.AppendPresence(nil, r.name, nil, nil, len(r.roster)))
	if len(r.roster) > presenceNames || len(changes) > presenceNames {
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
	return frame(wire.AppendPresence(nil, r.name, joined, left, len(r.roster))), count
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
