package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// fleet is the client processes of a run.
type fleet struct {
	plan    *Plan
	crews   []*crew
	answers chan said // from the readers of all crews
	series  *series

	interrupted bool
	done        int      // how many have done what was last ordered
	warm        int      // how many measure
	sent        []uint32 // by publisher, of all
	mail        Tally
	paid        int64
}

// crew is one client process, or the goroutine that stands for it.
type crew struct {
	pid    int // 0: this process
	in     io.WriteCloser
	orders *json.Encoder
	end    func() error // waits for its end
	reader chan struct{}
}

// said is an answer and who gave it.
type said struct {
	answer
	crew int
	err  error // the answers have ended
}

// muster starts the client processes.
func muster(ctx context.Context, p *Plan, s *series) (*fleet, error) {
	f := &fleet{plan: p, answers: make(chan said), series: s, sent: make([]uint32, p.Rooms*p.Publishers)}
	n := max(p.Processes, 1)
	for i := range n {
		c, out, err := hire(ctx, p, n > 1)
		if err != nil {
			f.dismiss()
			return nil, err
		}
		f.crews = append(f.crews, c)
		go f.listen(i, c, out)
		if err := c.orders.Encode(share{Plan: *p, Index: i, Of: n}); err != nil {
			f.dismiss()
			return nil, fmt.Errorf("a client process did not take its orders: %w", err)
		}
	}
	return f, nil
}

// hire starts one.
func hire(ctx context.Context, p *Plan, apart bool) (*crew, io.Reader, error) {
	if !apart {
		orders, in := io.Pipe()
		out, answers := io.Pipe()
		ended := make(chan error, 1) // from the goroutine, once
		go func() {
			err := Work(context.WithoutCancel(ctx), orders, answers)
			orders.CloseWithError(io.ErrClosedPipe)
			answers.Close()
			ended <- err
		}()
		return &crew{in: in, orders: json.NewEncoder(in), end: func() error { return <-ended }, reader: make(chan struct{})}, out, nil
	}
	if len(p.Client) == 0 {
		return nil, nil, errors.New("it is not known how a client process is started")
	}
	cmd := exec.Command(p.Client[0], p.Client[1:]...)
	cmd.Stderr, cmd.SysProcAttr = os.Stderr, apartFromUs()
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("starting a client process: %w", err)
	}
	return &crew{pid: cmd.Process.Pid, in: in, orders: json.NewEncoder(in), end: cmd.Wait, reader: make(chan struct{})}, out, nil
}

// listen hands on what a crew says, until it says nothing any more.
func (f *fleet) listen(i int, c *crew, out io.Reader) {
	defer close(c.reader)
	for in := json.NewDecoder(out); ; {
		s := said{crew: i}
		s.err = in.Decode(&s.answer)
		f.answers <- s
		if s.err != nil {
			return
		}
	}
}

// dismiss ends all and waits until they have ended.
func (f *fleet) dismiss() {
	for _, c := range f.crews {
		c.in.Close()
	}
	for _, c := range f.crews {
		for open := true; open; {
			select {
			case <-f.answers:
			case <-c.reader:
				open = false
			}
		}
		_ = c.end() // what went wrong was said, or is of no interest any more
	}
}

// tell gives an order to all. A crew that does not take it has ended, and its reader says so.
func (f *fleet) tell(o order) {
	if o.Do != doStop {
		f.done = 0
	}
	for _, c := range f.crews {
		_ = c.orders.Encode(o)
	}
}

// ask gives an order to all and waits until all have done it. When ctx ends they are told to stop, and what they have by then is
// what the order was for.
func (f *fleet) ask(ctx context.Context, o order) error {
	f.tell(o)
	return f.finish(ctx)
}

// finish waits until all have done what they were last told.
func (f *fleet) finish(ctx context.Context) error {
	return f.attend(ctx, func() bool { return f.done == len(f.crews) }, 0)
}

// warmed waits until all measure, or have ended before that.
func (f *fleet) warmed(ctx context.Context) error {
	return f.attend(ctx, func() bool { return f.interrupted || max(f.warm, f.done) == len(f.crews) }, 0)
}

// wait lets a time pass.
func (f *fleet) wait(ctx context.Context, d time.Duration) error {
	return f.attend(ctx, func() bool { return f.interrupted }, d)
}

// attend listens until done says so, or for a time if that is above 0.
func (f *fleet) attend(ctx context.Context, done func() bool, d time.Duration) error {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	stop := ctx.Done()
	if f.interrupted {
		stop = nil
	}
	for !done() {
		select {
		case s := <-f.answers:
			if err := f.hear(s); err != nil {
				return err
			}
		case <-over:
			return nil
		case <-stop:
			stop, f.interrupted = nil, true
			f.tell(order{Do: doStop})
		}
	}
	return nil
}

// hear takes an answer's part of the common account.
func (f *fleet) hear(s said) error {
	switch {
	case errors.Is(s.err, io.EOF):
		return errors.New("a client process ended in the middle of the run")
	case s.err != nil:
		return fmt.Errorf("a client process said what cannot be read: %w", s.err)
	case s.Error != "" && s.Misuse:
		return Misuse{errors.New(s.Error)}
	case s.Error != "":
		return errors.New(strings.TrimSpace(s.Error))
	}
	switch s.Done {
	case "":
	case doWarm:
		f.warm++
	default:
		f.done++
	}
	if s.Tick != nil {
		return f.series.add(s.crew, s.Tick)
	}
	for p, n := range s.Sent {
		f.sent[p] = n
	}
	if s.Mail != nil {
		f.mail.add(*s.Mail)
		f.paid += s.Paid
	}
	return nil
}

// pids are the client processes, ourselves included.
func (f *fleet) pids() []int {
	pids := []int{os.Getpid()}
	for _, c := range f.crews {
		if c.pid != 0 {
			pids = append(pids, c.pid)
		}
	}
	return pids
}
