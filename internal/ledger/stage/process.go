// Package stage is what a hub is put on to be tested from outside: real processes of the hub and of Redis, each of which can be killed,
// paused and started again, and a proxy between them that can cut and hold. It knows nothing of messages.
//
// Whatever is started ends with the program that started it (on Linux also when that one is killed), and listens on
// loopback only.
package stage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTime is how long a process may take until it answers. A busy machine has to be able to keep to it.
const startTime = 30 * time.Second

// stopTime is how long one may take to stop; the hub gives itself ten seconds.
const stopTime = 20 * time.Second

// Process is a program that may be started many times, one after the other. Its methods may be called from any goroutine, but
// Start, Kill and Stop by one at a time.
type Process struct {
	Name string
	Path string
	Args []string
	Dir  string
	// Line is called with each line that it writes, from a goroutine of its own; nil: nobody. Set it before Start.
	Line func(string)

	mu    sync.Mutex // guards what follows
	cmd   *exec.Cmd
	ended chan struct{} // closed when the present run has ended
	asked bool          // the end of the present run was our doing
	err   error         // a run that ended by itself
	tail  []string      // what it wrote last, over all runs
}

// tailLines is how much of what a process wrote is kept.
const tailLines = 60

// Start starts it. It must not run.
func (p *Process) Start() error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Dir, cmd.Env = p.Dir, environment(os.Environ())
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = dieWithUs()
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	ended := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.ended, p.asked = cmd, ended, false
	p.note("--- started")
	p.mu.Unlock()
	go p.watch(cmd, out, ended)
	return nil
}

// watch reads what a run writes, until it has ended.
func (p *Process) watch(cmd *exec.Cmd, out io.ReadCloser, ended chan struct{}) {
	defer close(ended)
	defer out.Close()
	for in := bufio.NewScanner(out); in.Scan(); {
		p.mu.Lock()
		p.note(in.Text())
		p.mu.Unlock()
		if p.Line != nil {
			p.Line(in.Text())
		}
	}
	_, _ = io.Copy(io.Discard, out) // a line too long for the scanner must not block it
	err := cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(fmt.Sprintf("--- ended: %v", err))
	if !p.asked {
		p.err = fmt.Errorf("%s ended by itself: %v", p.Name, err)
	}
}

// note is called under mu.
func (p *Process) note(line string) {
	if p.tail = append(p.tail, line); len(p.tail) > tailLines {
		p.tail = p.tail[1:]
	}
}

// environment is ours without what would change what is started.
func environment(all []string) (clean []string) {
	for _, v := range all {
		if !strings.HasPrefix(v, "HUBBUB_") && !strings.HasPrefix(v, "REDIS_") && !strings.HasPrefix(v, "GO") {
			clean = append(clean, v)
		}
	}
	return clean
}

// Err says that a run ended without having been told to.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Tail is the end of what it wrote.
func (p *Process) Tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.tail, "\n")
}

// run is the present run, or the last one; nothing before the first.
func (p *Process) run() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.ended
}

// Ended is closed when the present run has ended.
func (p *Process) Ended() <-chan struct{} {
	_, ended := p.run()
	return ended
}

// Kill ends it as a lost power supply would, and waits until it is gone.
func (p *Process) Kill() {
	if _, ended := p.run(); ended != nil {
		p.signal(syscall.SIGKILL)
		<-ended
	}
}

// Stop asks it to end, and kills it when it takes too long. That, and any other exit code than 0, is an error.
func (p *Process) Stop() error {
	cmd, ended := p.run()
	if ended == nil {
		return nil
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopTime):
		p.Kill()
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%s did not stop in order within %s: %s\n%s", p.Name, stopTime, cmd.ProcessState, p.Tail())
	}
	return nil
}

// signal tells it to end.
func (p *Process) signal(s syscall.Signal) {
	p.mu.Lock()
	p.asked = true
	p.mu.Unlock()
	p.send(s)
}

// Pause stops it where it stands; Resume lets it go on.
func (p *Process) Pause() { p.send(syscall.SIGSTOP) }

// Resume is the other half of Pause.
func (p *Process) Resume() { p.send(syscall.SIGCONT) }

func (p *Process) send(s syscall.Signal) {
	if cmd, _ := p.run(); cmd != nil {
		_ = cmd.Process.Signal(s) // it has ended already, or does as told
	}
}

// until asks every few milliseconds whether something is so, and gives up when ctx ends, startTime has passed, or p has ended.
func (p *Process) until(ctx context.Context, what string, so func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = so(ctx); last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.Ended():
			return fmt.Errorf("%s ended before %s:\n%s", p.Name, what, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting until %s: %w\n%s", p.Name, what, last, p.Tail())
		}
	}
}
