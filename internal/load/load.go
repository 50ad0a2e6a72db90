// Package load measures a WebSocket hub from outside and checks its mail: what was sent, what arrived, what was
// lost, doubled or out of order, how late it was, and what it cost the server.
//
// It knows nothing of the hub but the protocol, so that what it says about the hub is what a stranger would see. It
// is built to cost less than what it measures: thousands of non-blocking sockets on one epoll loop (loop), frames
// that are masked once and then only re-stamped (letter), and a reading side that looks at a message's header and at
// its stamp and at nothing else.
//
// A scenario (Idle, Fanout, Echo, Stall) is a function of a Target and some options that blocks until it is
// measured and returns a value. It runs on its caller's goroutine and starts none.
package load

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Target is the server to measure.
type Target struct {
	// URL is where it answers, as ws://HOST:PORT or http://HOST:PORT, with an optional path; sockets open
	// PATH/{client id}, and PATH is /ws if there is none.
	URL string
	// PID is its process, if it runs on this machine: the source of CPU and memory figures. 0: they stay 0.
	PID int
	// Name begins every client id and every room. Two runs at the same time need two names. Default "load".
	Name string
}

// endpoint is a Target resolved: an address to connect to and what to ask for there.
type endpoint struct {
	ip   net.IP
	port int
	host string // for the Host header
	path string // ends with a slash
	name string
}

func (t Target) endpoint(ctx context.Context) (endpoint, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return endpoint{}, fmt.Errorf("the URL %q: %w", t.URL, err)
	}
	if u.Scheme != "ws" && u.Scheme != "http" || u.Hostname() == "" {
		return endpoint{}, fmt.Errorf("the URL %q: want ws://HOST:PORT (TLS is not spoken here)", t.URL)
	}
	service := u.Port()
	if service == "" {
		service = "80"
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return endpoint{}, fmt.Errorf("the URL %q: %w", t.URL, err)
	}
	ips, err := net.DefaultResolver.LookupIP(ctx, "ip", u.Hostname())
	if err != nil {
		return endpoint{}, fmt.Errorf("the URL %q: %w", t.URL, err)
	}
	// Version 4 first: "localhost" is often both, and a server that listens on 127.0.0.1 is on one only.
	slices.SortStableFunc(ips, func(a, b net.IP) int { return len(b.To4()) - len(a.To4()) })
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		path = "/ws"
	}
	name := t.Name
	if name == "" {
		name = "load"
	}
	return endpoint{ip: ips[0], port: port, host: u.Host, path: path + "/", name: name}, nil
}

// Tally is what the checkers saw.
type Tally struct {
	Sent      int64 // messages published
	Expected  int64 // deliveries that had to follow from them
	Delivered int64 // deliveries that came, doubles included

	Lost       int64 // never came
	Duplicated int64 // came again
	Reordered  int64 // came after a later one of the same publisher
	Strays     int64 // came to a reader they were not for, or could not be read

	Errors map[string]int // error answers of the hub, by text
	Closes map[int]int    // sockets the server closed, by code; 1006 without a close frame
}

// Clean says whether every message arrived once, in order, and nothing else happened.
func (t Tally) Clean() bool {
	return t.Delivered == t.Expected && t.Lost+t.Duplicated+t.Reordered+t.Strays == 0 && len(t.Errors)+len(t.Closes) == 0
}

// String is the tally as one line; what is zero is left out, except lost.
func (t Tally) String() string {
	s := fmt.Sprintf("%d sent, %d of %d delivered, %d lost", t.Sent, t.Delivered, t.Expected, t.Lost)
	for _, part := range []struct {
		n    int64
		what string
	}{{t.Duplicated, "duplicated"}, {t.Reordered, "reordered"}, {t.Strays, "strays"}} {
		if part.n > 0 {
			s += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(t.Closes)) {
		s += fmt.Sprintf(", %d closed with %d", t.Closes[code], code)
	}
	for _, text := range slices.Sorted(maps.Keys(t.Errors)) {
		s += fmt.Sprintf(", %d× %s", t.Errors[text], text)
	}
	return s
}

// Latency is how late messages were, counted from when they should have been sent.
type Latency struct{ P50, P99, Max time.Duration }

// Cost is the CPU, user and system, that both sides took for a number of messages.
type Cost struct {
	Messages int64
	Server   time.Duration // 0 if its process is not known
	Client   time.Duration // ours
}

// ServerEach is the server's share of one message.
func (c Cost) ServerEach() time.Duration { return each(c.Server, c.Messages) }

// ClientEach is our own share of one message. Where it is above the server's, the figures say more about this
// package than about the server.
func (c Cost) ClientEach() time.Duration { return each(c.Client, c.Messages) }

func each(d time.Duration, n int64) time.Duration {
	if n == 0 {
		return 0
	}
	return d / time.Duration(n)
}
