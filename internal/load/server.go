package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Server is a program under test in a process of its own.
type Server struct {
	URL string // ws://127.0.0.1:PORT
	PID int

	process *exec.Cmd
	written *lines
	ended   chan error // the reader of its output sends how it ended, once; never closed
}

// address is what a server has to write somewhere to say that it listens, with the port it got.
var address = regexp.MustCompile(`https?://[^\s/"'=,]*:(\d+)`)

const (
	startTime = 15 * time.Second
	stopTime  = 5 * time.Second // then it is killed: how it drains is not what is measured here
)

// StartServer starts a program that listens on a free port of its choice and says so, with the address of a page, in a line of its
// output. It blocks until then. Its environment is ours without what would make it another server than the one that is shipped.
func StartServer(ctx context.Context, binary string, args ...string) (*Server, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = environment(os.Environ())
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = in, in, apartFromUs()
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	s := &Server{PID: cmd.Process.Pid, process: cmd, written: &lines{}, ended: make(chan error, 1)}
	found := make(chan string, 1) // from the reader of its output, once
	go func() {
		defer out.Close()
		s.written.read(out, found)
		s.ended <- cmd.Wait()
	}()
	select {
	case port := <-found:
		s.URL = "ws://127.0.0.1:" + port
		return s, nil
	case err := <-s.ended:
		return nil, fmt.Errorf("%s ended at once (%v): %s", binary, err, s.written)
	case <-ctx.Done():
		s.Stop()
		return nil, ctx.Err()
	case <-time.After(startTime):
		s.Stop()
		return nil, fmt.Errorf("%s did not say within %s where it listens: %s", binary, startTime, s.written)
	}
}

// environment is ours without what would make the server another one than the shipped one.
func environment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		return strings.HasPrefix(s, "HUBBUB_") || strings.HasPrefix(s, "GOGC=") || strings.HasPrefix(s, "GOMEMLIMIT=")
	})
}

// Stop ends it and waits until it has ended.
func (s *Server) Stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	select {
	case <-s.ended:
	case <-time.After(stopTime):
		_ = s.process.Process.Kill()
		<-s.ended
	}
}

// lines is the end of what a server wrote. It belongs to the goroutine that reads, until that has ended.
type lines struct{ last []string }

// read reads until the end, and sends the port of the first address that turns up.
func (l *lines) read(from io.Reader, found chan<- string) {
	told := false
	for in := bufio.NewScanner(from); in.Scan(); {
		if m := address.FindStringSubmatch(in.Text()); m != nil && !told {
			told = true
			found <- m[1]
		}
		if l.last = append(l.last, in.Text()); len(l.last) > 20 {
			l.last = l.last[1:]
		}
	}
	_, _ = io.Copy(io.Discard, from) // a line that is too long for the scanner must not block the server
}

// String is what it wrote, in one line.
func (l *lines) String() string { return strings.Join(l.last, "; ") }
