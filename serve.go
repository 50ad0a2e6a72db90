package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"hubbub/broker"
	"hubbub/client"
	"hubbub/hub"
	"hubbub/internal/config"
	"hubbub/internal/metrics"
	"hubbub/internal/retain"
	"hubbub/web"
)

// serve runs an instance until ctx ends or a part of it fails, then stops it in order.
func serve(ctx context.Context, c *config.Config, stderr io.Writer) error {
	log := newLogger(c, stderr)
	page, err := listen(ctx, "--listen", c.Listen, "")
	if err != nil {
		return err
	}
	var admin net.Listener
	if c.Admin != config.AdminOff {
		admin, err = listen(ctx, "--admin", c.Admin, ", or do without it: --admin off")
		if err != nil {
			page.Close()
			return err
		}
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	in, err := assemble(c, log)
	if err != nil {
		page.Close()
		if admin != nil {
			admin.Close()
		}
		return err
	}
	in.start(page, admin, fail)
	announce(c, log, stderr, page, admin)
	<-ctx.Done()
	failure := context.Cause(ctx)
	in.unready()
	if errors.Is(failure, context.Canceled) { // told to stop: nothing failed
		failure = nil
		log.Info("stopping", "drain_delay", c.DrainDelay, "timeout", c.ShutdownTimeout)
		time.Sleep(c.DrainDelay) // the load balancers' time; a second signal ends the process
	}
	err = errors.Join(failure, in.stop(c.ShutdownTimeout))
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// instance is a running hub.
type instance struct {
	log      *slog.Logger
	stopping atomic.Bool // what the admin's /readyz looks at

	broker  broker.Broker
	redis   *broker.Redis // the same, if it is one; else nil
	hub     *hub.Hub
	clients *client.Clients
	web     *web.Server

	// The parts, in the order they are started in; they are stopped in the opposite one.
	running struct{ admin, broker, hub, tidy, web *part } // admin is nil when it is off
}

// assemble makes the pieces and tells each of the ones it needs. Nothing runs yet.
func assemble(c *config.Config, log *slog.Logger) (in *instance, err error) {
	in = &instance{log: log}
	limits := limitsOf(c)
	if in.broker, in.redis, err = newBroker(c, limits, log); err != nil {
		return nil, err
	}
	in.hub = hub.New(hub.Options{
		Instance: c.Instance, Broker: in.broker, Retention: limits,
		MaxRooms: c.MaxRooms, Ping: c.Ping, WriteTimeout: c.WriteTimeout, Log: log,
	})
	in.clients = client.New(in.hub, client.Options{
		Instance: c.Instance, MaxMessage: int64(c.MaxMessage), MaxRooms: c.MaxRooms, Ping: c.Ping, Log: log,
	})
	in.web = web.New(web.Options{Log: log, Ready: in.ready, Open: func(ctx context.Context, r client.Request) (web.Connection, error) {
		opened, err := in.clients.Open(ctx, r)
		if err != nil {
			return nil, err // and not a Connection that holds a nil
		}
		return opened, nil
	}})
	return in, nil
}

// limitsOf is what rooms keep.
func limitsOf(c *config.Config) retain.Limits {
	return retain.Limits{Messages: c.HistoryMessages, Bytes: int64(c.HistoryBytes), Age: c.HistoryAge, Total: int64(c.HistoryTotal)}
}

// ready says why this instance can do its work no more or not yet, or nil.
func (in *instance) ready() error {
	switch {
	case in.stopping.Load():
		return errors.New("this instance is stopping")
	case in.redis != nil:
		return in.redis.Ready()
	}
	return nil
}

// start runs every part. admin is nil when it is off.
func (in *instance) start(page, admin net.Listener, fail context.CancelCauseFunc) {
	if admin != nil {
		in.running.admin = start("the admin listener", fail, func(ctx context.Context) error {
			return metrics.Run(ctx, admin, metrics.Options{
				Stats:   in.hub.Stats,
				Ready:   in.ready,
				Redis:   in.redisStats(),
				Version: versionName(),
				Log:     in.log,
			})
		})
	}
	in.running.broker = start("the broker", fail, func(ctx context.Context) error { return in.broker.Run(ctx, in.hub) })
	in.running.hub = start("the hub", fail, in.hub.Run)
	in.running.tidy = start("the tidying", fail, func(ctx context.Context) error { return tidy(ctx, in.hub.Stats) })
	in.running.web = start("the listener", fail, func(context.Context) error { return in.web.Serve(page) }) // ended by web.Stop
}

// redisStats is how the broker's figures are had; nil if it is not over Redis.
func (in *instance) redisStats() func() broker.RedisStats {
	if in.redis == nil {
		return nil
	}
	return in.redis.Stats
}

// unready makes the probes say that this instance wants no new clients.
func (in *instance) unready() {
	in.stopping.Store(true)
	in.web.SetReady(false)
}

// stop ends the instance, front to back, so that whatever a part still hands on finds somebody to take it. A step that takes
// too long is given up and is an error; the next one has its turn all the same.
func (in *instance) stop(timeout time.Duration) error {
	within, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	in.closeListener(within, timeout/10)
	errs := []error{in.running.web.stop(within)}
	errs = append(errs, in.drain(within, timeout*8/10)) // leaves a tenth to those behind it
	for _, p := range []*part{in.running.tidy, in.running.hub, in.running.broker, in.running.admin} {
		if p != nil {
			errs = append(errs, p.stop(within))
		}
	}
	return errors.Join(errs...)
}

// closeListener lets no new client in. Requests under way get a moment, not more: the time belongs to the clients that are here.
func (in *instance) closeListener(ctx context.Context, share time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	if err := in.web.Stop(ctx); err != nil {
		in.log.Warn("requests were cut off", "err", err)
	}
}

// drain tells every client to come back elsewhere, and waits until they have gone.
func (in *instance) drain(within context.Context, share time.Duration) error {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		in.clients.Drain(within, share)
		in.web.Wait()
	}()
	select {
	case <-gone:
		return nil
	case <-within.Done():
		return errors.New("the clients did not go in time")
	}
}

// announce says where everything is. The line is for people and for whoever starts the program with port 0, so it does
// not depend on the log level.
func announce(c *config.Config, log *slog.Logger, stderr io.Writer, page, admin net.Listener) {
	if c.LogFormat == "json" {
		log.Info("the page is at " + pageURL(page))
	} else {
		fmt.Fprintln(stderr, "hubbub: the page is at "+pageURL(page))
	}
	if admin != nil {
		log.Info("admin pages", "url", pageURL(admin))
	}
	if c.RedisURL != "" {
		log.Info("rooms are kept in Redis", "url", c.RedisURL.String(), "prefix", c.RedisPrefix)
	}
	log.Debug("settings", "instance", c.Instance, "history_total", c.HistoryTotal.String())
}

// newLogger writes what c asks for. The level is checked with the settings.
func newLogger(c *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel))
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
