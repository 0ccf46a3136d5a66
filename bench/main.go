// Command bench measures what people notice: how fast the engine steps, how long
// a whole simulated migration takes, how big the program is and how long it takes
// to start, what a probe takes of the machine and of the application that it looks
// at, and how fast secrets are looked for. Size and start are given as ratios to
// kubectl in the same run, because a number of seconds says more about the machine
// than about the program; the speed of a scan as a ratio to gitleaks; the cost of a
// probe as ratios to its limits, and to the same application without a probe; the
// forwarder beside no relay, socat and HAProxy.
//
// It measures the judgement too: how often healthy services are rolled back, and how
// long regressions last until they are, beside thresholds on the same traces.
//
//	go run ./bench [-write docs/bench.md] [-judgement docs/judgement.md]
//
// It reports and never judges: a limit on time would make a slow machine a failure.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) == 5 && os.Args[1] == asApplication {
		if err := serve(ctx, os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "application: error: %v\n", err)
			os.Exit(1)
		}
		return
	}
	file := flag.String("write", "", "also write the tables to this file")
	var t trial
	only := t.flags(flag.CommandLine)
	flag.Parse()
	err := t.measure(ctx, os.Stdout, os.Stderr)
	if err == nil && !*only {
		err = run(ctx, os.Stdout, os.Stderr, *file)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, progress io.Writer, file string) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(progress, "bench: building rehome and kubectl")
	programs, err := build(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(progress, "bench: starting each of them", starts, "times")
	sizes, err := programs.compare(ctx)
	if err != nil {
		return err
	}
	probe, err := probing(ctx, dir, progress)
	if err != nil {
		return err
	}
	scans, err := scanning(ctx, dir, programs.rehome, progress)
	if err != nil {
		return err
	}
	relays, err := forwarding(ctx, dir, progress)
	if err != nil {
		return err
	}
	fmt.Fprintln(progress, "bench: running Go's benchmarks")
	results, err := benchmarks(ctx)
	if err != nil {
		return err
	}
	text := machine() + "\n" + sizes + "\n" + probe + "\n" + scans + "\n" + relays + "\n" + table(results)
	if _, err := io.WriteString(out, text); err != nil || file == "" {
		return err
	}
	head := "# Measurements\n\nWritten by `make bench DOCS=1` on " + time.Now().UTC().Format(time.DateOnly) + ".\n\n"
	return os.WriteFile(file, []byte(head+text), 0o644)
}
