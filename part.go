package main

import (
	"context"
	"fmt"
)

// part is one of the things an instance consists of: a function that blocks until it is told to end.
type part struct {
	name string
	end  context.CancelFunc
	done chan struct{} // closed by the part's goroutine, when run has returned
	err  error         // what run returned; set before done is closed
}

// start runs a part on a goroutine of its own. Its context is nobody else's: a signal must not end everything at the same
// moment. If run returns without being told to, fail is called with the reason.
func start(name string, fail context.CancelCauseFunc, run func(context.Context) error) *part {
	ctx, end := context.WithCancel(context.Background())
	p := &part{name: name, end: end, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = run(ctx)
		switch {
		case ctx.Err() != nil:
		case p.err != nil:
			fail(fmt.Errorf("%s: %w", name, p.err))
		default:
			fail(fmt.Errorf("%s ended by itself", name))
		}
	}()
	return p
}

// stop tells the part to end and waits for it, but not longer than within.
func (p *part) stop(within context.Context) error {
	p.end()
	select {
	case <-p.done:
		return nil // an error on the way out is no reason to call the stop a failure, and fail has told of those before it
	case <-within.Done():
		return fmt.Errorf("%s did not stop in time", p.name)
	}
}
