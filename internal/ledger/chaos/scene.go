package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hubbub/internal/ledger"
	"hubbub/internal/ledger/crew"
	"hubbub/internal/ledger/stage"
)

// play is how rows are played.
type play struct {
	hub       string // the binary
	dir       string // for the data of Redis; each row has a folder in it
	seconds   time.Duration
	seed      uint64
	instances int
	patience  time.Duration // with each phase of a row; 0: the crew's own
}

// scene is one row while it is played.
type scene struct {
	play
	row    row
	random *rand.Rand

	hubs     []*stage.Hub
	redis    *stage.Redis // the one of a row that stands on one
	proxy    *stage.Proxy // between the first instance and it
	sentinel *stage.Sentinel
	cluster  *stage.Cluster
	servers  []*stage.Redis // all of them
	until    time.Time      // when the publishing is to end
}

// longestRow is what a row may take beside its publishing. Each step has a limit of its own; this is for what was not thought of.
const longestRow = 5 * time.Minute

// run plays a row and judges it. The line is as complete as it could be made also when there is an error; an error means that the row
// did not end as it should, whatever the columns say.
func (p play) run(ctx context.Context, r row) (line ledger.Line, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.seconds+longestRow)
	defer cancel()
	line.Fault = r.title
	s := &scene{play: p, row: r, random: crew.Random(p.seed, r.name)}
	s.dir = filepath.Join(p.dir, r.name)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return line, err
	}
	defer s.clear()
	if err := s.build(ctx); err != nil {
		return line, fmt.Errorf("setting the scene: %w", err)
	}
	o := crew.Options{Seed: p.seed, Slow: r.slow, Stall: r.stall, Patience: p.patience}
	for _, h := range s.hubs {
		o.Hubs = append(o.Hubs, h)
	}
	c, err := crew.Start(ctx, o)
	if err != nil {
		return line, err
	}
	s.until = time.Now().Add(p.seconds)
	fault := r.fault(ctx, s)
	s.rest(ctx, 0) // until the time is up
	last := make(chan error, 1)
	go func() {
		if r.last == nil {
			last <- nil
			return
		}
		last <- r.last(ctx, s, c.Answered())
	}()
	if r.last != nil {
		wait(ctx, 300*time.Millisecond) // something is published under it
	}
	found, err := c.Finish(ctx)
	err = errors.Join(err, <-last)
	line.CaughtUp = found.CaughtUp
	line.Verdict = ledger.Judge(ledger.Evidence{Books: found.Books, Views: found.Views, Logs: found.Logs, Forgets: r.forgets})
	errs := []error{fault, err, s.healthy(ctx)}
	if r.undisturbed && found.Disturbed > 0 {
		errs = append(errs, fmt.Errorf("clients had to come back %d times, and nothing happened between them and their instances", found.Disturbed))
	}
	if err = errors.Join(errs...); err != nil || line.Guilty() {
		err = errors.Join(err, fmt.Errorf("what the processes said last:%s", s.tails()))
	}
	return line, err
}

// build starts what the row stands on, and the instances.
func (s *scene) build(ctx context.Context) error {
	urls, err := s.row.store(ctx, s)
	if err != nil {
		return err
	}
	instances := s.instances
	if urls == nil {
		instances = 1 // in memory
	}
	for i := range instances {
		settings := append([]string{"--history-messages", "100000"}, s.row.settings...)
		if urls != nil {
			settings = append(settings, "--redis-url", urls[min(i, len(urls)-1)])
		}
		h := stage.NewHub(fmt.Sprint("i", i+1), s.hub, settings...)
		s.hubs = append(s.hubs, h)
		if err := h.Up(ctx); err != nil {
			return err
		}
	}
	return nil
}

// clear ends everything that was started.
func (s *scene) clear() {
	for _, h := range s.hubs {
		h.Resume()
		h.Kill()
	}
	if s.proxy != nil {
		s.proxy.Close()
	}
	for _, r := range s.servers {
		r.Kill()
	}
}

// healthy checks that every instance is ready, and that nothing ended by itself.
func (s *scene) healthy(ctx context.Context) error {
	var errs []error
	for _, h := range s.hubs {
		errs = append(errs, h.Err(), h.IsReady(ctx))
	}
	for _, r := range s.servers {
		errs = append(errs, r.Err())
	}
	return errors.Join(errs...)
}

func (s *scene) tails() string {
	var b strings.Builder
	for _, h := range s.hubs {
		fmt.Fprintf(&b, "\n-- %s:\n%s", h.Name, h.Tail())
	}
	for _, r := range s.servers {
		fmt.Fprintf(&b, "\n-- %s:\n%s", r.Name, r.Tail())
	}
	return b.String()
}

// rest lets the publishing go on for a while, 0: until it is to end. It says whether there still is time.
func (s *scene) rest(ctx context.Context, d time.Duration) bool {
	left := time.Until(s.until)
	if d == 0 || d > left {
		d = left
	}
	wait(ctx, d)
	return ctx.Err() == nil && time.Now().Before(s.until)
}

// between is rest for a random time, in milliseconds.
func (s *scene) between(ctx context.Context, least, most int) bool {
	return s.rest(ctx, time.Duration(least+s.random.IntN(most-least+1))*time.Millisecond)
}

// part is a share of the row's time.
func (s *scene) part(ctx context.Context, share float64) bool {
	return s.rest(ctx, time.Duration(share*float64(s.seconds)))
}

// wait waits, whether there is time or not.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
