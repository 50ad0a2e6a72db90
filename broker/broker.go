// Package broker numbers the messages of rooms, keeps them, and brings them to the hubs that watch.
// It is the only place where the order of a room is decided. DESIGN.md beside this file has the reasons.
package broker

import (
	"context"

	"hubbub/wire"
)

// Broker is truth in a log and speed in a push. All its methods but Run may be called from any
// goroutine, before Run as well as while it runs.
type Broker interface {
	// Run brings messages to the sink until ctx ends, and blocks; it then returns nil, otherwise why it could not go on. It
	// is called once. All calls to the sink come from one goroutine at a time; what was accepted before ctx ended is
	// delivered, and answered, before Run returns. What is published later is answered with Unavailable.
	Run(ctx context.Context, to Sink) error

	// Publish numbers and stores the messages, in their order and atomically for the room, and brings them to whoever
	// watches it. It never blocks. done is called exactly once, never from within Publish, with one answer per
	// message in the same order, and publishes to one room are answered in their order. It must not block, nor keep the
	// slice, which is used again. The broker owns m from the call on; the payloads are read-only from then on, for everybody.
	Publish(room string, m []wire.Message, done func([]Accepted))

	// Signal brings m to whoever watches the room now. It is not stored and has no position. It never
	// blocks; under pressure signals are dropped.
	Signal(room string, m wire.Message)

	// Watch says whether the room's messages are wanted here. It is level-triggered and never blocks: after the last call
	// said on, Watching will be called once, and Deliver for everything behind its position, until a call says off. Saying
	// on again changes nothing; off and on again brings another Watching, also when the broker saw no time between them
	// (several such pairs may share one). Calls that were under way may still come after off, and before the next Watching.
	Watch(room string, on bool)

	// History reads what is kept behind after, oldest first: at most limit messages, fewer when they grow beyond 256 KiB
	// together (but one at least, if there is one). An empty after.Epoch means the current epoch; another epoch
	// than the current one gives the current epoch's Epoch, First and Last and no messages. A limit of 0 asks for those three alone.
	// Like all reading it sees every publish of which done was called. It blocks, until ctx ends at most.
	History(ctx context.Context, room string, after wire.Position, limit int) (Page, error)
}

// Sink is what a broker calls: the hub. Its methods may block for a moment (the hub's inbox is
// bounded), so a broker holds no lock of its own while it calls them. It may keep the slices that it is given; the payloads are read-only.
type Sink interface {
	// Watching: from here on everything after at will come. tail is the end of what is kept, oldest first, up to
	// at (as much as the broker likes to give, consecutive, in the epoch of at). It may come for a room that is being followed
	// already, when off and on crossed an earlier one: what lies up to at and was not delivered will not be, but is in tail, or gone.
	Watching(room string, at wire.Position, tail []*wire.Message)
	// Deliver: consecutive messages. What lies between the last delivered one (or Watching's position)
	// and the first of run is gone: announce it.
	Deliver(room, epoch string, run []*wire.Message)
	// Reset: the room's log has a new epoch; at is the position before its first message.
	Reset(room string, at wire.Position)
	// Signal: not stored, no position.
	Signal(room string, m wire.Message)
}

// Presence is what a broker of several instances has in addition: who is in which room, over all of them. A hub whose broker has
// it not is alone, and knows by itself. Who dies without a word is gone after a while, and that is told as any leave.
type Presence interface {
	// Present says how many connections of client are in the room here now; 0: none any more. It is level-triggered and
	// never blocks; it may be called from any goroutine. What comes of it is told to the PresenceSink, here as everywhere.
	Present(room, client string, connections int)
	// Members lists who is in the room, at most limit of them, by name, and counts all. It blocks, until ctx ends at most.
	Members(ctx context.Context, room string, limit int) (count int, list []wire.Member, err error)
}

// PresenceSink is what a Sink has in addition to hear of it. Its method is called as the Sink's own are, for rooms that are watched.
type PresenceSink interface {
	Presence(room string, c PresenceChange)
}

// PresenceChange is who came and who went. With all lists nil something has been missed: of who is in the room nothing is known but the count.
type PresenceChange struct {
	Joined []string // with their first connection on any instance
	Left   []string // with their last
	Known  []string // what Present said of them is known, and made no difference
	Count  int      // clients in the room now
}

// Accepted answers one published message. A Duplicate carries the position of the first publish with its key.
// Err is a *wire.Error; the message is then not stored, or, when it is Unavailable, possibly stored: the client
// may retry with the same key.
type Accepted struct {
	Position  wire.Position
	Duplicate bool
	Err       error
}

// Page is a piece of a room's log: First and Last are the oldest kept and the newest offset of the whole log, Messages ascend
// without holes. When nothing is kept, First is one more than Last: 1 and 0 in a new room, 58 and 57 when all 57 are trimmed. So
// what lies between after and First is gone, and a message that follows has the offset First at least.
type Page struct {
	Epoch       string
	First, Last uint64
	Messages    []*wire.Message
}
