package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hubbub/broker"
	"hubbub/hub"
)

// Options is what Run needs.
type Options struct {
	Stats   func() hub.Stats         // a snapshot; called once a scrape
	Ready   func() error             // why new connections are not welcome; nil: they always are
	Redis   func() broker.RedisStats // nil: there is no Redis
	Version string
	Log     *slog.Logger // nil: slog.Default()
}

// stopTimeout is what a scrape that is under way gets to end; then its connection is closed, and so is that of a profile.
const stopTimeout = 200 * time.Millisecond

// Run serves the admin pages on ln until ctx ends, and blocks. It closes ln.
func Run(ctx context.Context, ln net.Listener, o Options) error {
	o = withDefaults(o)
	srv := &http.Server{
		Handler:           handler(o),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		// There is no WriteTimeout, because a CPU profile takes as long as it is asked to.
	}
	ctx, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	}()
	err := srv.Serve(ln)
	stop() // it may be the listener that ended
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving the admin pages: %w", err)
}

func withDefaults(o Options) Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// handler is the admin pages. It has a mux and a registry of its own: the default ones are open to every package that is linked in.
func handler(o Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{o.Stats},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(o),
	)
	if o.Redis != nil {
		registry.MustRegister(redisCollector{o.Redis})
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry:            registry,
		MaxRequestsInFlight: 4,
		ErrorLog:            slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}))
	mux.HandleFunc("/debug/pprof/", pprof.Index) // the named profiles too
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol) // posted to, so none of these names a method
	mux.HandleFunc("GET /health", healthy)
	mux.HandleFunc("GET /livez", healthy)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if o.Ready != nil {
			if err := o.Ready(); err != nil {
				w.Header().Set("Retry-After", "1")
				answer(w, http.StatusServiceUnavailable, notReady(err))
				return
			}
		}
		answer(w, http.StatusOK, `{"status":"ready"}`)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hubbub "+o.Version+"\n\n/metrics\n/debug/pprof/\n/health\n/livez\n/readyz\n")
	})
	return mux
}

// notReady is what /readyz says when it fails.
func notReady(err error) string {
	reason, _ := json.Marshal(err.Error()) // a string
	return `{"status":"not ready","reason":` + string(reason) + `}`
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, `{"status":"healthy"}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// buildInfo is a constant 1 whose labels tell the versions apart in a query.
func buildInfo(o Options) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "hubbub_build_info",
		Help:        "Always 1; the labels say which version runs here.",
		ConstLabels: prometheus.Labels{"version": o.Version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}
