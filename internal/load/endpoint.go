package load

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	"hubbub/internal/load/dialect"
)

// endpoint is a URL resolved: an address to connect to and what to ask for there.
type endpoint struct {
	ip    net.IP
	port  int
	host  string // for the Host header
	path  string // with ${client} and ${room} still in it
	proto string
	extra string // header lines
}

func resolve(ctx context.Context, address string, d *dialect.Dialect) (endpoint, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ws" && u.Scheme != "http" || u.Hostname() == "" {
		return endpoint{}, misuse("the URL %q: want ws://HOST:PORT (TLS is not spoken here)", address)
	}
	service := u.Port()
	if service == "" {
		service = "80"
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return endpoint{}, misuse("the URL %q: %w", address, err)
	}
	ips, err := net.DefaultResolver.LookupIP(ctx, "ip", u.Hostname())
	if err != nil {
		return endpoint{}, misuse("the URL %q: %w", address, err)
	}
	// Version 4 first: "localhost" is often both, and a server that listens on 127.0.0.1 is on one only.
	slices.SortStableFunc(ips, func(a, b net.IP) int { return len(b.To4()) - len(a.To4()) })
	e := endpoint{ip: ips[0], port: port, host: u.Host, path: requestPath(u, d.Path), proto: d.Protocol}
	for name, value := range d.Headers {
		e.extra += name + ": " + value + "\r\n"
	}
	return e, nil
}

// requestPath is the dialect's path, whose fixed beginning the URL may replace: /ws/${client} and a URL that ends in /chat/ws
// make /chat/ws/${client}. A query in the URL is added to the dialect's.
func requestPath(u *url.URL, path string) string {
	if own := strings.TrimSuffix(u.EscapedPath(), "/"); own != "" {
		fixed := len(path)
		for _, end := range []string{"/${", "?"} {
			if i := strings.Index(path, end); i >= 0 {
				fixed = min(fixed, i)
			}
		}
		path = own + path[fixed:]
	}
	switch {
	case u.RawQuery == "":
		return path
	case strings.Contains(path, "?"):
		return path + "&" + u.RawQuery
	default:
		return path + "?" + u.RawQuery
	}
}
