package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hubbub/internal/load"
	"hubbub/internal/load/dialect"
)

// across is what two instances over one Redis do: as much as they can, and one message at a time.
func across(ctx context.Context, b *bench) error {
	if err := b.acrossFast(ctx); err != nil {
		return err
	}
	return b.acrossOne(ctx)
}

func (b *bench) acrossFast(ctx context.Context) error {
	var redis float64
	before, after := 0.0, 0.0
	r, err := b.runAround(ctx, load.Plan{
		Mode: load.Fanout, Rooms: 10, Members: 10, InFlight: 256, Size: 200, Duration: b.shorter(10 * time.Second),
	}, func(at string) { before = redisCPU(at) }, func(at string) { after = redisCPU(at) })
	if err != nil {
		return err
	}
	members := int64(r.Plan.Members)
	published := r.PerSecond / float64(members)
	all := load.Cost{Messages: r.Delivery.Messages / members, Server: r.Delivery.Server + r.Delivery.Client}.ServerEach()
	redis = (after - before) * 1e6 / float64(r.Mail.Sent)
	b.add(
		row{"10 × 10 over two instances, 200 bytes, as fast as it goes", "50000/s published", fmt.Sprintf("%.0f/s published, %.0f/s delivered", published, r.PerSecond), verdict(published >= 50_000)},
		row{"  a published message, hubs and Redis and load", "≤ 40.00 µs", micros(all), verdict(all <= 40*time.Microsecond)},
		row{"    of it Redis", "≤ 8.00 µs", fmt.Sprintf("%.2f µs", redis), verdict(redis <= 8)},
		row{"  mail", "none lost", r.Mail.String(), verdict(r.Mail.Clean())},
	)
	return nil
}

// acrossOne compares one message at a time with what it is made of: a bare publish and a bare echo. Half of its deliveries are at the
// publisher's own instance, which hears it from Redis like the other. Which cores the processes wake up on matters as much as what
// they do, and changes from moment to moment: so the three take turns, and the medians of all turns are compared.
func (b *bench) acrossOne(ctx context.Context) error {
	redis, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer redis.Stop()
	hubs, stop, err := b.startHubs(ctx, 2, redis)
	if err != nil {
		return err
	}
	defer stop()
	bare, err := load.StartServer(ctx, b.bareEcho)
	if err != nil {
		return err
	}
	defer bare.Stop()

	whole := load.Plan{
		Mode: load.Fanout, Rooms: 1, Members: 2, Publishers: 1, InFlight: 1, URLs: []string{hubs[0].URL, hubs[1].URL}, ServerPID: []int{hubs[0].PID, hubs[1].PID},
	}
	echo := load.Plan{Mode: load.Echo, Dialect: dialect.HubbubEcho, Rooms: 1, URLs: []string{bare.URL}, ServerPID: []int{bare.PID}}
	var wholes, pushes, echoes []float64
	for range b.pairs {
		for _, part := range []struct {
			plan  load.Plan
			times *[]float64
		}{{whole, &wholes}, {echo, &echoes}} {
			p := part.plan
			p.Size, p.WarmUp, p.Duration = 200, 300*time.Millisecond, b.shorter(2*time.Second)
			r, err := completed(load.Run(ctx, p, nil))
			if err != nil {
				return err
			}
			if !r.Mail.Clean() {
				return fmt.Errorf("one message at a time: %s", r.Mail)
			}
			*part.times = append(*part.times, float64(r.Latency.P50))
		}
		push, err := barePush(redisAddr(redis))
		if err != nil {
			return err
		}
		pushes = append(pushes, float64(push))
	}
	span := func(v []float64) string {
		return fmt.Sprintf("%s (%s to %s)", micros(time.Duration(median(v))), micros(time.Duration(slices.Min(v))), micros(time.Duration(slices.Max(v))))
	}
	times := median(wholes) / (median(pushes) + median(echoes))
	b.add(
		row{
			"one message at a time, to members of two instances", "p50 ≤ 2 × bare",
			fmt.Sprintf("%.2f ×; %s, medians of %d turns", times, span(wholes), b.pairs), verdict(times <= 2),
		},
		info("  bare PUBLISH and receive", "%s", span(pushes)),
		info("  bare WebSocket echo", "%s", span(echoes)),
	)
	return nil
}

// quiet is what a hub over Redis costs that has nothing to do, and how soon one with many rooms is well again.
func quiet(ctx context.Context, b *bench) error {
	if err := b.resting(ctx); err != nil {
		return err
	}
	return b.healing(ctx)
}

// resting looks at Redis while 10,000 clients in 1,000 rooms are silent, through two looks at the logs' ends.
func (b *bench) resting(ctx context.Context) error {
	server, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	at := redisAddr(server)
	watch := b.shorter(30 * time.Second)
	return b.held(ctx, server, load.Plan{Mode: load.Idle, Rooms: b.fewer(1000), Members: 10}, func(admin string, _ int) error {
		if !pause(ctx, 5*time.Second) { // who came has been announced
			return ctx.Err()
		}
		cpu, reads := redisCPU(at), redisInfo(at, "stats", "total_reads_processed")
		if !pause(ctx, watch) {
			return ctx.Err()
		}
		requests := (redisInfo(at, "stats", "total_reads_processed") - reads - 3) / watch.Seconds() // without our own
		share := 100 * (redisCPU(at) - cpu) / watch.Seconds()
		b.add(
			row{fmt.Sprintf("%d silent clients in %d rooms, over Redis", b.fewer(1000)*10, b.fewer(1000)), "< 5 requests a second", fmt.Sprintf("%.1f requests a second", requests), verdict(requests < 5)},
			row{"  Redis", "≤ 1 % of a core", fmt.Sprintf("%.2f %%", share), verdict(share <= 1)},
		)
		return nil
	})
}

// healing kills Redis and starts it again, and waits until every room has been read.
func (b *bench) healing(ctx context.Context) error {
	server, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer func() { server.Stop() }()
	at := redisAddr(server)
	rooms := b.fewer(10_000)
	return b.held(ctx, server, load.Plan{Mode: load.Idle, Rooms: rooms, Members: 1}, func(admin string, _ int) error {
		before := metric(admin, "hubbub_redis_reads_total")
		if before < float64(rooms) {
			return fmt.Errorf("%.0f reads for %d rooms", before, rooms)
		}
		if err := syscall.Kill(server.PID, syscall.SIGKILL); err != nil {
			return err
		}
		server.Stop()
		again, err := startRedisAt(ctx, at)
		if err != nil {
			return err
		}
		server = again
		begun := time.Now()
		for metric(admin, "hubbub_redis_reads_total") < before+float64(rooms) {
			if time.Since(begun) > time.Minute || ctx.Err() != nil {
				return errors.New("the rooms are not read again")
			}
			pause(ctx, 10*time.Millisecond)
		}
		took := time.Since(begun)
		b.add(row{fmt.Sprintf("%d rooms, each read again after Redis was killed and is back", rooms), "≤ 1 s", took.Round(time.Millisecond).String(), verdict(took <= time.Second)})
		return nil
	})
}

// held runs look while a hub over Redis holds a plan's sockets, all of which have joined.
func (b *bench) held(ctx context.Context, redis *load.Server, p load.Plan, look func(admin string, pid int) error) error {
	admin := freeAddr()
	hub, err := load.StartServer(ctx, b.hub, "serve", "--listen", "127.0.0.1:0", "--admin", admin, "--redis-url", "redis://"+redisAddr(redis))
	if err != nil {
		return err
	}
	defer hub.Stop()
	p.URLs, p.ServerPID, p.Client = []string{hub.URL}, []int{hub.PID}, b.client
	p.Duration, p.Rest = time.Hour, time.Second
	within, end := context.WithCancel(ctx)
	defer end()
	done := make(chan error, 1)
	go func() {
		_, err := load.Run(within, p, nil)
		done <- err
	}()
	for metric(admin, "hubbub_members") < float64(p.Rooms*p.Members) {
		select {
		case err := <-done:
			return errors.Join(errors.New("the load ended early"), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	err = look(admin, hub.PID)
	end()
	<-done
	return err
}

// runAround is runTogether with two instances, with something to do before and after, at Redis' address.
func (b *bench) runAround(ctx context.Context, p load.Plan, before, after func(at string)) (r load.Result, err error) {
	redis, err := startRedis(ctx)
	if err != nil {
		return r, err
	}
	defer redis.Stop()
	before(redisAddr(redis))
	r, err = b.runOver(ctx, p, 2, redis)
	after(redisAddr(redis))
	return r, err
}

func redisAddr(s *load.Server) string { return strings.TrimPrefix(s.URL, "ws://") }

// freeAddr is an address that nobody listens on, below the ports that the system gives to outgoing connections: it has to be free
// again after a restart.
func freeAddr() string {
	for {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15_000+rand.IntN(17_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// metric reads one of the hub's own; 0 if it is not there yet.
func metric(admin, name string) float64 {
	answer, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	v, _ := strconv.ParseFloat(string(m[1]), 64)
	return v
}

// redisInfo reads one number of INFO.
func redisInfo(at, section, name string) float64 {
	out, _ := exec.Command("redis-cli", "-h", strings.Split(at, ":")[0], "-p", strings.Split(at, ":")[1], "info", section).Output()
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			v, _ := strconv.ParseFloat(value, 64)
			return v
		}
	}
	return 0
}

// redisCPU is what Redis has used, in seconds.
func redisCPU(at string) float64 {
	return redisInfo(at, "cpu", "used_cpu_user") + redisInfo(at, "cpu", "used_cpu_sys")
}

// barePush is the median time from a PUBLISH on one connection to its arrival on another.
func barePush(at string) (time.Duration, error) {
	hear, err := net.Dial("tcp", at)
	if err != nil {
		return 0, err
	}
	defer hear.Close()
	say, err := net.Dial("tcp", at)
	if err != nil {
		return 0, err
	}
	defer say.Close()
	fmt.Fprintf(hear, "SUBSCRIBE bare\r\n")
	heard, said := bufio.NewReader(hear), bufio.NewReader(say)
	if err := skipLines(heard, 6); err != nil { // *3 $9 subscribe $4 bare :1
		return 0, err
	}
	payload := strings.Repeat("x", 200)
	var times []time.Duration
	for range 5000 {
		begun := time.Now()
		fmt.Fprintf(say, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nbare\r\n$%d\r\n%s\r\n", len(payload), payload)
		if err := skipLines(heard, 7); err != nil {
			return 0, err
		}
		times = append(times, time.Since(begun))
		if err := skipLines(said, 1); err != nil {
			return 0, err
		}
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func skipLines(r *bufio.Reader, n int) error {
	for range n {
		if _, err := r.ReadString('\n'); err != nil {
			return err
		}
	}
	return nil
}

// startRedisAt starts a Redis that keeps nothing at this address, and returns when it takes connections.
func startRedisAt(ctx context.Context, at string) (*load.Server, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("there is no redis-server: %w", err)
	}
	// It says when it is ready, but not in words that StartServer knows; the shell adds them, and Redis takes its place.
	script := fmt.Sprintf(`(for i in $(seq 500); do if [ "$(%s -p %s ping 2>/dev/null)" = PONG ]; then echo http://%s/; break; fi; sleep 0.01; done) & exec "$0" --port %[2]s --bind %[4]s --save '' --appendonly no --dir "$1"`,
		strings.Replace(binary, "redis-server", "redis-cli", 1), port, at, host)
	return load.StartServer(ctx, "/bin/sh", "-c", script, binary, os.TempDir())
}
