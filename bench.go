package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"hubbub/internal/config"
	"hubbub/internal/load"
	"hubbub/internal/load/report"
)

// measure is the command bench: it carries out what was asked for and returns the exit code.
func measure(ctx context.Context, o *config.Bench, stdout, stderr io.Writer) int {
	if o.Worker {
		// It ends when the one who started it does, and not by the signals that are meant for that one.
		if err := load.Work(context.WithoutCancel(ctx), os.Stdin, os.Stdout); err != nil {
			return exitFailed // it was told to whom it was of interest
		}
		return exitOK
	}
	if o.Expect == "help" {
		fmt.Fprint(stdout, report.ExpectHelp())
		return exitOK
	}
	expected, err := report.Expect(o.Expect)
	if err != nil {
		complain(stderr, err)
		return exitUsage
	}
	b, err := newBench(o)
	if err != nil {
		complain(stderr, err)
		return exitUsage
	}
	page, err := openReport(o.Report) // now: a name that cannot be written shall not cost a run
	if err != nil {
		complain(stderr, err)
		return exitUsage
	}
	results, failure := b.run(ctx, stderr)
	verdicts := report.Judge(expected, results)
	if len(results) > 0 || o.JSON {
		err = b.tell(stdout, page, results, verdicts)
	}
	if page != nil {
		err = errors.Join(err, page.Close())
	}
	switch err := errors.Join(failure, err); {
	case err == nil && report.Met(verdicts):
		return exitOK
	case err == nil:
		return exitFailed
	case errors.As(err, new(load.Misuse)):
		complain(stderr, err)
		return exitUsage
	default:
		complain(stderr, err)
		return exitFailed
	}
}

// openReport makes the file that the page goes to; nil without a name.
func openReport(name string) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	return f, nil
}

// tell says what came of it.
func (b *bench) tell(stdout io.Writer, page *os.File, results []load.Result, verdicts []report.Verdict) error {
	var err error
	if b.asked.JSON {
		err = report.JSON(stdout, results, verdicts)
	} else {
		report.Text(stdout, results, verdicts)
	}
	if page != nil {
		err = errors.Join(err, writeReport(page, results, verdicts))
	}
	return err
}

// run carries out the plans, one after the other, until one fails or the run is interrupted.
func (b *bench) run(ctx context.Context, stderr io.Writer) (results []load.Result, err error) {
	progress := &report.Progress{W: stderr, Width: report.Terminal(stderr)}
	if b.asked.Quiet {
		progress.W, progress.Width = io.Discard, 0
	}
	for _, p := range b.plans {
		progress.Begin(p)
		r, err := b.carryOut(ctx, p, progress.Point)
		progress.End()
		if err != nil {
			return results, err
		}
		if results = append(results, r); r.Interrupted {
			break
		}
	}
	return results, nil
}

// carryOut measures the server that was named, or a hub of its own that has not measured anything before.
func (b *bench) carryOut(ctx context.Context, p load.Plan, observe func(load.Point)) (load.Result, error) {
	if len(b.urls) == 0 {
		for range b.asked.Instances {
			hub, err := load.StartServer(ctx, b.program, append([]string{"serve", "--listen=127.0.0.1:0", "--admin=off"}, strings.Fields(b.asked.HubFlags)...)...)
			if err != nil && b.asked.HubFlags != "" {
				return load.Result{}, load.Misuse{Err: fmt.Errorf("a hub with --hub-flags %q: %w", b.asked.HubFlags, err)}
			}
			if err != nil {
				return load.Result{}, fmt.Errorf("a hub to measure: %w", err)
			}
			defer hub.Stop()
			p.URLs, p.ServerPID = append(p.URLs, hub.URL), append(p.ServerPID, hub.PID)
		}
	}
	return load.Run(ctx, p, observe)
}

// bench is what was asked for, understood.
type bench struct {
	asked   *config.Bench
	program string // this one
	urls    []string
	plans   []load.Plan
}

func newBench(o *config.Bench) (*bench, error) {
	b := &bench{asked: o, urls: o.URLs}
	mode := o.What
	if strings.Contains(mode, "://") { // the mode was left away
		b.urls, mode = append([]string{mode}, b.urls...), ""
	}
	for _, url := range b.urls {
		if !strings.Contains(url, "://") {
			return nil, fmt.Errorf("bench: %q is no URL like ws://localhost:8080, and there is one mode at a time, or all", url)
		}
	}
	d, err := dialectOf(o)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Rate > 0 && o.InFlight > 0:
		return nil, errors.New("bench: --rate and --in-flight exclude each other: a schedule waits for nobody, a closed loop does")
	case o.Sockets > 0 && o.Members > 0:
		return nil, errors.New("bench: --sockets and --members exclude each other: --sockets are rooms times members")
	case o.Instances < 1:
		return nil, fmt.Errorf("bench: --instances %d: at least 1", o.Instances)
	case len(b.urls) == 0 && o.Instances > 1 && !strings.Contains(o.HubFlags, "redis"):
		return nil, errors.New("bench: instances know each other through a Redis: name it in --hub-flags, or leave --instances away")
	case len(b.urls) == 0 && d.Name != "hubbub" && d.Name != "pipe":
		return nil, fmt.Errorf("bench: the hub does not speak %s: name the URL of a server that does", d.Name)
	case len(b.urls) > 0 && (o.HubFlags != "" || o.Instances > 1):
		return nil, errors.New("bench: --hub-flags and --instances are for a hub of its own, and a URL is given")
	}
	if b.program, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.plans, err = plans(o, cmp.Or(mode, "all"), d); err != nil {
		return nil, err
	}
	for i := range b.plans {
		p := &b.plans[i]
		p.URLs, p.ServerPID, p.Client = b.urls, o.ServerPID, []string{b.program, "bench", "--worker"}
	}
	return b, nil
}
