//go:build !linux

package load

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// The loop is made of epoll and timerfd. Elsewhere the package compiles, so that a program that contains it does, and
// says what it lacks.
var errLinux = errors.New("the load generator needs Linux (epoll)")

var errAgain, errNoPorts = errors.New("again"), errors.New("no ports")

type event struct {
	id              int
	readable, ready bool
}

type poller struct{}

func newPoller() (*poller, error)                      { return nil, errLinux }
func (*poller) close()                                 {}
func (*poller) watch(int, int, bool, bool, bool) error { return errLinux }
func (*poller) wait(time.Duration) ([]event, error)    { return nil, errLinux }
func connect(*endpoint, net.IP, int) (int, error)      { return -1, errLinux }
func connected(int) error                              { return errLinux }
func widen(int) error                                  { return errLinux }
func readSocket(int, []byte) (int, error)              { return 0, errLinux }
func writeSocket(int, []byte) (int, error)             { return 0, errLinux }
func closeSocket(int)                                  {}
func fileLimit() (uint64, error)                       { return 0, errLinux }

func apartFromUs() *syscall.SysProcAttr { return nil }

var now = func() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}()
