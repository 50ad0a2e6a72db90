package load

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Run carries out a plan and returns what came of it. observe, if it is not nil, gets a Point a second, on the same goroutine. When
// ctx ends, the run ends early and the result is what there is; that is no error. An error that is a Misuse is of the
// plan: the server cannot be reached or will not speak, or there are too few files.
func Run(ctx context.Context, p Plan, observe func(Point)) (r Result, err error) {
	if err := p.Complete(); err != nil {
		return r, err
	}
	if err := p.processes(); err != nil {
		return r, err
	}
	r = Result{Plan: p, Began: time.Now(), Machine: ReadMachine()}
	s := newSeries(&p, observe)
	if r.Before, err = rssOf(s.servers); err != nil {
		return r, misuse("--server-pid: %w: name processes of this machine, of a user whose processes may be looked at", err)
	}
	f, err := muster(ctx, &p, s)
	if err != nil {
		return r, err
	}
	defer f.dismiss()
	s.clients = f.pids
	if err := s.begin(); err != nil {
		return r, err
	}
	act := &performance{fleet: f, r: &r, run: ctx}
	if err := act.perform(); err != nil {
		return r, err
	}
	return r, act.conclude()
}

// processes decides how many client processes there are, and says if there cannot be as many sockets.
func (p *Plan) processes() error {
	limit, err := fileLimit()
	if err != nil {
		return err
	}
	if p.Processes == 0 {
		p.Processes = 1
		if room := int(limit) - spareFiles; p.Sockets() > room && room > 0 && len(p.Client) > 0 {
			p.Processes = (p.Sockets() + room - 1) / room
		}
	}
	each := (p.Sockets() + p.Processes - 1) / p.Processes
	who := "this process"
	if p.Processes > 1 {
		who = "each client process"
	}
	if err := enoughFiles(who, each, limit); err != nil {
		return err
	}
	servers := max(len(p.URLs), 1)
	for _, pid := range p.ServerPID {
		if limit, known := (process{pid}).fileLimit(); known {
			if err := enoughFiles("the server", (p.Sockets()+servers-1)/servers, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

// performance is a run under way.
type performance struct {
	*fleet
	r     *Result
	run   context.Context
	spent *meter
}

// perform does what the mode asks for, in its phases. Each is passed over once the run is interrupted.
func (a *performance) perform() error {
	if err := a.enter(); err != nil || a.interrupted {
		return err
	}
	if a.plan.Mode == Idle || a.plan.Mode == Soak {
		if err := a.hold(); err != nil || a.interrupted {
			return err
		}
	}
	switch a.plan.Mode {
	case Idle:
		return a.speak()
	case Storm:
		return a.storm()
	default:
		return a.play()
	}
}

func (a *performance) ask(what string) error {
	return a.fleet.ask(a.run, order{Do: what, Start: now()})
}

// costed does something and measures what it costs, as so many times one thing.
func (a *performance) costed(n int, do func() error) (Cost, time.Duration, error) {
	m, err := newMeter(a.plan.ServerPID, a.pids())
	if err != nil {
		return Cost{}, 0, err
	}
	if err := do(); err != nil {
		return Cost{}, 0, err
	}
	return m.stop(int64(n))
}

// enter opens the sockets and lets them join.
func (a *performance) enter() (err error) {
	var took time.Duration
	a.r.Connect, took, err = a.costed(a.plan.Sockets(), func() error { return a.ask(doOpen) })
	if err != nil || a.interrupted {
		return err
	}
	a.r.Connects = float64(a.plan.Sockets()) / took.Seconds()
	if err := a.series.enter("joining"); err != nil {
		return err
	}
	a.r.Join, _, err = a.costed(a.plan.Sockets(), func() error { return a.ask(doJoin) })
	return err
}

// hold lets everybody be silent, and measures what they need all the same. In Idle that is the measurement itself, and lasts.
func (a *performance) hold() error {
	if err := a.series.enter("resting"); err != nil {
		return err
	}
	if err := a.wait(a.run, a.plan.Rest); err != nil {
		return err
	}
	if a.r.Joined = a.perSocket(); a.plan.Mode != Idle || a.interrupted {
		return nil
	}
	if err := a.series.enter("holding"); err != nil {
		return err
	}
	cost, took, err := a.costed(1, func() error { return a.wait(a.run, a.plan.Duration) })
	a.r.Resting, a.r.Joined = cost.Server.Seconds()/took.Seconds(), a.perSocket()
	return err
}

// perSocket is what the servers hold for a socket now. What cannot be read is 0.
func (a *performance) perSocket() int64 {
	rss, err := rssOf(a.series.servers)
	open := total(a.series.open)
	if err != nil || open == 0 || len(a.series.servers) == 0 {
		return 0
	}
	return (rss - a.r.Before) / int64(open)
}

// speak lets everybody say something after the silence.
func (a *performance) speak() error {
	if a.plan.Each == 0 {
		return nil
	}
	if err := a.series.enter("speaking"); err != nil {
		return err
	}
	m, err := newMeter(a.plan.ServerPID, a.pids())
	if err != nil {
		return err
	}
	if err := a.ask(doCycle); err != nil {
		return err
	}
	if err := a.post(); err != nil {
		return err
	}
	if a.r.Delivery, _, err = m.stop(a.mail.Delivered); err != nil {
		return err
	}
	if err := a.series.enter("resting"); err != nil {
		return err
	}
	err = a.wait(a.run, a.plan.Rest)
	a.r.Spoken = a.perSocket()
	return err
}

// play publishes, by schedule or in a closed loop.
func (a *performance) play() error {
	if err := a.series.enter("warming up"); err != nil {
		return err
	}
	start := now() + 50*time.Millisecond // time for the order to reach everybody
	a.tell(order{Do: doPlay, Start: start})
	if err := a.warmed(a.run); err != nil || a.warm == 0 {
		return a.played(err)
	}
	m, err := newMeter(a.plan.ServerPID, a.pids())
	if err != nil {
		return err
	}
	a.spent, a.series.measuring = m, true
	err = a.series.enter("measuring")
	return a.played(err)
}

// played waits for the end of what play began.
func (a *performance) played(err error) error {
	if err != nil {
		return err
	}
	err = a.finish(a.run)
	a.series.measuring = false
	return err
}

// storm lets everybody go, publishes, and lets them come back.
func (a *performance) storm() error {
	for _, step := range []string{doPart, doSpeak} {
		if err := a.series.enter("away"); err != nil {
			return err
		}
		if err := a.ask(step); err != nil || a.interrupted {
			return err
		}
	}
	// That they are gone the servers learn by themselves; what it costs them is not the storm's.
	if err := a.wait(a.run, time.Second); err != nil || a.interrupted {
		return err
	}
	if err := a.series.enter("storm"); err != nil {
		return err
	}
	m, err := newMeter(a.plan.ServerPID, a.pids())
	if err != nil {
		return err
	}
	a.spent, a.series.measuring = m, true
	if err := a.ask(doStorm); err != nil {
		return err
	}
	a.r.Storm = time.Since(m.begun)
	a.series.measuring = false
	return nil
}

// post waits until what was sent has come, and counts it.
func (a *performance) post() error {
	a.mail, a.paid = Tally{}, 0
	return a.fleet.ask(a.run, order{Do: doMail, Sent: a.sent})
}

// conclude makes the result of what was collected.
func (a *performance) conclude() (err error) {
	r, s := a.r, a.series
	if err := a.post(); err != nil {
		return err
	}
	if a.spent != nil {
		var took time.Duration
		if r.Delivery, took, err = a.spent.stop(a.paid); err != nil {
			return err
		}
		r.PerSecond = float64(a.paid) / took.Seconds()
	}
	if err := s.edge(); err != nil {
		return err
	}
	s.late.Merge(s.second) // what made no point
	r.Mail, r.Interrupted, r.Open = a.mail, a.interrupted, total(s.open)
	if a.interrupted && a.plan.Mode == Storm {
		r.Mail.Expected, r.Mail.Lost = r.Mail.Delivered, 0 // who had not come back yet has not lost anything
	}
	r.Latency, r.Curve, r.Behind, r.Connecting = latency(s.late), curve(s.late), latency(s.behind).P99, latency(s.connecting)
	r.Points, r.Busiest = s.points, s.busiest()
	r.Idle, r.Stolen = ReadMachine().Since(r.Machine)
	for _, p := range r.Points {
		r.Most = max(r.Most, p.RSS)
	}
	if a.plan.Mode == Soak {
		r.Growth = trend(r.Points)
	}
	r.limits()
	if s.ended {
		r.Limits = append(r.Limits, "a server that was measured has ended during the run")
	}
	if silent := a.plan.Sockets() - r.Open; a.plan.Mode == Idle && silent > 0 && !a.interrupted {
		return fmt.Errorf("%d of %d sockets are left%s", r.Open, a.plan.Sockets(), closings(r.Mail.Closes))
	}
	return nil
}

// curve is a distribution in steps that grow finer towards its end.
func curve(h *hdrhistogram.Histogram) (steps []Step) {
	if h.TotalCount() == 0 {
		return nil
	}
	for _, b := range h.CumulativeDistributionWithTicks(10) {
		steps = append(steps, Step{Quantile: b.Quantile / 100, Latency: time.Duration(b.ValueAt) * time.Microsecond, Count: b.Count})
	}
	return steps
}
