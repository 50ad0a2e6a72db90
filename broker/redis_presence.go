package broker

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// leaseFor is how long an instance is held to be alive after it has renewed its lease, and leaseEvery how often it does. A
	// killed one's members are gone after both and the time to clear them.
	leaseFor   = 6 * time.Second
	leaseEvery = 2 * time.Second
	// presenceRooms is how many rooms one exchange is about.
	presenceRooms = 256
	// retryPresence is how long after an exchange that failed the next one is tried.
	retryPresence = 200 * time.Millisecond
)

//go:embed lua/present.lua
var presentLua string

//go:embed lua/lease.lua
var leaseLua string

//go:embed lua/members.lua
var membersLua string

var (
	presentScript = redis.NewScript(presentLua)
	leaseScript   = redis.NewScript(leaseLua)
	membersScript = redis.NewScript(membersLua)
)

// presence keeps in Redis who is in which room here. What it has to say is a level: what could not be said is said later,
// and a level that changes meanwhile is said once. One goroutine says it all, room by room.
type presence struct {
	r    *Redis
	wake chan struct{} // Present → the goroutine; capacity 1; never closed

	mu    sync.Mutex // guards what follows; held for a few lines
	rooms map[string]*present
	dirty []string // rooms about which there is something to say
	doubt bool     // Redis may have lost, or got back, what was said: look before saying more

	// owned by the goroutine
	lease  string          // written under mu
	fresh  bool            // the lease is not in Redis yet
	number uint64          // of what was said last
	silent time.Time       // until then nobody is declared dead
	said   map[string]bool // rooms that Redis has under this lease
}

// present is who is in one room here.
type present struct {
	clients map[string]int
	changed map[string]bool // since it was said last
	full    bool            // all of it is to be said
	dirty   bool            // it is in presence.dirty
}

func newPresence(r *Redis) *presence {
	p := &presence{r: r, wake: make(chan struct{}, 1), rooms: make(map[string]*present)}
	p.renew()
	return p
}

// Present implements Presence.
func (r *Redis) Present(room, client string, connections int) {
	p := r.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.rooms[room]
	if x == nil {
		x = &present{clients: make(map[string]int), changed: make(map[string]bool)}
		p.rooms[room] = x
	}
	if connections > 0 {
		x.clients[client] = connections
	} else {
		delete(x.clients, client)
	}
	x.changed[client] = true
	p.dirtyLocked(room, x)
}

func (p *presence) dirtyLocked(room string, x *present) {
	if !x.dirty {
		x.dirty = true
		p.dirty = append(p.dirty, room)
	}
	p.poke()
}

func (p *presence) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// doubts has the lease looked at before anything else is said: the connection to Redis was lost, and maybe what it held.
func (p *presence) doubts() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubt = true
	p.poke()
}

func (p *presence) doubted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doubt
}

// again has all that is known of a room said again: Redis may have lost it.
func (p *presence) again(room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := p.rooms[room]; x != nil {
		x.full = true
		p.dirtyLocked(room, x)
	}
}

// run says what is to be said until ctx ends, then takes it all back.
func (p *presence) run(ctx context.Context) {
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if (p.fresh || p.doubted()) && !p.keep(ctx) {
			pause(ctx, retryPresence)
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
			p.keep(ctx)
		case <-p.wake:
			if !p.fresh && !p.doubted() && p.say(ctx) {
				p.poke() // there may be more, but the lease has its turn in between
			}
		}
	}
	p.leave()
}

// saying is what is to be said of one room.
type saying struct {
	room  string
	mode  string
	args  []any
	empty bool // nobody is left
	cmd   *redis.Cmd
}

// say says what is to be said of some rooms. false: there is nothing, or Redis could not be told.
func (p *presence) say(ctx context.Context) bool {
	list := p.take()
	if len(list) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	err := p.announce(ctx, list)
	if err == nil {
		p.number++
		err = p.tell(ctx, p.lease, p.number, list)
	}
	var empty []any
	for _, s := range list {
		if err != nil || s.cmd.Err() != nil {
			p.again(s.room)
			continue
		}
		if s.empty && p.forget(s.room) {
			empty = append(empty, s.room)
			delete(p.said, s.room)
		}
	}
	if len(empty) > 0 && err == nil {
		err = p.r.client.SRem(ctx, p.r.keys.house("rooms:"+p.lease), empty...).Err()
	}
	if err != nil {
		p.r.complain("saying who is here", err)
		pause(ctx, retryPresence)
	}
	return err == nil
}

// take is what is to be said of some rooms.
func (p *presence) take() (list []saying) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.dirty), presenceRooms)
	for _, room := range p.dirty[:n] {
		x := p.rooms[room]
		s := saying{room: room, mode: "some", empty: len(x.clients) == 0}
		if x.full {
			s.mode = "full"
			for client, n := range x.clients {
				s.args = append(s.args, client, n)
			}
		} else {
			for client := range x.changed {
				s.args = append(s.args, client, x.clients[client])
			}
		}
		clear(x.changed)
		x.full, x.dirty = false, false
		list = append(list, s)
	}
	if p.dirty = p.dirty[n:]; len(p.dirty) == 0 {
		p.dirty = nil
	}
	return list
}

// forget lets go of a room in which nobody is. false: somebody has come.
func (p *presence) forget(room string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := p.rooms[room]; x == nil || len(x.clients) > 0 || x.dirty {
		return false
	}
	delete(p.rooms, room)
	return true
}

// announce names rooms in which this lease had nobody so far, before there is anybody: whoever clears up must know where.
func (p *presence) announce(ctx context.Context, list []saying) error {
	var rooms []any
	for _, s := range list {
		if !p.said[s.room] && !s.empty {
			rooms = append(rooms, s.room)
		}
	}
	if len(rooms) == 0 {
		return nil
	}
	err := p.r.client.SAdd(ctx, p.r.keys.house("rooms:"+p.lease), rooms...).Err()
	for _, room := range rooms {
		p.said[room.(string)] = err == nil
	}
	return err
}

// tell runs the script for each.
func (p *presence) tell(ctx context.Context, lease string, number uint64, list []saying) error {
	k := p.r.keys
	return p.r.pipelined(ctx, func(pipe redis.Pipeliner) {
		for i := range list {
			s := &list[i]
			args := append([]any{k.channel(s.room), verbOf(p.r.cluster), s.mode, number}, s.args...)
			s.cmd = presentScript.EvalSha(ctx, pipe, []string{k.of(s.room, "who"), k.of(s.room, "in:"+lease), k.of(s.room, "top")}, args...)
		}
	})
}
