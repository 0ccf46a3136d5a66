package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/load"
	"rehome.dev/rehome/lab/part"
)

// What the probe may take of the machine on which an application runs.
const (
	mostCPU    = 0.01     // of one core, at one sample a second
	mostMemory = 10 << 20 // bytes, at the peak
	mostSize   = 10 << 20 // bytes
)

const (
	probeFor = time.Minute
	// The application under load: pairs of windows, one probed and one not.
	windows    = 5
	windowFor  = 8 * time.Second
	windowRate = 200 // requests per second
)

// A cost is what one probe took: CPU time of its own and of the programs that it
// asked, all of it and that up to its first and to its last sample, and the most
// memory that it had, in bytes.
type cost struct {
	name             string
	cpu, first, last time.Duration
	samples          int
	took             time.Duration
	peak             int64
}

// share is that of a core, over all the time that the probe took.
func (c cost) share() float64 { return c.cpu.Seconds() / c.took.Seconds() }

// sampling is the share of a core between the first and the last sample, with one
// each second.
func (c cost) sampling() float64 {
	return (c.last - c.first).Seconds() / float64(max(1, c.samples-1))
}

// probing gives what the agent costs the machine and the application.
func probing(ctx context.Context, dir string, progress io.Writer) (string, error) {
	root, err := part.ModuleRoot()
	if err != nil {
		return "", err
	}
	agent := filepath.Join(dir, "rehome-agent")
	if err := goBuild(ctx, root, "-s -w", agent, "./cmd/rehome-agent"); err != nil {
		return "", err
	}
	bytes, err := size(agent)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(progress, "bench: probing two applications for", probeFor)
	costs, err := watchBoth(ctx, dir, agent)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(progress, "bench: loading an application,", windows, "times without a probe and with one")
	alone, probed, err := slowdown(ctx, dir, agent)
	if err != nil {
		return "", err
	}
	return limits(bytes, costs) + "\n" + latency(alone, probed), nil
}

// watchBoth probes two applications at once, one with little open and one with much.
func watchBoth(ctx context.Context, dir, agent string) ([]cost, error) {
	kinds := []struct {
		name               string
		files, connections int
	}{{"a small application", 3, 1}, {"1,000 open files, 100 connections", 1000, 100}}
	costs, errs := make([]cost, len(kinds)), make([]error, len(kinds))
	var wg sync.WaitGroup
	for i, k := range kinds {
		app, err := launch(ctx, dir, k.files, k.connections)
		if err != nil {
			return nil, err
		}
		defer app.end()
		wg.Go(func() {
			costs[i], errs[i] = observe(ctx, agent, app.pid, probeFor, func() {})
			costs[i].name = k.name
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return costs, nil
}

// slowdown gives the p99 of each window without and with a probe, which begins
// before its window and ends in it. The windows alternate, so that whatever else
// the machine does meets both alike.
func slowdown(ctx context.Context, dir, agent string) (alone, probed []time.Duration, err error) {
	app, err := launch(ctx, dir, 3, 1)
	if err != nil {
		return nil, nil, err
	}
	defer app.end()
	without := func() (time.Duration, error) { return p99(ctx, app.url) }
	with := func() (time.Duration, error) { return p99While(ctx, agent, app) }
	if _, err := twice(without); err != nil { // it warms up
		return nil, nil, err
	}
	for range windows {
		a, err := twice(without)
		if err != nil {
			return nil, nil, err
		}
		p, err := twice(with)
		if err != nil {
			return nil, nil, err
		}
		alone, probed = append(alone, a), append(probed, p)
	}
	return alone, probed, nil
}

func p99While(ctx context.Context, agent string, app application) (time.Duration, error) {
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := observe(ctx, agent, app.pid, windowFor-time.Second, sync.OnceFunc(func() { close(begun) }))
		done <- err
	}()
	select {
	case <-begun:
	case err := <-done:
		return 0, err
	}
	with, err := p99(ctx, app.url)
	if ended := <-done; ended != nil {
		return 0, ended
	}
	return with, err
}

// p99 is that of one window.
func p99(ctx context.Context, url string) (time.Duration, error) {
	l, err := load.Attack(ctx, load.Options{URL: url, Rate: windowRate, For: windowFor})
	if err == nil && !l.Valid {
		err = fmt.Errorf("load the application: %s", l.Why)
	}
	return time.Duration(l.Latency.P99) * time.Microsecond, err
}

// twice measures a window once more in which the rate was not reached: a machine
// has its moments.
func twice(window func() (time.Duration, error)) (time.Duration, error) {
	if d, err := window(); err == nil {
		return d, nil
	}
	return window()
}

func limits(size int64, costs []cost) string {
	var b strings.Builder
	b.WriteString("| Probe | measured | limit | ratio |\n|---|---:|---:|---:|\n")
	row := func(what string, measured, limit float64, unit string) {
		fmt.Fprintf(&b, "| %s | %s %s | %s %s | %.2f |\n", what, number(measured), unit, number(limit), unit, measured/limit)
	}
	row("size of `rehome-agent`", mebi(size), mebi(mostSize), "MiB")
	for _, c := range costs {
		row(fmt.Sprintf("CPU while it samples once a second, %s", c.name), 100*c.sampling(), 100*mostCPU, "% of a core")
		row(fmt.Sprintf("CPU over %.0f s with beginning and end, %s", c.took.Seconds(), c.name), 100*c.share(), 100*mostCPU, "% of a core")
		row(fmt.Sprintf("memory at the peak, %s", c.name), mebi(c.peak), mebi(mostMemory), "MiB")
	}
	return b.String()
}

func latency(alone, probed []time.Duration) string {
	a, p := median(alone), median(probed)
	worst := func(d []time.Duration) float64 { return milli(slices.Max(d)) }
	return fmt.Sprintf("| An application at %d requests/s, %d windows of %.0f s each | not probed | probed | ratio |\n|---|---:|---:|---:|\n"+
		"| p99, median of the windows | %.2f ms | %.2f ms | %.2f |\n| p99, worst window | %.2f ms | %.2f ms | %.2f |\n",
		windowRate, windows, windowFor.Seconds(), milli(a), milli(p), p.Seconds()/a.Seconds(), worst(alone), worst(probed), worst(probed)/worst(alone))
}

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }
