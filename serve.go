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

	"hubbub/client"
	"hubbub/hub"
	"hubbub/internal/config"
	"hubbub/internal/metrics"
	"hubbub/web"
	"hubbub/wire"
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
	in := assemble(c, log)
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
	web      *web.Server

	// The parts, in the order they are started in; they are stopped in the opposite one. nil: not wanted.
	running struct{ admin, web *part }
}

// assemble makes the pieces and tells each of the ones it needs. Nothing runs yet.
//
// TODO: broker.NewMemory, hub.New, client.New, with these settings: c.History…, c.MaxMessage, c.MaxRooms, c.Ping, c.WriteTimeout, c.Instance.
func assemble(_ *config.Config, log *slog.Logger) *instance {
	return &instance{
		log: log,
		web: web.New(web.Options{
			Log: log,
			Open: func(context.Context, client.Request) (web.Connection, error) {
				return nil, &wire.Error{Code: wire.Unavailable, Message: "the hub is being written", RetryAfter: 1}
			},
		}),
	}
}

// start runs every part. admin is nil when it is off.
func (in *instance) start(page, admin net.Listener, fail context.CancelCauseFunc) {
	if admin != nil {
		in.running.admin = start("the admin listener", fail, func(ctx context.Context) error {
			return metrics.Run(ctx, admin, metrics.Options{
				Stats:   func() hub.Stats { return hub.Stats{} }, // TODO: in.hub.Stats
				Ready:   func() bool { return !in.stopping.Load() },
				Version: versionName(),
				Log:     in.log,
			})
		})
	}
	// TODO: broker, hub
	in.running.web = start("the listener", fail, func(context.Context) error { return in.web.Serve(page) })
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
	in.closeListener(timeout / 10)
	errs := []error{in.running.web.stop(within)}
	// TODO: in.clients.Drain(within, acks: timeout/3, pace: timeout/2); in.web.Wait; hub.stop; broker.stop
	if in.running.admin != nil {
		errs = append(errs, in.running.admin.stop(within))
	}
	return errors.Join(errs...)
}

// closeListener lets no new client in. Requests under way get a moment, not more: the time belongs to the clients that are here.
func (in *instance) closeListener(share time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), share)
	defer cancel()
	if err := in.web.Stop(ctx); err != nil {
		in.log.Warn("requests were cut off", "err", err)
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
