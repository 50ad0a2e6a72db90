package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"time"
)

// renew takes a lease under which nothing has been said.
func (p *presence) renew() {
	p.mu.Lock()
	p.lease = p.r.name + "." + rand.Text()[:6]
	p.mu.Unlock()
	p.fresh, p.said = true, make(map[string]bool)
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
