// Package metrics is what operators see of an instance: figures for Prometheus, profiles, probes. It reads; nothing in the
// instance waits for it.
package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"hubbub/hub"
	"hubbub/wire"
)

// dialects are the values of the label dialect, by wire.Dialect.
var dialects = [...]string{wire.Echo: "echo", wire.Pipe: "pipe", wire.JSON: "json"}

// desc describes one metric. The help says what to do with it, because it is read at night.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hubbub_"+name, help, labels, nil)
}

var (
	connections = desc("connections", "Open connections, by the dialect they speak.", "dialect")
	lanes       = desc("lane_connections", "Open connections by how they are written to: fast ones by the shards, slow ones by a goroutine each. Many slow ones mean that readers or the network do not keep up (TLS connections are always slow).", "lane")
	rooms       = desc("rooms", "Rooms with a log on this instance.")
	members     = desc("members", "Memberships: one for each connection and room.")
	logBytes    = desc("log_bytes", "Memory held by the logs of all rooms, all encodings counted. Compare it with --history-total.")

	received   = desc("messages_received_total", "Messages received from clients, commands included.")
	published  = desc("messages_published_total", "Publishes of clients of this instance that were accepted, repeated ones (same key) included.")
	refused    = desc("messages_refused_total", "Publishes that were answered with an error. A rising rate means that the broker is away or overloaded.")
	delivered  = desc("messages_delivered_total", "Messages written to members: one for each member.")
	bytesIn    = desc("received_bytes_total", "Bytes read from sockets.")
	bytesOut   = desc("sent_bytes_total", "Bytes written to sockets.")
	writes     = desc("writes_total", "System calls that wrote to a socket. Deliveries divided by writes is how well writes are shared.")
	gaps       = desc("gaps_total", "Holes announced to members: what they missed was no longer kept. If it rises, raise --history-messages, --history-bytes or --history-age.")
	dropped    = desc("dropped_total", "What was not sent to a connection that did not keep up, by kind: signal (signals and presence events, which are never kept). Messages are never dropped; see hubbub_gaps_total.", "kind")
	slowEnters = desc("slow_lane_entered_total", "How often a connection fell behind and got a goroutine of its own.")
	closes     = desc("closes_total", "Connections closed, by close code. 4001: readers that stalled, 4002: peers that vanished, 1012: this instance stopping, 1011: a bug.", "code")
	latency    = desc("delivery_latency_seconds", "From publish to the write of the message to a member. Buckets above 1 s are members that catch up, or an instance out of CPU.")
)

// collector turns a snapshot into metrics when it is scraped; between scrapes it costs nothing.
type collector struct {
	stats func() hub.Stats
}

// Describe is prometheus.Collector's.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		connections, lanes, rooms, members, logBytes, received, published, refused, delivered,
		bytesIn, bytesOut, writes, gaps, dropped, slowEnters, closes, latency,
	} {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	now := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	ever := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	total := int64(0)
	for i, n := range s.Connections {
		now(connections, n, dialects[i])
		total += n
	}
	now(lanes, s.SlowLane, "slow")
	now(lanes, max(0, total-s.SlowLane), "fast") // the counters are read one after the other, so the difference may be off for a moment
	now(rooms, s.Rooms)
	now(members, s.Members)
	now(logBytes, s.LogBytes)
	ever(received, s.MessagesIn)
	ever(published, s.Published)
	ever(refused, s.Refused)
	ever(delivered, s.Delivered)
	ever(bytesIn, s.BytesIn)
	ever(bytesOut, s.BytesOut)
	ever(writes, s.Writes)
	ever(gaps, s.Gaps)
	ever(dropped, s.SignalsDropped, "signal")
	ever(slowEnters, s.SlowEntries)
	for code, n := range s.Closes {
		ever(closes, n, strconv.Itoa(int(code)))
	}
	ch <- histogram(s)
}

// histogram makes Prometheus' cumulative buckets of the hub's plain ones. The count is their sum, so that it can never
// contradict them, though deliveries go on while they are read.
func histogram(s hub.Stats) prometheus.Metric {
	buckets := make(map[float64]uint64, len(hub.LatencyBounds))
	count := uint64(0)
	for i, n := range s.Latency {
		count += n
		if i < len(hub.LatencyBounds) {
			buckets[hub.LatencyBounds[i]] = count
		}
	}
	return prometheus.MustNewConstHistogram(latency, count, s.LatencySum, buckets)
}
