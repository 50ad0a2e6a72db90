package hub

import "hubbub/wire"

// LatencyBounds are the upper bounds, in seconds, of Stats.Latency's buckets; the last bucket of Latency is +Inf.
var LatencyBounds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Stats is what the instance has done since it started, and what it holds now.
type Stats struct {
	// now
	Connections [3]int64 // by wire.Dialect
	SlowLane    int64    // connections that are served by a goroutine of their own at the moment
	Rooms       int64    // rooms with a log here
	Members     int64    // memberships: one per connection and room
	LogBytes    int64    // bytes of all rooms' logs here, all encodings counted

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
