package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/wire"
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

// renew takes a lease under which nothing has been said.
func (p *presence) renew() {
	p.mu.Lock()
	p.lease = p.r.name + "." + rand.Text()[:6]
	p.mu.Unlock()
	p.fresh, p.said = true, make(map[string]bool)
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

// keep renews the lease and clears up behind the dead. false: Redis could not be asked.
func (p *presence) keep(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*redisTimeout)
	defer cancel()
	now := time.Now()
	flag := map[bool]string{true: "1", false: "0"}
	answer, err := leaseScript.Run(ctx, p.r.client, []string{p.r.keys.house("leases"), p.r.keys.house("dead")},
		p.lease, leaseFor.Milliseconds(), flag[p.fresh], flag[now.After(p.silent)]).StringSlice()
	if err != nil || len(answer) == 0 {
		p.silent = now.Add(leaseFor)
		p.r.complain("renewing this instance's lease", cmp.Or(err, errCorrupt))
		return false
	}
	switch answer[0] {
	case "lost": // somebody has declared this instance dead, or Redis is empty
		if err := p.abandon(ctx); err != nil {
			p.r.complain("giving up a lease that was lost", err)
			return false
		}
		p.renew()
		p.mu.Lock()
		for room, x := range p.rooms {
			x.full = true
			p.dirtyLocked(room, x)
		}
		p.mu.Unlock()
		return p.keep(ctx)
	case "late":
		p.silent = now.Add(leaseFor)
	default:
		for _, lease := range answer[1:] {
			if p.fresh {
				break // the lease before this one may be among them: first its clients are said to be here
			}
			if err := p.clear(ctx, lease); err != nil {
				p.r.complain("clearing up behind an instance that has gone", err)
			}
		}
	}
	p.fresh = false
	ok := !p.doubted() || p.look(ctx)
	p.poke() // what waited for the lease
	return ok
}

// abandon leaves a lost lease to whoever clears up next. It was cleared before, but something may have been said under it since.
func (p *presence) abandon(ctx context.Context) error {
	if len(p.said) == 0 {
		return nil
	}
	var rooms []any
	for room := range p.said {
		rooms = append(rooms, room)
	}
	err := p.r.client.SAdd(ctx, p.r.keys.house("rooms:"+p.lease), rooms...).Err()
	if err != nil {
		return err
	}
	return p.r.client.SAdd(ctx, p.r.keys.house("dead"), p.lease).Err()
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
			args := append([]any{k.channel(s.room), verbOf(p.r.sharded), s.mode, number}, s.args...)
			s.cmd = presentScript.EvalSha(ctx, pipe, []string{k.of(s.room, "who"), k.of(s.room, "in:"+lease), k.of(s.room, "top")}, args...)
		}
	})
}

// lastNumber is above all that a lease counts to: nothing is said under it any more.
const lastNumber = 1<<53 - 1

// clear takes back all that was said under a lease, and whatever an attempt that is under way will say.
func (p *presence) clear(ctx context.Context, lease string) error {
	key := p.r.keys.house("rooms:" + lease)
	rooms, err := p.r.client.SMembers(ctx, key).Result()
	if err != nil {
		return err
	}
	for some := range slices.Chunk(rooms, presenceRooms) {
		list := make([]saying, len(some))
		for i, room := range some {
			list[i] = saying{room: room, mode: "full"}
		}
		if err := p.tell(ctx, lease, lastNumber, list); err != nil {
			return err
		}
	}
	if err := p.r.client.Del(ctx, key).Err(); err != nil {
		return err
	}
	return p.r.client.SRem(ctx, p.r.keys.house("dead"), lease).Err()
}

// look compares the rooms that Redis, maybe set back, names under this lease with those where somebody is, and has said again what
// differs. false: Redis could not be asked.
func (p *presence) look(ctx context.Context) bool {
	p.mu.Lock()
	p.doubt = false
	p.mu.Unlock()
	rooms, err := p.r.client.SMembers(ctx, p.r.keys.house("rooms:"+p.lease)).Result()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.doubt = true
		return false
	}
	clear(p.said)
	for _, room := range rooms {
		p.said[room] = true
		if p.rooms[room] == nil {
			p.rooms[room] = &present{clients: make(map[string]int), changed: make(map[string]bool)}
		}
	}
	for room, x := range p.rooms {
		if p.said[room] != (len(x.clients) > 0) {
			x.full = true
			p.dirtyLocked(room, x)
		}
	}
	return true
}

// leave takes back what was said, and the lease.
func (p *presence) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), redisTimeout/2)
	defer cancel()
	err := p.clear(ctx, p.lease)
	if err == nil {
		err = p.r.client.ZRem(ctx, p.r.keys.house("leases"), p.lease).Err()
	}
	if err != nil {
		p.r.complain("giving up this instance's lease, which others will do in a moment", err)
	}
}

// Members implements Presence.
func (r *Redis) Members(ctx context.Context, room string, limit int) (count int, list []wire.Member, err error) {
	answer, err := membersScript.Run(ctx, r.client, []string{r.keys.of(room, "who")}, limit).Slice()
	if err != nil || len(answer)%2 != 1 {
		r.complain("asking who is in a room", cmp.Or(err, errCorrupt))
		return 0, nil, &wire.Error{Code: wire.Unavailable, Message: "who is in the room cannot be had at the moment: try again", RetryAfter: 1}
	}
	n, _ := answer[0].(int64)
	for i := 1; i < len(answer); i += 2 {
		client, _ := answer[i].(string)
		text, _ := answer[i+1].(string)
		connections, _ := strconv.Atoi(text)
		list = append(list, wire.Member{Client: client, Connections: connections})
	}
	slices.SortFunc(list, func(a, b wire.Member) int { return strings.Compare(a.Client, b.Client) })
	return int(n), list[:min(len(list), limit)], nil
}

// presencePush is what a room's channel brought of its members.
type presencePush struct {
	version uint64
	change  PresenceChange
}

func parsePresence(text string) (p presencePush, err error) {
	version, count, names, ok := cutNumbers(text)
	if !ok {
		return p, errCorrupt
	}
	if p.version, err = strconv.ParseUint(version, 10, 64); err != nil {
		return p, errCorrupt
	}
	p.change.Count = int(count)
	if names == "" {
		return p, nil
	}
	for word := range strings.SplitSeq(names, "\x00") {
		if len(word) < 2 {
			return p, errCorrupt
		}
		name := word[1:]
		switch word[0] {
		case '+':
			p.change.Joined = append(p.change.Joined, name)
		case '-':
			p.change.Left = append(p.change.Left, name)
		default:
			p.change.Known = append(p.change.Known, name)
		}
	}
	return p, nil
}

// presence tells the sink what a room's channel brought of its members.
func (f *follower) presence(r *followed, p presencePush) {
	if f.who == nil || r.owed {
		return
	}
	c := p.change
	switch {
	case p.version == r.version+1 && (c.Joined != nil || c.Left != nil):
	case p.version <= r.version: // a read had it already; but who came or went here wants to hear that it is known
		c.Known = slices.Concat(c.Known, c.Joined, c.Left)
		c.Joined, c.Left, c.Count = nil, nil, r.members
	default:
		c = PresenceChange{Count: c.Count}
	}
	r.version, r.members = max(r.version, p.version), c.Count
	f.who.Presence(r.name, c)
}

// membersRead tells the sink how many are in a room, if that has changed unheard.
func (f *follower) membersRead(r *followed, p *pageRead, first bool) {
	if f.who != nil && (first || p.version != r.version) {
		r.version, r.members = p.version, p.members
		f.who.Presence(r.name, PresenceChange{Count: p.members})
	}
}
