package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hubbub/internal/load"
)

// retained is how many messages a room of the hub keeps as it is shipped.
const retained = 1000

// memoryBound is what a member that does not read may add to the server's memory: a room's log has a bound of 16 MiB.
const memoryBound = 16 << 20

func stall(ctx context.Context, b *bench) error {
	for _, measure := range []func(context.Context, *bench) error{others, shortStop, longStop} {
		if err := measure(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// stall is one run against a hub of its own.
func (b *bench) stall(ctx context.Context, o load.StallOptions) (r load.StallResult, err error) {
	hub, err := b.startHub(ctx)
	if err != nil {
		return r, err
	}
	defer hub.Stop()
	return load.Stall(ctx, load.Target{URL: hub.URL, PID: hub.PID}, o)
}

// others compares their p99 with and without somebody who never reads again, in pairs as echo does. A p99 is what the
// rest of the machine disturbs first, so there are many pairs and they are short.
func others(ctx context.Context, b *bench) error {
	pairs := b.pairs + 4
	if b.quick {
		pairs = b.pairs
	}
	hub, err := b.startHub(ctx)
	if err != nil {
		return err
	}
	defer hub.Stop()
	var ratios []float64
	var p99 [2][]float64 // without and with, in ms
	for pair := range pairs {
		for turn := range 2 {
			which := (pair + turn) % 2
			t, o := load.Target{URL: hub.URL, PID: hub.PID}, load.StallOptions{WarmUp: 500 * time.Millisecond, Duration: 2 * time.Second}
			t.Name = fmt.Sprintf("pair-%d-%d", pair, which) // a room of its own
			if which == 1 {
				o.Stop = o.Duration
			}
			r, err := load.Stall(ctx, t, o)
			if err != nil {
				return err
			}
			if !r.Mail.Clean() {
				return fmt.Errorf("the others: %s", r.Mail)
			}
			p99[which] = append(p99[which], r.Latency.P99.Seconds()*1000)
		}
		ratios = append(ratios, p99[1][pair]/p99[0][pair])
	}
	ratio := median(ratios)
	b.add(row{
		"stalled member: the others' p99", "≤ 1.20 × without it",
		fmt.Sprintf("%.2f × (median of %d pairs, %.2f to %.2f; %.1f ms with, %.1f ms without)",
			ratio, pairs, slices.Min(ratios), slices.Max(ratios), median(p99[1]), median(p99[0])), verdict(ratio <= 1.2),
	})
	return nil
}

// shortStop: what the member missed is still retained, so it gets everything.
func shortStop(ctx context.Context, b *bench) error {
	r, err := b.stall(ctx, load.StallOptions{Stop: 500 * time.Millisecond})
	if err != nil {
		return err
	}
	s := r.Stalled
	whole := r.Mail.Clean() && s.Received == s.Sent && s.Gaps+s.Silent+s.Repeated+s.Wrong == 0
	b.add(row{"  stops for 0.5 s", "everything, in order", mail(r), verdict(whole)}, memory(r))
	return nil
}

// longStop: it missed five times what is retained.
func longStop(ctx context.Context, b *bench) error {
	r, err := b.stall(ctx, load.StallOptions{Stop: 5 * time.Second, Duration: 8 * time.Second})
	if err != nil {
		return err
	}
	s := r.Stalled
	// The gap is right if with it nothing is missing, and if it is no longer than it must be: what follows it are the
	// retained messages, and those that were sent while it was under way.
	whole := r.Mail.Clean() && s.Gaps == 1 && s.Received+s.Gone == s.Sent && s.Silent+s.Repeated+s.Wrong == 0 && s.Kept >= retained
	b.add(row{"  stops for 5 s, 1,000 retained", "one gap, then everything", mail(r), verdict(whole)}, memory(r))
	return nil
}

func mail(r load.StallResult) string {
	s := r.Stalled
	text := fmt.Sprintf("%d of %d, %d gaps of %d in all", s.Received, s.Sent, s.Gaps, s.Gone)
	if s.Gaps > 0 {
		text += fmt.Sprintf(" with %d kept", s.Kept)
	}
	if s.Silent+s.Repeated+s.Wrong > 0 {
		text += fmt.Sprintf(", %d SILENTLY MISSING, %d repeated, %d wrong gaps", s.Silent, s.Repeated, s.Wrong)
	}
	if s.Closed != 0 {
		text += fmt.Sprintf(", CLOSED with %d", s.Closed)
	}
	if !r.Mail.Clean() {
		text += ", THE OTHERS: " + r.Mail.String()
	}
	return text + fmt.Sprintf("; caught up in %s", millis(s.CaughtUp))
}

func memory(r load.StallResult) row {
	grown := r.Most - r.Before
	return row{
		"    server memory", fmt.Sprintf("≤ %d MB more", memoryBound>>20),
		fmt.Sprintf("%+.1f MB (from %.1f MB)", float64(grown)/(1<<20), float64(r.Before)/(1<<20)), verdict(grown <= memoryBound),
	}
}
