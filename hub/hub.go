// Package hub decides who is in which room, keeps the tail of each room, and writes to its members.
//
// One goroutine, the hub's, owns the rooms: it takes typed commands from one inbox, one after the
// other, touches no socket and waits for nobody. Shards own the connections and write to them. A
// member of a room is a cursor into the room's log; there is no queue of messages per connection.
package hub

import (
	"context"
	"crypto/rand"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/wire"
)

const (
	// inboxSize is how many commands wait for the hub before senders do. If it were larger, a burst would wait longer in line and hold
	// more memory; the hub takes some microseconds a command.
	inboxSize = 1024
	// tick is how often the hub looks at what is due by the clock.
	tick = 100 * time.Millisecond
	// joinWait is how long a join waits for the broker to watch its room.
	joinWait = 5 * time.Second
	// gathering is how long presence changes of a room are gathered, from the first on.
	gathering = 500 * time.Millisecond
	// idleWatch is how long a room without members is still watched: who comes back meanwhile finds it as it was.
	idleWatch = 30 * time.Second
	// historyWait bounds one question to the broker.
	historyWait = 5 * time.Second
)

// Options are a hub's settings; zero values mean the defaults.
type Options struct {
	Instance     string        // the name of this instance, unique among those that share a broker; "hub"
	Broker       broker.Broker // required
	Retention    retain.Limits // what the rooms' logs here keep
	MaxRooms     int           // that one connection may be in; 128
	Ping         time.Duration // 25 s
	WriteTimeout time.Duration // how long a write may make no progress; 30 s
	Shards       int           // GOMAXPROCS
	Log          *slog.Logger  // slog.Default()
}

// Hub is one instance's rooms and connections.
type Hub struct {
	// immutable
	o      Options
	inbox  chan command  // senders: readers, the broker; receiver: the loop; never closed
	done   chan struct{} // closed when the loop has ended: no sender waits for it any more
	shards []*shard
	start  time.Time
	life   string // what the ids of this hub's connections begin with

	stats      counters
	lastPeer   atomic.Uint64
	unanswered atomic.Int64 // publishes and members without an answer, all peers together
	hasty      atomic.Bool  // rounds wait for no window any more

	lanes sync.WaitGroup // slow lanes
	asks  sync.WaitGroup // questions to the broker on behalf of joins
	pages singleflight.Group

	// owned by the loop
	rooms     map[string]*room
	logs      *retain.Set[entry]
	gathering []gather // rooms whose presence has changed, oldest first
	idle      []idle   // rooms that lost their last member, oldest first
	waiting   []*join  // joins of rooms that are not live yet, oldest first
	ticks     int
}

// gather is a room whose next presence event is due.
type gather struct {
	room *room
	due  time.Time
}

// idle is a room that lost its last member at a moment. Who has come since then, and gone again, made another of it.
type idle struct {
	room  *room
	since time.Time
}

// command is what the inbox takes. do runs on the hub's goroutine: it must not wait for anything.
type command interface{ do(h *Hub) }

// New makes a hub; Run makes it work.
func New(o Options) *Hub {
	if o.Instance == "" {
		o.Instance = "hub"
	}
	if o.MaxRooms == 0 {
		o.MaxRooms = 128
	}
	if o.Ping == 0 {
		o.Ping = 25 * time.Second
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 30 * time.Second
	}
	if o.Shards == 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &Hub{
		o: o, inbox: make(chan command, inboxSize), done: make(chan struct{}), start: time.Now(),
		life:  o.Instance + "-" + strings.ToLower(rand.Text()[:6]) + "-",
		rooms: map[string]*room{}, logs: retain.NewSet[entry](o.Retention),
	}
	for range o.Shards {
		h.shards = append(h.shards, newShard(h))
	}
	return h
}

// Run serves until ctx ends, and blocks. It is called once. All peers must have ended before: who is left gets nothing more.
func (h *Hub) Run(ctx context.Context) error {
	var shards sync.WaitGroup
	for _, s := range h.shards {
		shards.Go(func() { s.run(ctx) })
	}
	h.loop(ctx)
	shards.Wait()
	h.lanes.Wait()
	h.asks.Wait()
	return nil
}

func (h *Hub) loop(ctx context.Context) {
	defer close(h.done)
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case c := <-h.inbox:
			c.do(h)
		case now := <-clock.C:
			h.tick(now)
		case <-ctx.Done():
			return
		}
	}
}

// send brings a command into the inbox; it may wait for a moment. false: the hub has gone. The hub's
// goroutine itself must never call it.
func (h *Hub) send(c command) bool {
	select {
	case h.inbox <- c:
		return true
	case <-h.done:
		return false
	}
}

// tick does what is due by the clock.
func (h *Hub) tick(now time.Time) {
	for len(h.gathering) > 0 && !h.gathering[0].due.After(now) {
		h.announce(h.gathering[0].room)
		h.gathering = h.gathering[1:]
	}
	for len(h.waiting) > 0 && (h.waiting[0].answered || !h.waiting[0].deadline.After(now)) {
		h.waiting[0].expire(h)
		h.waiting = h.waiting[1:]
	}
	for len(h.idle) > 0 && !h.idle[0].since.Add(idleWatch).After(now) {
		h.unwatch(h.idle[0])
		h.idle = h.idle[1:]
	}
	if h.ticks++; h.ticks%10 == 0 { // once a second
		h.logs.Expire(now)
		h.tellStatus(now)
	}
}

// now is a cheap clock: nanoseconds since the hub's start.
func (h *Hub) now() int64 { return int64(time.Since(h.start)) }

// pause waits, until the hub has gone at most.
func (h *Hub) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.done:
	}
}

// page reads a page from the broker; readers that stand at the same place share one question. It blocks.
func (h *Hub) page(room string, after wire.Position) (broker.Page, error) {
	v, err, _ := h.pages.Do(pageKey(room, after), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), historyWait)
		defer cancel()
		return h.o.Broker.History(ctx, room, after, runEntries)
	})
	if err != nil {
		return broker.Page{}, err
	}
	return v.(broker.Page), nil
}

// Flush has the rooms' last messages written without windows from now on, and returns when every shard has begun with
// them; CloseGently waits for the rest. It is for stopping.
func (h *Hub) Flush(ctx context.Context) {
	h.hasty.Store(true)
	for range 2 { // the second time round, the shards have seen what came before the first
		b := &barrier{done: make(chan error, len(h.shards))}
		if !h.send(b) {
			return
		}
		for range h.shards {
			select {
			case <-b.done:
			case <-h.done:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// Unanswered is how many publishes of this instance's clients wait for an answer.
func (h *Hub) Unanswered() int64 { return h.unanswered.Load() }
