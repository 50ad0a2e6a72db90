package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"hubbub/internal/config"
)

// listen opens the address of a setting. instead ends the sentence for someone who finds the port taken.
func listen(ctx context.Context, flag, address, instead string) (net.Listener, error) {
	// The hub's own pings find dead peers; TCP's keepalive every 15 s would cost more than they do.
	lc := net.ListenConfig{KeepAlive: -1}
	ln, err := lc.Listen(ctx, "tcp", address)
	if err == nil {
		return ln, nil
	}
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %s is taken (%w): stop the other program or choose another with %s %s%s", port, err, flag, nextPort(address), instead)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %s needs rights that this user does not have (%w): choose one above 1023 with %s", port, err, flag)
	default:
		return nil, fmt.Errorf("%s %s cannot be listened on (%w): choose an address of this machine%s", flag, address, err, instead)
	}
}

// nextPort is the same address one port on.
func nextPort(address string) string {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port) // checked with the settings
	if n == 65535 {
		n = 8079
	}
	if host == "" {
		return ":" + strconv.Itoa(n+1)
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1))
}

// pageURL is what one types into a browser on this machine to get what ln serves.
func pageURL(ln net.Listener) string {
	host, port, _ := net.SplitHostPort(ln.Addr().String())
	if ip := net.ParseIP(host); config.Everywhere(host) || ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}
