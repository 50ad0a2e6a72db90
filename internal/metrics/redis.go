package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"hubbub/broker"
)

var (
	redisRoundTrip = desc("redis_round_trip_seconds", "How long the last probe took through Redis and back to this instance; 0 until one has come back.")
	redisLinks     = desc("redis_links_lost_total", "Connections to Redis that messages are pushed on and that broke. What was missed meanwhile is read again.")
	redisReads     = desc("redis_reads_total", "Reads of rooms' logs: one when a room is first watched, others to see whether a push was missed.")
	redisPages     = desc("redis_history_reads_total", "Reads of rooms' logs for clients that ask for history, or want more than this instance holds.")
	redisRepaired  = desc("redis_repaired_messages_total", "Messages that were not pushed and were read from the log in their place. They cost latency, not more.")
	redisDeaf      = desc("redis_deaf_rooms_total", "Rooms of which only the regular look at the logs' ends showed that something was missing. It should stay 0.")
	redisResets    = desc("redis_epochs_total", "New epochs of rooms' logs: Redis had lost something, and every reader was told.")
	redisRefused   = desc("redis_refused_messages_total", "Messages that could not be stored in time and were answered with unavailable.")
	redisDropped   = desc("redis_signals_dropped_total", "Signals that were not sent, for want of Redis.")
)

// redisCollector is collector's counterpart for the broker.
type redisCollector struct {
	stats func() broker.RedisStats
}

// Describe is prometheus.Collector's.
func (c redisCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		redisRoundTrip, redisLinks, redisReads, redisPages, redisRepaired, redisDeaf, redisResets, redisRefused, redisDropped,
	} {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (c redisCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	ch <- prometheus.MustNewConstMetric(redisRoundTrip, prometheus.GaugeValue, s.RoundTrip.Seconds())
	for d, n := range map[*prometheus.Desc]uint64{
		redisLinks: s.LinksLost, redisReads: s.Reads, redisPages: s.Pages, redisRepaired: s.Repaired, redisDeaf: s.Deaf, redisResets: s.Resets,
		redisRefused: s.Refused, redisDropped: s.SignalsDropped,
	} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
}
