package hub

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"hubbub/wire"
)

// LatencyBounds are the upper bounds, in seconds, of Stats.Latency's buckets; the last bucket of Latency is +Inf.
var LatencyBounds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Stats is what the instance has done since it started, and what it holds now.
type Stats struct {
	// now
	Connections [3]int64 // by wire.Dialect
	SlowLane    int64    // connections that are served by a goroutine of their own at the moment
	Rooms       int64    // rooms with a log here
	Members     int64    // memberships: one per connection and room
	LogBytes    int64    // bytes of all rooms' logs here, overhead counted

	// ever
	MessagesIn     uint64 // data messages (text or binary, reassembled) received
	BytesIn        uint64 // bytes read from sockets
	Published      uint64 // messages the broker accepted for clients of this instance, duplicates included
	Refused        uint64 // publishes that were answered with an error by the broker
	Delivered      uint64 // messages written to members, one per member
	BytesOut       uint64 // bytes written to sockets
	Writes         uint64 // write calls that took at least a byte
	Gaps           uint64 // gap frames sent (and pipes closed for a hole)
	SignalsDropped uint64 // signals and presence events that a slow connection did not get
	SlowEntries    uint64 // times that a connection entered the slow lane
	Closes         map[wire.CloseCode]uint64
	Latency        [len(LatencyBounds) + 1]uint64 // deliveries by time from publish to write, not cumulative
	LatencySum     float64                        // seconds
}

// counters are what Stats is made of.
type counters struct {
	connections                                                  [3]atomic.Int64
	slowLane, rooms, members                                     atomic.Int64
	messagesIn, bytesIn, published, refused                      atomic.Uint64
	delivered, bytesOut, writes, gaps, sidesDropped, slowEntries atomic.Uint64
	latency                                                      [len(LatencyBounds) + 1]atomic.Uint64
	latencyMillis                                                atomic.Uint64
	mu                                                           sync.Mutex // guards closes
	closes                                                       map[wire.CloseCode]uint64
}

// Received counts what a reader has taken in.
func (h *Hub) Received(messages, bytes int) {
	if messages > 0 {
		h.stats.messagesIn.Add(uint64(messages))
	}
	h.stats.bytesIn.Add(uint64(bytes))
}

// ended counts a connection's end.
func (c *counters) ended(d wire.Dialect, code wire.CloseCode) {
	c.connections[d].Add(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closes == nil {
		c.closes = map[wire.CloseCode]uint64{}
	}
	c.closes[code]++
}

// observe notes that messages were written to some members now.
func (c *counters) observe(entries []entry, members int) {
	if members == 0 {
		return
	}
	now := time.Now().UnixMilli()
	for _, e := range entries {
		late := max(now-e.msg.Time, 0)
		i := 0
		for i < len(LatencyBounds) && float64(late) > LatencyBounds[i]*1000 {
			i++
		}
		c.latency[i].Add(uint64(members))
		c.latencyMillis.Add(uint64(late) * uint64(members))
	}
}

// Stats takes a snapshot. Any goroutine may call it.
func (h *Hub) Stats() Stats {
	c := &h.stats
	s := Stats{
		SlowLane: c.slowLane.Load(), Rooms: c.rooms.Load(), Members: c.members.Load(), LogBytes: h.logs.Bytes(),
		MessagesIn: c.messagesIn.Load(), BytesIn: c.bytesIn.Load(), Published: c.published.Load(), Refused: c.refused.Load(),
		Delivered: c.delivered.Load(), BytesOut: c.bytesOut.Load(), Writes: c.writes.Load(), Gaps: c.gaps.Load(),
		SignalsDropped: c.sidesDropped.Load(), SlowEntries: c.slowEntries.Load(),
		LatencySum: float64(c.latencyMillis.Load()) / 1000,
	}
	for i := range c.connections {
		s.Connections[i] = c.connections[i].Load()
	}
	for i := range c.latency {
		s.Latency[i] = c.latency[i].Load()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Closes = maps.Clone(c.closes)
	return s
}
