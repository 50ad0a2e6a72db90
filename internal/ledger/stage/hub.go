package stage

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync/atomic"
	"time"
)

// Hub is an instance of the hub.
type Hub struct {
	Process
	port atomic.Pointer[string] // of the present run, or the last one
	http http.Client
}

// address is where a hub says that its page is.
var address = regexp.MustCompile(`the page is at http://localhost:(\d+)/`)

// NewHub names an instance; Up starts it.
func NewHub(name, binary string, settings ...string) *Hub {
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "off", "--instance", name}, settings...)
	h := &Hub{Process: Process{Name: name, Path: binary, Args: args}}
	h.http = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	h.Line = func(line string) {
		if m := address.FindStringSubmatch(line); m != nil {
			h.port.Store(&m[1])
		}
	}
	return h
}

// Up starts it and waits until it is ready. It gets another port each time.
func (h *Hub) Up(ctx context.Context) error {
	h.port.Store(nil)
	if err := h.Start(); err != nil {
		return err
	}
	return h.IsReady(ctx)
}

// URL is where its sockets are, as ws://127.0.0.1:PORT; also while it is down, and then nobody answers there.
func (h *Hub) URL() string {
	port := h.port.Load()
	if port == nil {
		return "ws://127.0.0.1:1" // it has not said yet; nobody listens on this one
	}
	return "ws://127.0.0.1:" + *port
}

// Ready asks /readyz.
func (h *Hub) Ready(ctx context.Context) error {
	port := h.port.Load()
	if port == nil {
		return fmt.Errorf("it has not said where it listens")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+*port+"/readyz", nil)
	if err != nil {
		return err
	}
	a, err := h.http.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(a.Body, 1000))
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz says %d: %s", a.StatusCode, body)
	}
	return nil
}

// IsReady waits until it is.
func (h *Hub) IsReady(ctx context.Context) error { return h.until(ctx, "it is ready", h.Ready) }
