package broker

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// tailsRead is where logs ended, and where the follower was when it asked.
type tailsRead struct {
	rooms    []*followed
	was, now []place
}

// lookAtTails has the logs' ends looked at, unless that is under way.
func (f *follower) lookAtTails() {
	if f.tails {
		return
	}
	var look tailsRead
	for _, r := range f.rooms {
		if r.on && r.sub == subLive && !r.reading && !r.owed {
			look.rooms = append(look.rooms, r)
			look.was = append(look.was, r.at)
		}
	}
	if len(look.rooms) == 0 {
		return
	}
	f.tails = true
	f.r.goes.Go(func() {
		look.now = f.r.tailsOf(look.rooms)
		f.tell(look)
	})
}

// tailsOf asks where logs end. It blocks. What could not be had is left out: the next look will tell.
func (r *Redis) tailsOf(rooms []*followed) []place {
	ctx, cancel := context.WithTimeout(r.linksCtx, 2*redisTimeout)
	defer cancel()
	most := tailsRooms
	if r.cluster {
		most = 1
	}
	now := make([]place, len(rooms))
	ttl := (r.o.Retention.Age + r.o.Retention.Age/4 + topExtra).Milliseconds() // as publish.lua says
	for begin := 0; begin < len(rooms); begin += tailsRooms {
		chunk := rooms[begin:min(begin+tailsRooms, len(rooms))]
		var cmds []*redis.Cmd
		err := r.pipelined(ctx, func(p redis.Pipeliner) {
			cmds = cmds[:0]
			for i := 0; i < len(chunk); i += most {
				var tops []string
				for _, f := range chunk[i:min(i+most, len(chunk))] {
					tops = append(tops, r.keys.of(f.name, "top"))
				}
				cmds = append(cmds, tailsScript.EvalSha(ctx, p, tops, ttl))
			}
		})
		if err != nil {
			r.complain("looking where logs end", err)
		}
		for i, c := range cmds {
			ends, err := c.StringSlice()
			for j := 0; err == nil && j+1 < len(ends); j += 2 {
				offset, _ := strconv.ParseUint(ends[j+1], 10, 64)
				now[begin+i*most+j/2] = place{max(parseEpoch(ends[j]), 1), offset} // an end that is gone is behind every other
			}
		}
	}
	return now
}

// tailsRead has every room read that is not where its log ends.
func (f *follower) tailsRead(e tailsRead) {
	f.tails = false
	for i, r := range e.rooms {
		if f.rooms[r.name] != r || !r.on || r.sub != subLive || r.reading || e.now[i].epoch == 0 {
			continue
		}
		f.r.seen.of(r.name) // it is still in use
		if e.now[i].before(e.was[i]) || r.at.before(e.now[i]) && f.r.repairs() {
			f.r.stats.deaf.Add(1)
			f.ask(r)
		}
	}
}
