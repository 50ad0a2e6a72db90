package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// relinkMin and relinkMax are how long it takes until a broken link is replaced: at first, and after several in vain.
	relinkMin = 50 * time.Millisecond
	relinkMax = 200 * time.Millisecond
)

// routes says which link brings which room. Without a cluster there is one link. In a cluster there is one for each
// master, and which one has a room is asked of the cluster, beside the loop. The follower's goroutine owns it.
type routes struct {
	links    map[string]*link // by address
	homeless []*followed      // to be subscribed as soon as it is known where
	asking   bool             // the cluster is being asked
	failures int              // links that broke in a row without having brought a probe
	next     time.Time        // when to try again
	due      bool             // there is something to try
}

var errMoved = errors.New("it is not where its messages are pushed any more")

// home is where a room, or a probe, is.
type home struct {
	addr string
	node *redis.Client
}

// mapped is what the cluster answered.
type mapped struct {
	rooms   []*followed
	homes   []home            // of the rooms, in their order
	masters map[string]master // by address
	err     error
}

type master struct {
	node  *redis.Client
	probe string
}

func (t *routes) begin(f *follower) {
	t.links = make(map[string]*link)
	t.due = true
	t.tick(f, time.Now())
}

// subscribe has a room's link subscribe to it, now or when it is known which.
func (t *routes) subscribe(f *follower, r *followed) {
	if f.r.cluster {
		t.homeless = append(t.homeless, r)
		t.due = true
		return
	}
	if l := t.links[""]; l != nil {
		t.put(f, l, r)
	} // else the next link takes it along
}

func (t *routes) put(f *follower, l *link, r *followed) {
	channel := f.r.keys.channel(r.name)
	r.sub, r.link = subAsked, l
	l.rooms[channel] = r
	l.subscribe(channel, true)
}

// tick tries what is due.
func (t *routes) tick(f *follower, now time.Time) {
	if !t.due || t.asking || now.Before(t.next) {
		return
	}
	t.due = false
	if !f.r.cluster {
		if t.links[""] == nil {
			t.open(f, "", f.r.client.(*redis.Client), f.r.keys.probe(f.r.name, 0))
			t.adopt(f)
		}
		return
	}
	t.asking = true
	rooms := t.homeless
	t.homeless = nil
	names := make([]string, len(rooms))
	for i, r := range rooms {
		names[i] = r.name
	}
	probes := make(map[string]string, len(t.links))
	for addr, l := range t.links {
		probes[addr] = l.probe
	}
	f.r.goes.Go(func() {
		m := f.r.findHomes(names, probes)
		m.rooms = rooms
		f.tell(m)
	})
}

// adopt subscribes a new only link to all rooms that are wanted.
func (t *routes) adopt(f *follower) {
	for _, r := range f.rooms {
		if r.sub != subNone {
			continue
		}
		if r.on {
			t.put(f, t.links[""], r)
		} else {
			delete(f.rooms, r.name)
		}
	}
}

// mapped puts rooms onto the links of their masters.
func (t *routes) mapped(f *follower, m mapped) {
	t.asking = false
	if m.err != nil {
		f.r.complain("asking the cluster who has what", m.err)
		t.homeless = append(m.rooms, t.homeless...)
		t.later()
		return
	}
	for addr, x := range m.masters {
		if t.links[addr] == nil {
			t.open(f, addr, x.node, x.probe)
		}
	}
	for addr, l := range t.links {
		if _, ok := m.masters[addr]; !ok {
			l.end(errMoved) // it is a master no more; linkDown does the rest
		}
	}
	f.r.linksAt(m.masters)
	for i, r := range m.rooms {
		switch l := t.links[m.homes[i].addr]; {
		case f.rooms[r.name] != r || r.sub != subNone:
		case !r.on:
			delete(f.rooms, r.name)
		case l == nil: // the map changed under us
			t.homeless = append(t.homeless, r)
			t.later()
		default:
			t.put(f, l, r)
		}
	}
}

// open begins a link.
func (t *routes) open(f *follower, addr string, node *redis.Client, probe string) {
	l := &link{
		addr: addr, node: node, sharded: f.r.cluster, probe: probe, wake: make(chan struct{}, 1),
		rooms: make(map[string]*followed),
	}
	if f.r.cluster {
		l.ps = node.SSubscribe(f.r.linksCtx)
	} else {
		l.ps = node.Subscribe(f.r.linksCtx)
	}
	ctx, end := context.WithCancelCause(f.r.linksCtx)
	l.end = end
	t.links[addr] = l
	f.r.linkUp(l)
	f.r.presence.doubts()
	f.r.goes.Go(func() { l.run(ctx, f.tell) })
}

// down takes a broken link away. Its rooms go on where they were once another brings them.
func (t *routes) down(f *follower, e linkDown) {
	l := e.link
	if t.links[l.addr] == l {
		delete(t.links, l.addr)
	}
	lost := fmt.Errorf("there is no connection to Redis: %w", e.err)
	l.gone.Store(&lost)
	if !errors.Is(e.err, context.Canceled) {
		f.r.stats.links.Add(1)
		f.r.complain("the connection that messages are pushed on", e.err)
	}
	if t.failures++; l.proven.Load() != 0 {
		t.failures = 0
	}
	for _, r := range l.rooms {
		r.sub, r.link = subNone, nil
		switch {
		case !r.on:
			delete(f.rooms, r.name)
		case f.r.cluster:
			t.homeless = append(t.homeless, r)
		}
	}
	l.rooms = nil
	f.r.reload()
	t.later()
}

// moved ends a link that lost a room to another master.
func (t *routes) moved(f *follower, l *link) { l.end(errMoved) }

// later tries again after a pause that grows, with jitter, since every instance lost its link in the same moment.
func (t *routes) later() {
	pause := min(relinkMin<<min(t.failures, 8), relinkMax)
	t.due = true
	t.next = time.Now().Add(pause/2 + rand.N(pause))
}

// findHomes asks the cluster where rooms are, and who is a master; probes are those of the links there are, by address. It blocks.
func (r *Redis) findHomes(rooms []string, probes map[string]string) (m mapped) {
	ctx, cancel := context.WithTimeout(r.linksCtx, 2*redisTimeout)
	defer cancel()
	c := r.client.(*redis.ClusterClient)
	m.masters = make(map[string]master)
	// at says where a channel is, and that it is one to probe its master with, if there is none yet.
	at := func(channel, probe string) (h home) {
		if m.err == nil {
			h.node, m.err = c.MasterForKey(ctx, channel)
		}
		if m.err == nil {
			h.addr = h.node.Options().Addr
			if m.masters[h.addr].node == nil {
				m.masters[h.addr] = master{h.node, probe}
			}
		}
		return h
	}
	for _, probe := range probes {
		at(probe, probe)
	}
	for n := range 256 { // these hit each master, unless it has hardly a slot
		probe := r.keys.probe(r.name, n)
		at(probe, probe)
	}
	for _, room := range rooms {
		m.homes = append(m.homes, at(r.keys.channel(room), r.keys.of(room, "probe:"+r.name)))
	}
	return m
}

// switches is told of every connection that is made to the master that Sentinels name. Another address is another master: the one that the link
// hears may not know that it was replaced, if it was only paused, and would push what nobody else will ever see.
type switches struct {
	r *Redis

	mu   sync.Mutex // guards last
	last string     // the address of the last connection
}

// DialHook implements redis.Hook.
func (s *switches) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := next(ctx, network, addr)
		if err == nil && s.changed(c.RemoteAddr().String()) {
			s.r.leaveLinks(errMoved)
		}
		return c, err
	}
}

func (s *switches) changed(addr string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last
	s.last = addr
	return last != "" && last != addr
}

// ProcessHook implements redis.Hook.
func (s *switches) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (s *switches) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// reload has the map of a cluster read again, soon.
func (r *Redis) reload() {
	if c, ok := r.client.(*redis.ClusterClient); ok {
		c.ReloadState(context.Background())
	}
}
