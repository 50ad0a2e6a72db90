package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hubbub/internal/load"
)

// figure is something that can be asked for by name; it appends its rows.
type figure struct {
	name, what string
	take       func(ctx context.Context, b *bench) error
}

var figures = []figure{
	{"idle", "memory of a silent socket, before and after it has spoken", idle},
	{"fanout", "a room of 1,000 at 200 and at 800 messages a second", fanout},
	{"echo", "CPU of an echo against a bare Fiber loop's", echo},
	{"stall", "a room at 1,000 messages a second with a member that stops reading", stall},
}

// shorter is a third of a time if the run is a quick one.
func (b *bench) shorter(d time.Duration) time.Duration {
	if b.quick {
		return d / 3
	}
	return d
}

// fewer is a fifth of a number if the run is a quick one.
func (b *bench) fewer(n int) int {
	if b.quick {
		return n / 5
	}
	return n
}

func (b *bench) add(rows ...row) { b.rows = append(b.rows, rows...) }

// withHub starts a hub for one measurement: what an earlier one left in its memory is not in the next one's figures.
func (b *bench) withHub(ctx context.Context, measure func(t load.Target) error, settings ...string) error {
	s, err := b.startHub(ctx, settings...)
	if err != nil {
		return err
	}
	defer s.stop()
	return measure(s.Target)
}

// idle measures twice. As shipped, the hub holds what the sockets have sent: 1,000 messages of each room. With little
// retention, what is left is mostly what the sockets themselves cost, and the difference is the logs. (With less than
// the 100 that a room's members publish at a time, there would be gaps.)
func idle(ctx context.Context, b *bench) error {
	o := load.IdleOptions{Sockets: b.fewer(10_000), Rooms: b.fewer(100), Messages: 10, Size: 128, Rest: 10 * time.Second}
	name := fmt.Sprintf("idle, %d sockets in %d rooms", o.Sockets, o.Rooms)
	perSocket := func(n int64) string { return fmt.Sprintf("%.2f KB", float64(n)/1024) }
	judged := func(reached bool) string {
		if b.quick {
			return "too few sockets to tell" // what a hub holds once weighs five times as much
		}
		return verdict(reached)
	}
	err := b.withHub(ctx, func(t load.Target) error {
		r, err := load.Idle(ctx, t, o)
		if err != nil {
			return err
		}
		b.add(
			row{name, "≤ 6 KB a socket", perSocket(r.Joined), judged(r.Joined <= 6<<10)},
			row{"  after ten messages each", "≤ 7 KB a socket", perSocket(r.Published), judged(r.Published <= 7<<10)},
			info("    of it the bare payloads that the rooms keep", "%s", perSocket(r.Mail.Sent*int64(o.Size)/int64(o.Sockets))),
			info("    mail", "%s", r.Mail),
			info("  server before the first socket", "%.1f MB", float64(r.Before)/(1<<20)),
			info("  connects", "%.0f/s, CPU %s", r.Connects, cost(r.Connect)),
			info("  joins", "CPU %s", cost(r.Join)),
			info("  deliveries while everyone speaks", "CPU %s", cost(r.Delivery)),
		)
		return nil
	})
	if err != nil {
		return err
	}
	return b.withHub(ctx, func(t load.Target) error {
		r, err := load.Idle(ctx, t, o)
		if err != nil {
			return err
		}
		b.add(info("  the same if a room keeps 120 messages", "%s, then %s", perSocket(r.Joined), perSocket(r.Published)))
		return nil
	}, "--history-messages", "120")
}

// cost is what both sides took for one message. The client's share is there to be below the server's.
func cost(c load.Cost) string {
	s := fmt.Sprintf("%s (client %s)", micros(c.ServerEach()), micros(c.ClientEach()))
	if c.Client > c.Server {
		s += " THE CLIENT IS THE LIMIT"
	}
	return s
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.2f µs", float64(d)/float64(time.Microsecond))
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func fanout(ctx context.Context, b *bench) error {
	for _, f := range []struct {
		rate float64
		cpu  time.Duration
		p99  time.Duration // 0: no target
	}{
		{200, 6 * time.Microsecond, 150 * time.Millisecond},
		{800, 2 * time.Microsecond, 0},
	} {
		err := b.withHub(ctx, func(t load.Target) error {
			o := load.FanoutOptions{Members: 1000, Size: 128, Rate: f.rate, WarmUp: 2 * time.Second, Duration: b.shorter(12 * time.Second)}
			r, err := load.Fanout(ctx, t, o)
			if err != nil {
				return err
			}
			late := row{"  p99", "", millis(r.Latency.P99) + fmt.Sprintf(" (p50 %s, max %s; client sent late, p99 %s)", millis(r.Latency.P50), millis(r.Latency.Max), millis(r.Behind)), ""}
			if f.p99 > 0 {
				late.target, late.verdict = "≤ "+millis(f.p99), verdict(r.Latency.P99 <= f.p99)
			}
			mail := row{"  mail", "none lost", r.Mail.String(), verdict(r.Mail.Clean())}
			b.add(
				row{
					fmt.Sprintf("fan-out, 1 × %d, %.0f messages/s", o.Members, f.rate), "≤ " + micros(f.cpu) + " a delivery",
					cost(r.Cost), verdict(r.Cost.ServerEach() <= f.cpu),
				}, late, mail)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// echo compares in pairs, whose order turns round: what else the machine does then meets both.
func echo(ctx context.Context, b *bench) error {
	hub, err := b.startHub(ctx)
	if err != nil {
		return err
	}
	defer hub.stop()
	bare, err := startServer(ctx, b.bareEcho)
	if err != nil {
		return err
	}
	defer bare.stop()
	o := load.EchoOptions{Sockets: 100, Size: 128, Duration: b.shorter(3 * time.Second)}
	var ratios []float64
	var results [2][]load.EchoResult // of the hub and the bare loop
	for pair := range b.pairs {
		for turn := range 2 {
			which := (pair + turn) % 2
			r, err := load.Echo(ctx, []*server{hub, bare}[which].Target, o)
			if err != nil {
				return err
			}
			if !r.Mail.Clean() {
				return fmt.Errorf("%s: %s", []string{"the hub", "the bare loop"}[which], r.Mail)
			}
			results[which] = append(results[which], r)
		}
		ratios = append(ratios, float64(results[0][pair].Cost.ServerEach())/float64(results[1][pair].Cost.ServerEach()))
	}
	ratio := median(ratios)
	b.add(row{
		"echo of 128 bytes at 100 sockets", "≤ 1.10 × bare Fiber's CPU",
		fmt.Sprintf("%.2f × (median of %d pairs, %.2f to %.2f)", ratio, b.pairs, slices.Min(ratios), slices.Max(ratios)), verdict(ratio <= 1.1),
	})
	for i, name := range []string{"  hub", "  bare Fiber"} {
		slices.SortFunc(results[i], func(a, b load.EchoResult) int { return int(a.Cost.ServerEach() - b.Cost.ServerEach()) })
		r := results[i][len(results[i])/2]
		b.add(info(name, "%s an echo, %.0f/s, p99 %s", cost(r.Cost), r.PerSecond, millis(r.Latency.P99)))
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
