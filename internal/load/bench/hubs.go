package main

import (
	"context"
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
	return b.runOver(ctx, p, hubs, redis)
}

func (b *bench) runOver(ctx context.Context, p load.Plan, hubs int, redis *load.Server) (r load.Result, err error) {
	servers, stop, err := b.startHubs(ctx, hubs, redis)
	if err != nil {
		return r, err
	}
	defer stop()
	p.ServerPID = []int{redis.PID}
	for _, hub := range servers {
		p.URLs, p.ServerPID = append(p.URLs, hub.URL), append(p.ServerPID, hub.PID)
	}
	p.Client = b.client
	return completed(load.Run(ctx, p, nil))
}

// startHubs starts instances over one Redis.
func (b *bench) startHubs(ctx context.Context, n int, redis *load.Server) (hubs []*load.Server, stop func(), err error) {
	stop = func() {
		for _, hub := range hubs {
			hub.Stop()
		}
	}
	for range n {
		hub, err := b.startHub(ctx, "--redis-url", "redis://"+redisAddr(redis))
		if err != nil {
			stop()
			return nil, nil, err
		}
		hubs = append(hubs, hub)
	}
	return hubs, stop, nil
}

// startRedis starts a Redis that keeps nothing. It cannot choose a port by itself and say which; the one that is free now is
// hardly taken before it is there.
func startRedis(ctx context.Context) (*load.Server, error) { return startRedisAt(ctx, freeAddr()) }

// knows says whether the hub has a setting.
func (b *bench) knows(ctx context.Context, flag string) bool {
	out, _ := exec.CommandContext(ctx, b.hub, "serve", "--help").CombinedOutput()
	return strings.Contains(string(out), flag+"=")
}
