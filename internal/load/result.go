package load

import (
	"fmt"
	"time"
)

// Result is what came of a plan. What was not measured is zero.
type Result struct {
	Plan        Plan
	Began       time.Time
	Machine     Machine // at the beginning
	Idle        float64 // share of the machine's time during the run
	Stolen      float64
	Interrupted bool

	Mail      Tally   // of the whole run, warm-up too; all else is without it
	Open      int     // sockets that were open at the end
	Latency   Latency // of a delivery, from when it was due; in a closed loop, from when it was sent. Storm: until a member had all that it missed
	Curve     []Step
	Delivery  Cost
	PerSecond float64       // deliveries
	Behind    time.Duration // how late we ourselves sent, p99: no part of the latency below it is the server's

	Connects   float64 // a second
	Connecting Latency // of a handshake, from when it was due
	Connect    Cost    // of one
	Join       Cost    // of one

	Before  int64   // the servers' memory before the first socket, bytes
	Joined  int64   // of one socket that is open and in its room
	Spoken  int64   // of one after each has said what the plan has it say
	Most    int64   // the most they had, in all
	Resting float64 // cores the servers needed while everybody was silent
	Storm   time.Duration
	Growth  float64 // Soak: bytes an hour, by the memory's trend after its first quarter

	Busiest float64  // share of a process's time, of ours that was busiest
	Limits  []string // why the figures may say more about us, or about the machine, than about the server
	Points  []Point
}

// Step is one step of the distribution of latencies: so many of all were at most so late.
type Step struct {
	Quantile float64 // of 1
	Latency  time.Duration
	Count    int64 // at most so late
}

// limits says what else than the server could have been the measure of things.
func (r *Result) limits() {
	say := func(format string, args ...any) { r.Limits = append(r.Limits, fmt.Sprintf(format, args...)) }
	if r.Busiest > 0.9 {
		say("a client process was busy %.0f %% of the time: more --processes, if the machine has the cores, or less load", 100*r.Busiest)
	}
	if r.Behind > 5*time.Millisecond && r.Behind > r.Latency.P99/10 {
		say("the client sent late itself, p99 %s: latencies are counted from when a message was due, so they are too long", round(r.Behind))
	}
	if r.Delivery.Server > 0 && r.Delivery.Client > r.Delivery.Server {
		say("the client took more CPU than the server, %s a delivery against %s: on a machine they share, latency and throughput are the client's", round(r.Delivery.ClientEach()), round(r.Delivery.ServerEach()))
	}
	if r.Stolen > 0.03 {
		say("other machines on the same host took %.0f %% of the CPU time", 100*r.Stolen)
	}
}

// trend is how fast memory grew, in bytes an hour: the least squares' line through the points after the first quarter, in which
// caches and logs fill.
func trend(points []Point) float64 {
	var n, sx, sy, sxx, sxy float64
	if len(points) == 0 {
		return 0
	}
	first, last := points[0].At, points[len(points)-1].At
	for _, p := range points {
		if p.At < first+(last-first)/4 {
			continue
		}
		x, y := p.At/3600, float64(p.RSS)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if spread := n*sxx - sx*sx; spread > 0 {
		return (n*sxy - sx*sy) / spread
	}
	return 0
}

// round leaves three digits of a time.
func round(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
