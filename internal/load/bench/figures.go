package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hubbub/internal/load"
	"hubbub/internal/load/dialect"
)

// figure is something that can be asked for by name; it appends its rows.
type figure struct {
	name, what string
	take       func(ctx context.Context, b *bench) error
}

var figures = []figure{
	{"idle", "what a silent socket costs, before and after it has spoken", idle},
	{"fanout", "a room of 1,000 at 100, 400 and 800 messages a second", fanout},
	{"fast", "rooms as fast as they go, four publications of each under way", fast},
	{"rooms", "1,000 rooms of 10", rooms},
	{"storm", "10,000 come back at once and want what they missed", storm},
	{"echo", "CPU of an echo against a bare Fiber loop's", echo},
	{"stall", "a room at 1,000 messages a second with a member that stops reading", stall},
	{"redis", "a room of 1,000 over two instances and one Redis", redis},
	{"across", "two instances over one Redis: as fast as it goes, and one message at a time", across},
	{"quiet", "a hub over Redis with nothing to do, and one whose Redis comes back", quiet},
	{"many", "100,000 sockets in one room, over six instances and one Redis", many},
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

// idle measures twice. As shipped, the hub holds what the sockets have sent: 1,000 messages of each room. With little
// retention, what is left is mostly what the sockets themselves cost, and the difference is the logs. (With less than
// the 180 that a room's members publish at a time, there could be gaps.)
func idle(ctx context.Context, b *bench) error {
	p := load.Plan{
		Mode: load.Idle, Rooms: b.fewer(100), Members: 180, Publishers: 180, Each: 10, InFlight: 180,
		Rest: 10 * time.Second, Duration: b.shorter(60 * time.Second), // pings come every 25 s
	}
	perSocket := func(n int64) string { return fmt.Sprintf("%.2f KB", float64(n)/1024) }
	judged := func(reached bool) string {
		if b.quick {
			return "too few sockets to tell" // what a hub holds once weighs five times as much
		}
		return verdict(reached)
	}
	r, err := b.run(ctx, p)
	if err != nil {
		return err
	}
	b.add(
		row{fmt.Sprintf("idle, %d sockets in %d rooms", p.Rooms*p.Members, p.Rooms), "≤ 5 KB a socket", perSocket(r.Joined), judged(r.Joined <= 5<<10)},
		row{"  their pings", "≤ 3 % of a core", fmt.Sprintf("%.1f %%", 100*r.Resting), judged(r.Resting <= 0.03)},
		row{"  a connect", "≤ 110.00 µs", fmt.Sprintf("%s, %.0f/s", cost(r.Connect), r.Connects), verdict(r.Connect.ServerEach() <= 110*time.Microsecond)},
		info("  a join", "%s", cost(r.Join)),
		info("  a socket after ten messages each", "%s", perSocket(r.Spoken)),
		info("    of it the bare payloads that the rooms keep", "%s", perSocket(min(r.Mail.Sent, int64(1000*p.Rooms))*128/int64(p.Rooms*p.Members))),
		row{"    mail", "none lost", r.Mail.String(), verdict(r.Mail.Clean())},
		info("    a delivery", "%s", cost(r.Delivery)),
		info("  server before the first socket", "%.1f MB", float64(r.Before)/(1<<20)),
	)
	p.Duration = time.Second
	if r, err = b.run(ctx, p, "--history-messages", "200"); err != nil {
		return err
	}
	b.add(info("  the same if a room keeps 200 messages", "%s, then %s", perSocket(r.Joined), perSocket(r.Spoken)))
	return nil
}

// cost is what both sides took for one thing. Where the client takes more, what goes as fast as it can goes as fast as the client.
func cost(c load.Cost) string {
	s := fmt.Sprintf("%s (client %s)", micros(c.ServerEach()), micros(c.ClientEach()))
	if c.Client > c.Server {
		s += " THE CLIENT TAKES MORE"
	}
	return s
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.2f µs", float64(d)/float64(time.Microsecond))
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// delivered are the rows of a fan-out.
func (b *bench) delivered(name string, r load.Result, cpu, p99 time.Duration) {
	late := row{"  p99", "", fmt.Sprintf("%s (p50 %s, max %s", millis(r.Latency.P99), millis(r.Latency.P50), millis(r.Latency.Max)), ""}
	if p99 > 0 {
		late.target, late.verdict = "≤ "+millis(p99), verdict(r.Latency.P99 <= p99)
	}
	if r.Plan.Rate > 0 {
		late.measured += "; client sent late, p99 " + millis(r.Behind)
	}
	late.measured += ")"
	b.add(
		row{name, "≤ " + micros(cpu) + " a delivery", fmt.Sprintf("%s, %.0f/s", cost(r.Delivery), r.PerSecond), verdict(r.Delivery.ServerEach() <= cpu)},
		late, row{"  mail", "none lost", r.Mail.String(), verdict(r.Mail.Clean())},
	)
}

func fanout(ctx context.Context, b *bench) error {
	for _, f := range []struct {
		rate float64
		cpu  time.Duration
	}{{100, 9 * time.Microsecond}, {400, 3 * time.Microsecond}, {800, 1500 * time.Nanosecond}} {
		r, err := b.run(ctx, load.Plan{Mode: load.Fanout, Rate: f.rate, Duration: b.shorter(12 * time.Second)})
		if err != nil {
			return err
		}
		b.delivered(fmt.Sprintf("fan-out, 1 × 1000, %.0f messages/s", f.rate), r, f.cpu, 100*time.Millisecond)
	}
	return nil
}

func fast(ctx context.Context, b *bench) error {
	for _, f := range []struct {
		rooms, members int
		cpu            time.Duration
	}{{1, 1000, 2500 * time.Nanosecond}, {100, 100, 3 * time.Microsecond}} {
		r, err := b.run(ctx, load.Plan{Mode: load.Fanout, Rooms: f.rooms, Members: f.members, Duration: b.shorter(10 * time.Second)})
		if err != nil {
			return err
		}
		b.delivered(fmt.Sprintf("fan-out, %d × %d, as fast as it goes", f.rooms, f.members), r, f.cpu, 0)
	}
	return nil
}

func rooms(ctx context.Context, b *bench) error {
	r, err := b.run(ctx, load.Plan{Mode: load.Fanout, Rooms: 1000, Members: 10, Rate: 2, Duration: b.shorter(12 * time.Second)})
	if err != nil {
		return err
	}
	b.delivered("fan-out, 1000 × 10, 2 messages/s a room", r, 14*time.Microsecond, 0)
	return nil
}

func storm(ctx context.Context, b *bench) error {
	r, err := b.run(ctx, load.Plan{Mode: load.Storm, Rooms: b.fewer(100), Members: 100, Missed: 100})
	if err != nil {
		return err
	}
	n := int64(r.Plan.Sockets())
	b.add(
		row{fmt.Sprintf("storm, %d members of %d rooms, 100 messages each", n, r.Plan.Rooms), "nothing missing", r.Mail.String(), verdict(r.Mail.Clean())},
		info("  all caught up", "in %s; a member waits p50 %s, p99 %s", r.Storm.Round(time.Millisecond), millis(r.Latency.P50), millis(r.Latency.P99)),
		info("  a member", "%s", cost(load.Cost{Messages: n, Server: r.Delivery.Server, Client: r.Delivery.Client})),
		info("  the server's CPU in it", "%.1f s of %.1f s × %d cores", r.Delivery.Server.Seconds(), r.Storm.Seconds(), r.Machine.Cores),
	)
	return nil
}

func redis(ctx context.Context, b *bench) error {
	if !b.knows(ctx, "--redis-url") {
		b.add(info("over Redis", "this hub has no --redis-url"))
		return nil
	}
	r, err := b.runTogether(ctx, load.Plan{Mode: load.Fanout, Duration: b.shorter(10 * time.Second)}, 2)
	if err != nil {
		return err
	}
	b.delivered("fan-out, 1 × 1000, two instances and Redis", r, 6*time.Microsecond, 0)
	return nil
}

func many(ctx context.Context, b *bench) error {
	if !b.knows(ctx, "--redis-url") {
		return nil // redis has said so
	}
	r, err := b.runTogether(ctx, load.Plan{
		Mode: load.Fanout, Members: b.fewer(100_000), Publishers: 1, Rate: 1, Ramp: 2000, Processes: 6,
		WarmUp: 5 * time.Second, Duration: b.shorter(30 * time.Second), Grace: 10 * time.Second,
	}, 6)
	if err != nil {
		return err
	}
	b.add(row{
		fmt.Sprintf("%d sockets in one room, six instances and Redis", r.Plan.Members), "held, one message a second", fmt.Sprintf("%d open at the end; %s", r.Open, r.Mail),
		verdict(r.Mail.Clean() && r.Open == r.Plan.Members),
	}, info("  p99", "%s (max %s)", millis(r.Latency.P99), millis(r.Latency.Max)), info("  a delivery", "%s", cost(r.Delivery)))
	return nil
}

// echo compares in pairs, whose order turns round: what else the machine does then meets both.
func echo(ctx context.Context, b *bench) error {
	hub, err := b.startHub(ctx)
	if err != nil {
		return err
	}
	defer hub.Stop()
	bare, err := load.StartServer(ctx, b.bareEcho)
	if err != nil {
		return err
	}
	defer bare.Stop()
	for _, sockets := range []int{100, 1000} {
		if err := b.echoes(ctx, sockets, hub, bare); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) echoes(ctx context.Context, sockets int, servers ...*load.Server) error {
	var ratios []float64
	var results [2][]load.Result // of the hub and the bare loop
	for pair := range b.pairs {
		for turn := range 2 {
			which := (pair + turn) % 2
			r, err := completed(load.Run(ctx, load.Plan{
				Mode: load.Echo, Dialect: dialect.HubbubEcho, Rooms: sockets, WarmUp: 500 * time.Millisecond, Duration: b.shorter(3 * time.Second),
				URLs: []string{servers[which].URL}, ServerPID: []int{servers[which].PID},
			}, nil))
			if err != nil {
				return err
			}
			if !r.Mail.Clean() {
				return fmt.Errorf("%s: %s", []string{"the hub", "the bare loop"}[which], r.Mail)
			}
			results[which] = append(results[which], r)
		}
		ratios = append(ratios, float64(results[0][pair].Delivery.ServerEach())/float64(results[1][pair].Delivery.ServerEach()))
	}
	ratio := median(ratios)
	b.add(row{
		fmt.Sprintf("echo of 128 bytes at %d sockets", sockets), "≤ 0.95 × bare Fiber's CPU",
		fmt.Sprintf("%.2f × (median of %d pairs, %.2f to %.2f)", ratio, b.pairs, slices.Min(ratios), slices.Max(ratios)), verdict(ratio <= 0.95),
	})
	for i, name := range []string{"  hub", "  bare Fiber"} {
		slices.SortFunc(results[i], func(a, b load.Result) int { return int(a.Delivery.ServerEach() - b.Delivery.ServerEach()) })
		r := results[i][len(results[i])/2]
		b.add(info(name, "%s an echo, %.0f/s, p99 %s", cost(r.Delivery), r.PerSecond, millis(r.Latency.P99)))
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
