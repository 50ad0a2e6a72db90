package load

import (
	"errors"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Point is what a run looked like in a second of it.
type Point struct {
	At        float64 // seconds since the run began
	Phase     string
	Open      int     // sockets, at its end
	Connects  float64 // a second
	Sent      float64 // messages a second
	Delivered float64 // deliveries a second
	Resumed   int64   // Storm: members that had everything they missed, so far
	ServerCPU float64 // cores
	ClientCPU float64 // cores
	RSS       int64   // bytes, of all servers together
	Stolen    float64 // share of the machine's time that other machines had
	Idle      float64 // share of the machine's time in which it had nothing to do
	Busy      float64 // share of its time, of the client process that was busiest
	Latency   Latency // of what was measured in it; zero if nothing was
}

// series collects a run's points, and the sums of what they are made of. It belongs to the goroutine that runs the plan.
type series struct {
	begun   time.Time
	last    time.Time
	phase   string
	servers []process
	clients func() []int
	observe func(Point)

	open, joined   []int     // by crew
	ticked         []bool    // by crew: its second is over
	busy, past     []float64 // by crew: seconds, while something was measured
	sum            tick      // since the last point; its histograms are unused
	second         *hdrhistogram.Histogram
	late           *hdrhistogram.Histogram // of the whole run
	behind         *hdrhistogram.Histogram
	connecting     *hdrhistogram.Histogram
	resumed        int64
	server, client time.Duration // CPU at the last point
	machine        Machine       // then
	measuring      bool
	ended          bool // a server did

	points []Point
	stride int // points a kept point stands for: a run of hours is thinned out
}

// maxPoints is what a plot has any use for.
const maxPoints = 2000

func newSeries(p *Plan, observe func(Point)) *series {
	if observe == nil {
		observe = func(Point) {}
	}
	n := max(p.Processes, 1)
	s := &series{
		begun: time.Now(), observe: observe, stride: 1,
		open: make([]int, n), joined: make([]int, n), ticked: make([]bool, n), busy: make([]float64, n), past: make([]float64, n),
		second: newHistogram(), late: newHistogram(), behind: newHistogram(), connecting: newHistogram(),
	}
	for _, pid := range p.ServerPID {
		s.servers = append(s.servers, process{pid})
	}
	return s
}

// begin is the first moment.
func (s *series) begin() (err error) {
	s.last, s.machine, s.phase = time.Now(), ReadMachine(), "opening"
	if s.server, err = cpuOf(s.servers); err != nil {
		return err
	}
	s.client, err = cpuOf(processes(s.clients()))
	return err
}

// add takes a client process's tick. When the second is over for all of them it makes a point.
func (s *series) add(crew int, t *tick) error {
	s.open[crew], s.joined[crew] = t.Open, t.Joined
	s.sum.Connects += t.Connects
	s.sum.Sent += t.Sent
	s.sum.Delivered += t.Delivered
	s.resumed += t.Resumed
	if t.Past > 0 {
		s.sum.Busy = max(s.sum.Busy, t.Busy/t.Past)
	}
	if s.measuring {
		s.busy[crew] += t.Busy
		s.past[crew] += t.Past
	}
	if err := merge(s.second, t.Late); err != nil {
		return err
	}
	if err := merge(s.behind, t.Behind); err != nil {
		return err
	}
	if err := merge(s.connecting, t.Connecting); err != nil || !t.Whole {
		return err
	}
	s.ticked[crew] = true
	if slices.Contains(s.ticked, false) {
		return nil
	}
	clear(s.ticked)
	return s.sample()
}

// busiest is the share of its time in which the client process that was busiest was busy.
func (s *series) busiest() (most float64) {
	for i, past := range s.past {
		if past > 0 {
			most = max(most, s.busy[i]/past)
		}
	}
	return most
}

// sample makes a point of what came since the last one.
func (s *series) sample() error {
	at := time.Now()
	past := max(at.Sub(s.last).Seconds(), 1e-6)
	server, err := cpuOf(s.servers)
	rss, failed := rssOf(s.servers)
	if err = errors.Join(err, failed); errors.Is(err, errEnded) { // that it did is a result, and the run goes on to tell what was lost by it
		s.ended, s.servers, server, rss, err = true, nil, s.server, 0, nil
	}
	if err != nil {
		return err
	}
	client, err := cpuOf(processes(s.clients()))
	if err != nil {
		return err
	}
	machine := ReadMachine()
	p := Point{
		At: at.Sub(s.begun).Seconds(), Phase: s.phase, Open: total(s.open),
		Connects: float64(s.sum.Connects) / past, Sent: float64(s.sum.Sent) / past, Delivered: float64(s.sum.Delivered) / past, Resumed: s.resumed,
		ServerCPU: (server - s.server).Seconds() / past, ClientCPU: (client - s.client).Seconds() / past, RSS: rss, Busy: s.sum.Busy,
		Latency: latency(s.second),
	}
	p.Idle, p.Stolen = machine.Since(s.machine)
	s.late.Merge(s.second)
	s.second.Reset()
	s.last, s.server, s.client, s.machine, s.sum = at, server, client, machine, tick{}
	s.keep(p)
	s.observe(p)
	return nil
}

// keep thins out what is kept when there is too much of it: every second point goes, and from then on every second one is not
// taken.
func (s *series) keep(p Point) {
	if n := int(p.At); s.stride > 1 && n%s.stride != 0 {
		return
	}
	if s.points = append(s.points, p); len(s.points) < maxPoints {
		return
	}
	for i := range len(s.points) / 2 {
		s.points[i] = s.points[2*i]
	}
	s.points = s.points[:len(s.points)/2]
	s.stride *= 2
}

// enter begins a phase, with a point at its edge, so that no point is about two.
func (s *series) enter(phase string) error {
	err := s.edge()
	s.phase = phase
	return err
}

// edge makes a point of what has come so far. What came in a moment makes none, it is too little to tell a rate from; the next
// point has it.
func (s *series) edge() error {
	if time.Since(s.last) < 100*time.Millisecond {
		return nil
	}
	return s.sample()
}

func total(n []int) (sum int) {
	for _, v := range n {
		sum += v
	}
	return sum
}
