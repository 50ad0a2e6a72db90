package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"hubbub/internal/config"
)

// healthTimeout is below the usual three to thirty seconds that a container engine grants.
const healthTimeout = 2 * time.Second

// askHealth is for a container's health check: it asks the instance that listens at this address on this machine.
func askHealth(ctx context.Context, listen string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	if port == "0" {
		return fmt.Errorf("--listen %s lets the system choose a port, so there is none to ask: name one", listen)
	}
	if config.Everywhere(host) {
		host = "127.0.0.1"
	}
	// A transport of its own: the default one would ask a proxy that is meant for the outside.
	transport := &http.Transport{DisableKeepAlives: true}
	url := "http://" + net.JoinHostPort(host, port) + "/health"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("not healthy: %s: %w", url, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s: %s", url, answer.Status)
	}
	return nil
}
