// Hubbub is a hub for WebSockets: echo, pipes and rooms. README.md says how to use it, ARCHITECTURE.md how it works.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"hubbub/internal/config"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // a command line, variable or file that is wrong: starting again will not help
)

const about = "Hubbub is a hub for WebSockets: echo, pipes and rooms at one address.\n\n" +
	"A setting is a flag, an environment variable or a line of a YAML file; the flag beats the variable, the variable the file."

// commands is the grammar of the command line.
type commands struct {
	Serve   struct{ config.Config } `cmd:"" default:"withargs" help:"Run the hub; this is what happens without a command."`
	Check   struct{ config.Config } `cmd:"" help:"Say what is wrong with the settings, and with the Redis they name, or show them, without starting anything."`
	Health  struct{ config.Config } `cmd:"" help:"Ask the instance that runs here with these settings whether it is healthy: exit 0 or 1."`
	Bench   config.Bench            `cmd:"" help:"Measure a hub, this one or another's, and check its mail: sent, delivered, lost, doubled, out of order."`
	Version struct{}                `cmd:"" help:"Say which version this is."`
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	// Two: one to stop in order, one to end at once. The goroutine lives as long as the process.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		s := <-signals
		fmt.Fprintf(os.Stderr, "hubbub: %v again, ending at once\n", s)
		os.Exit(exitFailed)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program but for signals: it ends in order when ctx does. It returns the exit code.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	grammar := new(commands)
	p, err := config.Parse(grammar, config.Input{Args: args, Env: env, Help: stdout}, kong.Description(about), kong.Help(help))
	if err == nil {
		err = checkRedisSettings(p)
	}
	if err != nil {
		complain(stderr, err)
		if p.Command == "health" {
			return exitFailed // 2 is reserved among the exit codes of a container's health check
		}
		return exitUsage
	}
	if p.Command != "health" { // it runs every few seconds, and serve has said it all
		for _, w := range p.Warnings {
			complain(stderr, errors.New("warning: "+w))
		}
	}
	switch p.Command {
	case "serve":
		err = serve(ctx, p.Config, stderr)
	case "check":
		if err = showSettings(stdout, p); err == nil {
			err = checkRedis(ctx, stdout, p.Config)
		}
	case "health":
		err = askHealth(ctx, p.Config.Listen)
	case "bench":
		return measure(ctx, &grammar.Bench, stdout, stderr)
	case "version":
		_, err = fmt.Fprintln(stdout, versionLine())
	}
	if err != nil {
		complain(stderr, err)
		return exitFailed
	}
	return exitOK
}

// complain writes one line for each problem.
func complain(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "hubbub: %s\n", strings.TrimSpace(line))
	}
}

// help shows the settings also to those who did not name a command.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if ctx.Selected() != nil {
		return kong.DefaultHelpPrinter(options, ctx)
	}
	fmt.Fprintln(ctx.Stdout, "Usage: hubbub [<command>] [<settings>]")
	options.NoAppSummary, options.Compact = true, true
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	serve, err := kong.Trace(ctx.Kong, []string{"serve"})
	if err != nil {
		return err
	}
	serve.Selected().Help = "The settings of serve, check and health:"
	ctx.Model.HelpFlag.Hidden = true // it was shown
	return kong.DefaultHelpPrinter(options, serve)
}

// showSettings lists what is in force and where it comes from.
func showSettings(w io.Writer, p *config.Parsed) error {
	fmt.Fprintln(w, "The settings are fine.")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range config.Settings() {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", s.Key, cmp.Or(p.Config.Value(s.Key), s.Default), cmp.Or(p.Origins[s.Key], "default"))
	}
	return t.Flush()
}
