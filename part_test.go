package main

import (
	"context"
	"errors"
	"testing"
)

func TestPart(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		run  func(context.Context) error
		want string // why the instance has to end
	}{
		{"it fails", func(context.Context) error { return broken }, "a part: broken"},
		{"it ends", func(context.Context) error { return nil }, "a part ended by itself"},
	} {
		ctx, fail := context.WithCancelCause(t.Context())
		p := start("a part", fail, c.run)
		<-ctx.Done()
		if err := context.Cause(ctx); err.Error() != c.want {
			t.Errorf("%s: %q, want %q", c.name, err, c.want)
		}
		if err := p.stop(t.Context()); err != nil {
			t.Errorf("%s: stop: %v", c.name, err)
		}
	}
}

// TestPartStops: an error on the way out is none, and a part that does not listen is given up.
func TestPartStops(t *testing.T) {
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	good := start("good", fail, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if err := good.stop(t.Context()); err != nil || ctx.Err() != nil {
		t.Errorf("stop: %v, failed: %v", err, context.Cause(ctx))
	}
	release := make(chan struct{})
	deaf := start("deaf", fail, func(context.Context) error {
		<-release
		return nil
	})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := deaf.stop(over); err == nil || err.Error() != "deaf did not stop in time" {
		t.Errorf("stop: %v", err)
	}
	close(release)
	<-deaf.done
}
