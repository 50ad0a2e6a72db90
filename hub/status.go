package hub

import (
	"encoding/json"
	"math"
	"time"

	"hubbub/wire"
)

// statusRoom is where each instance signals its figures once a second, to whoever has joined.
const statusRoom = "$status"

// status is what an instance says of itself. Totals count since its start; a reader takes differences.
type status struct {
	Uptime      int64  `json:"uptime"` // seconds
	Connections int64  `json:"connections"`
	Slow        int64  `json:"slow"` // connections in the slow lane
	Rooms       int64  `json:"rooms"`
	Members     int64  `json:"members"`
	LogBytes    int64  `json:"log_bytes"`
	MessagesIn  uint64 `json:"messages_in"`
	Published   uint64 `json:"published"`
	Delivered   uint64 `json:"delivered"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	Gaps        uint64 `json:"gaps"`
	Late        uint64 `json:"late"` // deliveries that took more than 100 ms

	// Deliveries by how long they took from publish to write, not cumulative, and the ranges' upper ends in milliseconds; the last
	// range has none. Counts, not percentiles: those of several instances and of any span of time can be made of them.
	Latency       []uint64  `json:"latency"`
	LatencyBounds []float64 `json:"latency_bounds"`
}

// latencyMillis are LatencyBounds in milliseconds.
var latencyMillis = func() []float64 {
	bounds := make([]float64, len(LatencyBounds))
	for i, b := range LatencyBounds {
		bounds[i] = math.Round(b*1e6) / 1e3
	}
	return bounds
}()

// tellStatus signals the instance's figures, if anybody here or elsewhere may listen.
func (h *Hub) tellStatus(now time.Time) {
	s := h.Stats()
	out := status{
		Uptime: int64(now.Sub(h.start).Seconds()), Slow: s.SlowLane, Rooms: s.Rooms, Members: s.Members, LogBytes: s.LogBytes,
		MessagesIn: s.MessagesIn, Published: s.Published, Delivered: s.Delivered, BytesIn: s.BytesIn, BytesOut: s.BytesOut, Gaps: s.Gaps,
		Latency: s.Latency[:], LatencyBounds: latencyMillis,
	}
	for _, n := range s.Connections {
		out.Connections += n
	}
	for i, n := range s.Latency {
		if i >= len(LatencyBounds) || LatencyBounds[i] > .1 {
			out.Late += n
		}
	}
	payload, err := json.Marshal(out)
	if err != nil {
		return // a struct of finite numbers
	}
	h.o.Broker.Signal(statusRoom, wire.Message{Time: now.UnixMilli(), Client: h.o.Instance, Kind: wire.KindJSON, Payload: payload})
}
