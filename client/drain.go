package client

import (
	"context"
	"time"

	"hubbub/wire"
)

const (
	// drainStep is how often a drain looks and how far apart its batches are.
	drainStep = 10 * time.Millisecond
	// drainEach is how much time each connection gets at most, so that a few do not take as long as many.
	drainEach = time.Millisecond
)

// Drain ends all connections within limit, and blocks until they have ended. From its beginning Open says no and no reader reads. Publishes
// under way get their answers (a third of the time at most), the rooms' last messages are written, then everybody is told 1012, in
// batches over half of the time: thousands that come back in the same moment would hurt whoever takes them. What is
// left then is cut.
func (s *Clients) Drain(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.draining.Store(true)
	for _, c := range s.snapshot() {
		c.peer.Interrupt()
	}
	s.awaitAnswers(ctx, limit/3)
	s.hub.Flush(ctx)
	s.sendAway(ctx, limit/2)

	ended := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	s.cutting.Store(true)
	for _, c := range s.snapshot() {
		c.cut()
	}
	<-ended
}

// awaitAnswers waits until no publish is unanswered.
func (s *Clients) awaitAnswers(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	look := time.NewTicker(drainStep)
	defer look.Stop()
	for s.hub.Unanswered() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// sendAway tells everybody to come back elsewhere.
func (s *Clients) sendAway(ctx context.Context, most time.Duration) {
	list := s.snapshot()
	over := min(most, time.Duration(len(list))*drainEach)
	batches := max(1, int(over/drainStep))
	look := time.NewTicker(drainStep)
	defer look.Stop()
	for i := range batches {
		for _, c := range list[i*len(list)/batches : (i+1)*len(list)/batches] {
			c.peer.CloseGently(wire.CloseRestarting, "this instance is restarting: come back")
		}
		if i == batches-1 {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}

// cut ends a connection without a word.
func (c *Client) cut() {
	c.peer.Drop()
	c.peer.Interrupt()
}
