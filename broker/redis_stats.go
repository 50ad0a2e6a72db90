package broker

import (
	"sync/atomic"
	"time"
)

// RedisStats is what a Redis broker has done since it began.
type RedisStats struct {
	RoundTrip      time.Duration // of the last probe, the slowest server's; 0: none has come back yet
	LinksLost      uint64        // connections that messages are pushed on
	Reads          uint64        // reads of rooms' logs for what a push did not bring, the first one of each room counted
	Pages          uint64        // reads for History
	Repaired       uint64        // messages that such a read brought
	Deaf           uint64        // rooms where only the look at the logs' ends found something
	Resets         uint64        // new epochs
	Delivered      uint64        // messages handed to the hub
	Refused        uint64        // messages that were answered with Unavailable
	SignalsDropped uint64
}

type redisCounters struct {
	links, reads, pages, repaired, deaf, resets, delivered, refused, signalsDropped atomic.Uint64
}

// Stats may be called from any goroutine.
func (r *Redis) Stats() RedisStats {
	c := &r.stats
	s := RedisStats{
		LinksLost: c.links.Load(), Reads: c.reads.Load(), Pages: c.pages.Load(), Repaired: c.repaired.Load(), Deaf: c.deaf.Load(), Resets: c.resets.Load(),
		Delivered: c.delivered.Load(), Refused: c.refused.Load(), SignalsDropped: c.signalsDropped.Load(),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.up {
		s.RoundTrip = max(s.RoundTrip, time.Duration(l.probed.Load()))
	}
	return s
}
