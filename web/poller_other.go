//go:build !linux

package web

import (
	"net"

	"hubbub/hub"
)

// poller is for Linux. Elsewhere each connection that waits has a goroutine.
type poller struct{}

func newPoller() (*poller, error) { return &poller{}, nil }

func (*poller) close() {}

func (*poller) conn(tcp *net.TCPConn) (hub.Conn, error) { return newSocket(tcp) }
