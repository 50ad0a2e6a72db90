package load

import (
	"math"
	"time"
)

// pace is an open loop's schedule: message k is due at a time that depends on k alone. What was late does not move
// what follows, and a message's latency counts from when it was due; otherwise a server that stops for a second
// would be measured at the one message that waited for it, and not at the thousand that should have been sent.
type pace struct {
	rate  float64 // messages a second
	total int     // how many there are
}

// at is when message k is due, counted from the start.
func (p pace) at(k int) time.Duration {
	return time.Duration(math.Ceil(float64(k) / p.rate * float64(time.Second)))
}

// next says how long to wait, at a time since the start and with k messages sent, until another is due; 0: it is due
// now. done: there is none left.
func (p pace) next(k int, elapsed time.Duration) (wait time.Duration, done bool) {
	if k >= p.total {
		return 0, true
	}
	return max(0, p.at(k)-elapsed), false
}

// lasting is the schedule that fills a time.
func lasting(rate float64, d time.Duration) pace {
	return pace{rate: rate, total: int(math.Round(rate * d.Seconds()))}
}
