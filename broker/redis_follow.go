package broker

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"hubbub/wire"
)

const (
	// followTick is how often the follower looks at what is due by the clock.
	followTick = 50 * time.Millisecond
	// unsubscribeAfter is how long a room that is not wanted any more stays subscribed: coming and going shall cost nothing.
	unsubscribeAfter = time.Second
	// heldBytes is what may wait for a room's read to come back. What is more is read again.
	heldBytes = 1 << 20
	// eventsSize is how many events wait for the follower before links do, and so TCP. If it were larger, a hub that is slow would be
	// further behind; a push is some hundred bytes.
	eventsSize = 256
)

// follower is what this instance follows: which rooms, up to where, over which link. One goroutine owns it all and is the only
// one that calls the sink. It talks to nobody over the network: links and the reader do, and tell it what came.
type follower struct {
	r      *Redis        // immutable
	events chan any      // links, the reader, whoever has a question → the loop; never closed
	done   chan struct{} // closed when the loop has ended: no sender waits any more
	wake   chan struct{} // Watch → the loop; capacity 1, as a token only says "look"; never closed
	seed   maphash.Seed

	mu     sync.Mutex       // guards levels
	levels map[string]level // of rooms about which something was said since the loop looked last

	// owned by the loop
	to      Sink
	who     PresenceSink // nil if the sink is none
	rooms   map[string]*followed
	off     []*followed // unwanted, oldest first
	routes  routes
	retries []retry // reads that failed, the next one first
	ticks   int
	tails   bool // a look at the tails is under way
}

// followed is one room.
type followed struct {
	name string // immutable

	on    bool      // wanted
	since time.Time // when it was not wanted any more
	owed  bool      // the sink waits for Watching
	sub   subState
	link  *link // where it is subscribed, or about to be

	at      place  // up to here the sink has everything, or was told of what is missing
	seam    uint64 // a hash of the message at that place as it lay in Redis; 0: not known
	known   uint64 // pushes up to here, of that epoch, may still come although a read has brought them
	version uint64 // of the members, as last heard
	members int    // their number

	reading bool
	again   bool // what was asked for is not enough: read once more
	differs bool // the log differs from what was delivered
	held    []push
	heldN   int
}

type subState uint8

const (
	subNone subState = iota
	subAsked
	subLive
	subLeaving
)

func newFollower(r *Redis) *follower {
	return &follower{
		r: r, events: make(chan any, eventsSize), done: make(chan struct{}), wake: make(chan struct{}, 1), seed: maphash.MakeSeed(),
		rooms: make(map[string]*followed),
	}
}

// watch says whether a room is wanted; it never blocks.
func (f *follower) watch(room string, on bool) {
	f.mu.Lock()
	if f.levels == nil {
		f.levels = make(map[string]level)
	}
	f.levels[room] = level{on: on, fresh: !on || f.levels[room].fresh}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// tell brings an event to the loop; it may wait. false: the loop has ended.
func (f *follower) tell(event any) bool {
	select {
	case f.events <- event:
		return true
	case <-f.done:
		return false
	}
}

// run follows until ctx ends.
func (f *follower) run(ctx context.Context, to Sink) {
	defer close(f.done)
	f.to = to
	f.who, _ = to.(PresenceSink)
	tick := time.NewTicker(followTick)
	defer tick.Stop()
	f.routes.begin(f)
	for {
		select {
		case e := <-f.events:
			f.take(e)
		case <-f.wake:
			f.applyLevels()
		case now := <-tick.C:
			f.tick(now)
		case <-ctx.Done():
			return
		}
	}
}

func (f *follower) take(e any) {
	switch e := e.(type) {
	case linkPush:
		f.pushed(e)
	case linkTurned:
		f.turned(e)
	case linkDown:
		f.routes.down(f, e)
	case mapped:
		f.routes.mapped(f, e)
	case *pageRead:
		f.read(e)
	case tailsRead:
		f.tailsRead(e)
	case func():
		e()
	}
}

func (f *follower) applyLevels() {
	f.mu.Lock()
	levels := f.levels
	f.levels = nil
	f.mu.Unlock()
	for name, l := range levels {
		r := f.rooms[name]
		if !l.on {
			if r != nil && r.on {
				r.on, r.owed, r.since = false, false, time.Now()
				f.off = append(f.off, r)
			}
			continue
		}
		if r == nil {
			r = &followed{name: name}
			f.rooms[name] = r
		}
		if r.on && !l.fresh {
			continue
		}
		r.on, r.owed = true, true
		switch r.sub {
		case subNone:
			f.routes.subscribe(f, r)
		case subLive:
			f.ask(r)
		}
	}
}

// tick does what is due by the clock.
func (f *follower) tick(now time.Time) {
	for len(f.off) > 0 && now.Sub(f.off[0].since) >= unsubscribeAfter {
		f.drop(f.off[0], now)
		f.off = f.off[1:]
	}
	for len(f.retries) > 0 && !f.retries[0].due.After(now) {
		if r := f.retries[0].r; f.rooms[r.name] == r && r.on && r.sub == subLive {
			f.send(r)
		} else {
			r.reading, r.held, r.heldN = false, nil, 0
		}
		f.retries = f.retries[1:]
	}
	f.routes.tick(f, now)
	if f.ticks++; f.ticks%int(tailsEvery/followTick) == 0 {
		f.lookAtTails()
	}
}

// drop ends a room's subscription, if it is still unwanted.
func (f *follower) drop(r *followed, now time.Time) {
	if r.on || now.Sub(r.since) < unsubscribeAfter || f.rooms[r.name] != r {
		return
	}
	switch r.sub {
	case subNone:
		delete(f.rooms, r.name)
	case subLive:
		r.sub = subLeaving
		r.link.subscribe(f.r.keys.channel(r.name), false)
	case subAsked: // its confirmation will find that nobody wants it
	}
}

// turned is told of a subscription, or of the end of one.
func (f *follower) turned(e linkTurned) {
	r := e.link.rooms[e.channel]
	if r == nil || r.link != e.link {
		return
	}
	switch {
	case e.on && r.sub == subAsked:
		r.sub = subLive
		f.r.presence.again(r.name) // whatever Redis has lost
		if r.on {
			if r.owed || f.r.repairs() {
				f.ask(r) // what came before the subscription was live is in the log
			}
			return
		}
		r.since = time.Now()
		f.off = append(f.off, r)
	case !e.on && r.sub == subLeaving:
		delete(e.link.rooms, e.channel)
		r.sub, r.link = subNone, nil
		if r.on {
			f.routes.subscribe(f, r)
		} else {
			delete(f.rooms, r.name)
		}
	case !e.on: // unasked: its slot has moved
		f.routes.moved(f, e.link)
	}
}

// pushed takes what a channel brought.
func (f *follower) pushed(e linkPush) {
	r := e.link.rooms[e.channel]
	if r == nil || r.link != e.link || !r.on || r.sub != subLive {
		return
	}
	p, err := parsePush(e.text)
	if err != nil {
		f.r.complain("a push to "+e.channel, err)
		return
	}
	if p.kind != pushSignal && f.r.repairs() && !e.link.trusted() {
		f.doubt(r)
		return
	}
	switch p.kind {
	case pushSignal:
		if !r.owed {
			f.to.Signal(r.name, p.m)
		}
		return
	case pushPresence: // what is being read may be older, or newer: the version will tell, once it is here
	default:
		f.r.seen.saw(r.name, p.at)
	}
	switch {
	case !r.reading:
		f.apply(r, p)
	case r.heldN+p.bytes > heldBytes:
		f.doubt(r)
	default:
		r.held, r.heldN = append(r.held, p), r.heldN+p.bytes
	}
}

// doubt forgets what was pushed: the log has it all, as far as it is true.
func (f *follower) doubt(r *followed) {
	r.held, r.heldN = nil, 0
	f.ask(r)
}

// apply delivers what follows what the sink has; whatever else it is, the log has to say. No read is under way.
func (f *follower) apply(r *followed, p push) {
	switch {
	case p.kind == pushPresence:
		f.presence(r, p.who)
	case p.kind == pushBatch && p.at.epoch == r.at.epoch && p.first() == r.at.offset+1:
		f.deliver(r, p.at, p.run, p.last)
	case p.at.epoch == r.at.epoch && p.at.offset <= r.known: // a read has brought it already
	case f.r.repairs():
		f.ask(r)
		r.held, r.heldN = append(r.held, p), r.heldN+p.bytes
	case p.kind == pushBatch: // broken on purpose, for the ledger's sake
		r.at.epoch = p.at.epoch
		f.deliver(r, p.at, p.run, p.last)
	}
}

// deliver hands consecutive messages to the sink.
func (f *follower) deliver(r *followed, at place, run []*wire.Message, last string) {
	f.to.Deliver(r.name, at.epoch.String(), run)
	r.at, r.seam = at, f.hash(last)
	f.r.stats.delivered.Add(uint64(len(run)))
}

func (f *follower) hash(blob string) uint64 { return maphash.String(f.seed, blob) | 1 }

// behind says whether something is still to come.
func (f *follower) behind() bool {
	for name, r := range f.rooms {
		if r.on && !r.owed && r.sub == subLive && r.at.before(f.r.seen.of(name)) {
			return true
		}
	}
	return false
}
