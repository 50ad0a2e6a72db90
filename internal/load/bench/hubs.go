package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"hubbub/internal/load"
)

// startHub starts the hub on a free port, with its defaults but for the settings.
func (b *bench) startHub(ctx context.Context, settings ...string) (*load.Server, error) {
	return load.StartServer(ctx, b.hub, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "off"}, settings...)...)
}

// run carries out a plan against a hub of its own: what an earlier measurement left in its memory is not in the figures.
func (b *bench) run(ctx context.Context, p load.Plan, settings ...string) (load.Result, error) {
	hub, err := b.startHub(ctx, settings...)
	if err != nil {
		return load.Result{}, err
	}
	defer hub.Stop()
	p.URLs, p.ServerPID, p.Client = []string{hub.URL}, []int{hub.PID}, b.client
	return completed(load.Run(ctx, p, nil))
}

// completed makes an error of a run that was ended early: half a figure is none.
func completed(r load.Result, err error) (load.Result, error) {
	if err == nil && r.Interrupted {
		err = context.Canceled
	}
	return r, err
}

// runTogether carries out a plan against some hubs and one Redis, whose costs are in the figures.
func (b *bench) runTogether(ctx context.Context, p load.Plan, hubs int) (r load.Result, err error) {
	redis, err := startRedis(ctx)
	if err != nil {
		return r, err
	}
	defer redis.Stop()
	p.ServerPID = []int{redis.PID}
	for range hubs {
		hub, err := b.startHub(ctx, "--redis-url", strings.Replace(redis.URL, "ws:", "redis:", 1))
		if err != nil {
			return r, err
		}
		defer hub.Stop()
		p.URLs, p.ServerPID = append(p.URLs, hub.URL), append(p.ServerPID, hub.PID)
	}
	p.Client = b.client
	return completed(load.Run(ctx, p, nil))
}

// startRedis starts a Redis that keeps nothing. It cannot choose a port by itself and say which; the one that is free now is
// hardly taken before it is there.
func startRedis(ctx context.Context) (*load.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("there is no redis-server: %w", err)
	}
	// It says when it is ready, but not in words that StartServer knows; the shell adds them, and Redis takes its place.
	script := fmt.Sprintf(`(until [ "$(%s -p %d ping 2>/dev/null)" = PONG ]; do sleep 0.05; done; echo http://127.0.0.1:%[2]d/) & exec "$0" --port %[2]d --bind 127.0.0.1 --save '' --appendonly no --dir "$1"`,
		strings.Replace(binary, "redis-server", "redis-cli", 1), port)
	return load.StartServer(ctx, "/bin/sh", "-c", script, binary, os.TempDir())
}

// knows says whether the hub has a setting.
func (b *bench) knows(ctx context.Context, flag string) bool {
	out, _ := exec.CommandContext(ctx, b.hub, "serve", "--help").CombinedOutput()
	return strings.Contains(string(out), flag+"=")
}
