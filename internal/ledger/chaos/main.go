// Command chaos plays faults against real instances of the hub and real Redis servers, holds what every reader was told against the
// logs, and prints the result as a table in Markdown. It exits with 0 when every column in bold is 0 in every row and
// nothing else went wrong, with 1 otherwise, and with 2 when it was called wrongly. What the columns mean is in the comment of
// package ledger.
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

	"hubbub/internal/ledger"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var p play
	var seconds float64
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&p.hub, "hub", "", "test this `binary`; without it the hub is built from this module")
	flags.Float64Var(&seconds, "seconds", 20, "how long each row publishes, at least, in `seconds`; a fault that has begun is played to its end")
	flags.Uint64Var(&p.seed, "seed", 0, "for what happens by chance: the same seed gives the same plan, not the same run; 0: from the clock")
	flags.IntVar(&p.instances, "instances", 2, "how `many` instances there are in rows with Redis")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: chaos [flags] [row…]\n\nrows (all, unless some are named):\n")
		for _, r := range rows {
			if r.named {
				r.title += " (only if it is named)"
			}
			fmt.Fprintf(stderr, "  %-10s %s\n", r.name, r.title)
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
	if err == nil && (seconds <= 0 || p.instances < 1) {
		err = errors.New("-seconds and -instances: more than 0")
	}
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return 2
	}
	p.seconds = time.Duration(seconds * float64(time.Second))
	if p.seed == 0 {
		p.seed = uint64(time.Now().UnixNano())
	}
	// SIGTERM too: the data of Redis would stay behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.all(ctx, chosen, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return 1
	}
	return 0
}

// choose finds the rows that were asked for, in their own order.
func choose(names []string) (chosen []row, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			return nil, fmt.Errorf("there is no row %q", name)
		}
	}
	for _, r := range rows {
		if len(names) == 0 && !r.named || slices.Contains(names, r.name) {
			chosen = append(chosen, r)
		}
	}
	return chosen, nil
}

// all plays the rows one after the other, and prints the table at the end, also when some could not be played to theirs.
func (p play) all(ctx context.Context, chosen []row, stdout, stderr io.Writer) (err error) {
	if p.dir, err = os.MkdirTemp("", "hubbub-chaos-"); err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	if err := p.build(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "seed %d\n", p.seed)
	table := []string{ledger.Header()}
	var failed []string
	for _, r := range chosen {
		fmt.Fprintf(stderr, "%s …\n", r.name)
		begun := time.Now()
		line, err := p.run(ctx, r)
		table = append(table, line.String())
		fmt.Fprintf(stderr, "%s\n%s: %.0f s\n", line, r.name, time.Since(begun).Seconds())
		if err != nil || line.Guilty() {
			failed = append(failed, r.name)
			fmt.Fprintf(stderr, "%s\n", strings.Join(line.Examples, "\n"))
			if err != nil {
				fmt.Fprintf(stderr, "%s: %v\n", r.name, err)
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Fprintf(stdout, "%s\n", strings.Join(table, "\n"))
	if len(failed) > 0 {
		return fmt.Errorf("seed %d: %s did not pass", p.seed, strings.Join(failed, ", "))
	}
	return ctx.Err()
}

// build makes the hub, unless it was given.
func (p *play) build(ctx context.Context) error {
	if p.hub != "" {
		absolute, err := filepath.Abs(p.hub) // instances start in a directory of their own
		p.hub = absolute
		return err
	}
	p.hub = filepath.Join(p.dir, "hubbub")
	return buildHub(ctx, p.hub)
}

// buildHub builds the hub from this module, with what is given to the linker.
func buildHub(ctx context.Context, to string, ldflags ...string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", to, "-ldflags", strings.Join(ldflags, " "), "hubbub").CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the hub: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
