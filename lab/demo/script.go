package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rehome.dev/rehome/lab/client"
	"rehome.dev/rehome/lab/part"
)

// Exit codes of rehome that the script looks for.
const (
	done       = 0
	blocked    = 3
	rolledBack = 5
)

// Analysis is the root cause analysis of the bad release, with every section that
// rehome asks for.
const Analysis = `# Root cause analysis

## What happened
After the switch about a third of the requests were answered with 500. rehome led the names back by itself.

## Timeline
The verdict fell within seconds of the first clients; the incident holds the exact times.

## Root cause
The release was built with a connection pool of one. Under production load, which the smoke test does not make, requests that found no connection failed.

## Why it was not seen before
The staging drill under load asked for the readiness path alone, which needs no connection of the pool.

## What changes
The pool is sized from the load, and the drill under load asks for the accounts (drills.path).
`

// Run plays the whole move on a lab that is up: a bad release that is rolled
// back, a second attempt that is refused, the root cause analysis, and a second
// attempt that ends with the VM released.
func Run(ctx context.Context, lab *part.Lab, w *World) error {
	images, err := w.Images()
	if err != nil {
		return err
	}
	if err := w.Reset(ctx, 30); err != nil {
		return err
	}
	began := time.Now()
	if err := w.UseImage(images.Bad); err != nil {
		return err
	}
	if err := w.firstAttempt(ctx); err != nil {
		return err
	}
	if err := w.analyse(ctx, images.Good); err != nil {
		return err
	}
	if err := w.secondAttempt(ctx); err != nil {
		return err
	}
	return w.reports(ctx, lab, began)
}

func (w *World) say(format string, args ...any) {
	fmt.Fprintf(w.Out, "\n=== "+format+"\n", args...)
}

func (w *World) firstAttempt(ctx context.Context) error {
	w.say("The first attempt, with a release that passes its smoke test and fails under load")
	if err := w.Rehome(ctx, done, "plan", w.File()); err != nil {
		return err
	}
	w.say("The truth about the application, from its machine; and what no check judges blocks")
	if err := w.Rehome(ctx, blocked, "run", w.File()); err != nil {
		return err
	}
	if err := w.Waive(ctx); err != nil {
		return err
	}
	if err := w.Rehome(ctx, done, "approve", Name, "--for", "1h"); err != nil {
		return err
	}
	return w.Rehome(ctx, rolledBack, "run", w.File(), "--wait")
}

// Waive waives by name what is not judged in the lab, for two hours.
func (w *World) Waive(ctx context.Context) error {
	if err := w.Rehome(ctx, done, "waive", Name, "--unjudged", "--reason", "the lab's application was looked at by hand", "--until", "2h"); err != nil {
		return err
	}
	if err := w.Rehome(ctx, done, "waive", Name, "RESOURCES", "BASE-IMAGE", "--reason", "nobody makes load on the machine; the image holds the program and nothing else", "--until", "2h"); err != nil {
		return err
	}
	return w.Rehome(ctx, done, "waive", Name, "LATENCY-P99", "--reason", "answers take about a millisecond, below the histogram's first edge", "--until", "2h")
}

// WaiveDrills waives what the drills of staging prove: what is waived is not drilled.
// It is for suites that are about something else.
func (w *World) WaiveDrills(ctx context.Context) error {
	return w.Rehome(ctx, done, "waive", Name, "STAGE-ISOLATED", "CONFIG-DROP", "EGRESS", "HEALTH", "SESSIONS", "STATE-DISK", "SIGTERM-RACE", "SIGTERM",
		"LOGS-STDOUT", "CONFIG-RO", "RETURN-PATH", "--reason", "drilled by a suite of its own", "--until", "2h")
}

func (w *World) analyse(ctx context.Context, good string) error {
	w.say("A second attempt without a root cause analysis is refused")
	if err := w.Rehome(ctx, done, "incident", Name); err != nil {
		return err
	}
	if err := w.Rehome(ctx, blocked, "run", w.File(), "--wait"); err != nil {
		return err
	}
	rca := filepath.Join(w.Dir, "rca.md")
	if err := os.WriteFile(rca, []byte(Analysis), 0o644); err != nil {
		return err
	}
	if err := w.Rehome(ctx, done, "rca", Name, "--file", rca); err != nil {
		return err
	}
	if err := w.DrillAccounts(); err != nil {
		return err
	}
	return w.UseImage(good)
}

func (w *World) secondAttempt(ctx context.Context) error {
	w.say("The second attempt, with a release that is put right")
	err := w.Rehome(ctx, waiting, "run", w.File())
	if err != nil {
		return err
	}
	if err := w.Rehome(ctx, done, "approve", Name, "--for", "1h"); err != nil {
		return err
	}
	return w.Rehome(ctx, done, "run", w.File(), "--wait")
}

// waiting is the exit code where time or a person is awaited.
const waiting = 4

func (w *World) reports(ctx context.Context, lab *part.Lab, began time.Time) error {
	w.say("The record")
	load := client.CountFile(lab, w.Branch)
	for _, format := range []string{"html", "md", "json"} {
		out := filepath.Join(w.Dir, "report."+format)
		if err := w.Rehome(ctx, done, "report", Name, "--format", format, "--load", load, "--out", out); err != nil {
			return err
		}
	}
	if err := w.Rehome(ctx, done, "log", Name, "--verify"); err != nil {
		return err
	}
	seconds, err := client.Read(load)
	if err != nil {
		return err
	}
	w.say("What the clients saw, in %s: %s", time.Since(began).Round(time.Second), client.Summary(client.Sum(seconds, began, time.Time{})))
	fmt.Fprintf(w.Out, "The report is %s\n", filepath.Join(w.Dir, "report.html"))
	return nil
}
