// Command bench measures the hub's figures, each against a hub of its own in a separate process, and prints them as
// one table. A missed figure is no failure: it exits with 0 when it could measure, 1 when it could not, and 2 when it
// was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hubbub/internal/load"
)

// bench is one run.
type bench struct {
	hub      string // the binaries
	bareEcho string
	quick    bool
	pairs    int
	worker   bool
	client   []string // how a client process is started
	rows     []row
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var b bench
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&b.hub, "hub", "", "measure this `binary`; without it the hub is built from this module")
	flags.BoolVar(&b.quick, "quick", false, "a fifth of the sockets, a third of the time: for a look, not for figures to quote")
	flags.IntVar(&b.pairs, "pairs", 5, "how many `pairs` of runs a comparison is the median of")
	flags.BoolVar(&b.worker, "client", false, "be one of the client processes")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: bench [flags] [figure…]\n\nfigures (default: all):\n")
		for _, f := range figures {
			fmt.Fprintf(stderr, "  %-8s %s\n", f.name, f.what)
		}
		fmt.Fprintf(stderr, "\nflags:\n")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	chosen, err := choose(flags.Args())
	if err == nil && b.pairs < 1 {
		err = errors.New("-pairs: at least 1")
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	// SIGTERM too: the servers it started would otherwise outlive it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if b.worker {
		if err := load.Work(context.Background(), os.Stdin, stdout); err != nil { // it was told to whom it was of interest
			return 1
		}
		return 0
	}
	if me, err := os.Executable(); err == nil {
		b.client = []string{me, "-client"}
	}
	if err := b.measure(ctx, chosen, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// choose finds the figures that were asked for, in their own order.
func choose(names []string) (chosen []figure, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(figures, func(f figure) bool { return f.name == name }) {
			return nil, fmt.Errorf("there is no figure %q", name)
		}
	}
	for _, f := range figures {
		if len(names) == 0 || slices.Contains(names, f.name) {
			chosen = append(chosen, f)
		}
	}
	return chosen, nil
}

// measure takes the figures and prints what there is, also when one of them could not be taken.
func (b *bench) measure(ctx context.Context, chosen []figure, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "hubbub-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := b.build(ctx, dir, chosen); err != nil {
		return err
	}
	start, before := time.Now(), load.ReadMachine()
	var failed error
	for _, f := range chosen {
		begun := time.Now()
		fmt.Fprintf(stderr, "%s: %s …\n", f.name, f.what)
		if err := f.take(ctx, b); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", f.name, err))
		}
		fmt.Fprintf(stderr, "%s: %.0f s\n", f.name, time.Since(begun).Seconds())
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Fprintln(stdout)
	writeTable(stdout, b.rows)
	after := load.ReadMachine()
	idle, stolen := after.Since(before)
	fmt.Fprintf(stdout, "\n%s\nload %s before, %s after; of all CPU time %.0f %% was idle, %.1f %% stolen by other machines\n%.0f s in all\n",
		after, before.Load, after.Load, 100*idle, 100*stolen, time.Since(start).Seconds())
	if before.Occupied() {
		fmt.Fprintln(stdout, "the machine was busy before this began: its latencies are not the hub's, and its CPU figures flatter a hub that writes less often")
	}
	if b.quick {
		fmt.Fprintln(stdout, "-quick: fewer sockets and shorter runs than the figures are meant for")
	}
	return failed
}

// build makes the binaries that are needed and were not given.
func (b *bench) build(ctx context.Context, dir string, chosen []figure) error {
	for _, p := range []struct {
		binary *string
		pkg    string
	}{{&b.hub, "hubbub"}, {&b.bareEcho, "hubbub/internal/load/testdata/bareecho"}} {
		if p.binary == &b.bareEcho && !slices.ContainsFunc(chosen, func(f figure) bool { return f.name == "echo" || f.name == "across" }) {
			continue
		}
		if *p.binary != "" {
			absolute, err := filepath.Abs(*p.binary)
			if err != nil {
				return err
			}
			*p.binary = absolute
			continue
		}
		*p.binary = filepath.Join(dir, filepath.Base(p.pkg))
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", *p.binary, p.pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", p.pkg, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
