package testkit

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RedisServer is a real redis-server of a test's own, on a port of its own. It ends with the test.
type RedisServer struct {
	t    testing.TB
	args []string
	dir  string
	addr string
	cmd  *exec.Cmd

	sentinel string        // its configuration, if it is no server but a Sentinel
	tls      bool          // its port speaks nothing else
	gone     chan struct{} // closed when the process has ended
}

// Redis starts a server with these arguments beside the ones it needs. Nothing is saved unless they say so.
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, args: args, dir: t.TempDir(), addr: freeAddr(t)}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// freeAddr is an address that nobody listens on, below the ports that the system gives to outgoing connections: it has to be free
// again after a restart.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(15_000+rand.IntN(17_000))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free between 15000 and 32000")
	return ""
}

// Addr is its host and port.
func (s *RedisServer) Addr() string { return s.addr }

// URL is its URL.
func (s *RedisServer) URL() string { return "redis://" + s.addr }

// Start starts it (again), in the same folder, and waits until it takes connections.
func (s *RedisServer) Start() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--logfile", ""}, s.args...)
	if s.tls {
		args = append([]string{"--tls-port", port}, append(args, "--port", "0")...)
	}
	if s.sentinel != "" {
		args = []string{s.sentinel, "--sentinel", "--port", port, "--bind", "127.0.0.1", "--logfile", ""}
	}
	s.cmd = exec.CommandContext(context.Background(), "redis-server", args...)
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.t.Fatalf("redis-server does not start, it is Debian's package redis-server: %v", err)
	}
	ready := make(chan struct{})
	s.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		lines := bufio.NewScanner(out)
		for said := false; lines.Scan(); {
			if !said && (strings.Contains(lines.Text(), "Ready to accept connections") || strings.Contains(lines.Text(), "+monitor")) {
				said = true
				close(ready)
			}
		}
		cmd.Wait()
		close(gone)
	}(s.cmd, s.gone)
	select {
	case <-ready:
	case <-s.gone:
		s.t.Fatalf("redis-server %q ended at once", args)
	case <-time.After(20 * time.Second):
		s.t.Fatal("redis-server does not become ready")
	}
}

// Kill ends it with SIGKILL and waits; it may be dead already.
func (s *RedisServer) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.gone
}

// Pause stops the process without ending it, and Resume lets it go on.
func (s *RedisServer) Pause() { s.signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (s *RedisServer) Resume() { s.signal(syscall.SIGCONT) }

func (s *RedisServer) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// PID is its process.
func (s *RedisServer) PID() int { return s.cmd.Process.Pid }
