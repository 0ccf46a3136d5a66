package collect

import (
	"context"
	"fmt"
	"os/user"
	"runtime"
	"slices"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// Options are where and with what facts are taken.
type Options struct {
	// Proc and Root are /proc and / where they are empty.
	Proc, Root string
	Collectors []scope.Collector
	// Say is told of the progress, at most once a second; nil hears nothing.
	Say func(inventory.Event)
	// Version of the program that takes the facts.
	Version string
	// Rest, where it is set, is called in pauses, to give back memory.
	Rest func()
	// Drill, where it is set, is called when everything else of the facts is
	// complete: it finds the application as it was seen.
	Drill func(context.Context, *scope.Scope, *inventory.Facts)
}

// wrapUp bounds what is read once, after the last sample.
const wrapUp = 2 * time.Minute

// Take looks at the application that is asked for until the time is over, and
// gives what was seen. Its errors are those of the target (TargetError) and the
// end of ctx: whatever else could not be seen is a gap of the facts.
func Take(ctx context.Context, req inventory.Request, o Options) (inventory.Facts, error) {
	if runtime.GOOS != "linux" {
		return inventory.Facts{}, failed(ErrNotLinux, runtime.GOOS, "carry the probe to a Linux machine with --host")
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Say == nil {
		o.Say = func(inventory.Event) {}
	}
	if o.Rest == nil {
		o.Rest = func() {}
	}
	o.Collectors = slices.Clone(o.Collectors)
	app := newApplication(o.Proc, o.Root)
	began := time.Now()
	unit, err := app.resolve(ctx, req.Target)
	if err != nil {
		return inventory.Facts{}, err
	}
	p := &probe{app: app, options: o, scope: &scope.Scope{
		Proc: o.Proc, Root: o.Root, Request: req, Unit: unit,
		Ever: map[int]bool{}, Planned: planned(req), Gaps: &scope.Gaps{},
	}}
	o.Rest()
	if err := p.run(ctx); err != nil {
		return inventory.Facts{}, err
	}
	return p.finish(ctx, began)
}

// planned is how many samples there will be.
func planned(req inventory.Request) int {
	if req.For <= 0 || req.Every <= 0 {
		return 1
	}
	return max(1, int(req.For/req.Every))
}

type probe struct {
	app     *application
	options Options
	scope   *scope.Scope
	taken   int
	said    time.Time
}

// run takes the samples, each at its time. One whose time is over before its
// turn comes is left out: coverage says so.
func (p *probe) run(ctx context.Context) error {
	began := time.Now()
	every := p.scope.Request.Every
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range p.scope.Planned {
		at := time.Duration(i) * every
		if late := time.Since(began) - at; i > 0 && late > every {
			continue
		}
		timer.Reset(at - time.Since(began))
		select {
		case <-ctx.Done():
			return fmt.Errorf("take sample %d of %d: %w", i+1, p.scope.Planned, context.Cause(ctx))
		case <-timer.C:
		}
		if !p.sample(ctx) {
			break
		}
		p.progress()
		if p.taken == 2 || p.taken%20 == 0 { // what was needed to begin is needed no more
			p.options.Rest()
		}
	}
	return nil
}

// sample looks once; false when nothing is left that could come back.
func (p *probe) sample(ctx context.Context) bool {
	s := p.scope
	pids, err := p.app.look()
	if err != nil {
		s.Gaps.Add(inventory.SubjectProcesses, "", "the processes could not be listed: "+err.Error())
	}
	s.PIDs, s.Main, s.Sample = pids, p.app.main, p.taken
	for _, pid := range pids {
		s.Ever[pid] = true
	}
	if len(pids) == 0 {
		s.Gaps.Add(inventory.SubjectProcesses, "", "no process of the application was running")
		if p.app.cgroup == "" {
			return false
		}
	}
	for _, c := range p.options.Collectors {
		if ctx.Err() != nil {
			return true
		}
		c.Sample(ctx, s)
		if p.taken == 0 { // each has begun with more than it keeps
			p.options.Rest()
		}
	}
	p.taken++
	return true
}

func (p *probe) progress() {
	now := time.Now()
	if p.taken < p.scope.Planned && now.Sub(p.said) < time.Second {
		return
	}
	p.said = now
	p.options.Say(inventory.Event{Samples: p.taken, Planned: p.scope.Planned})
}

func (p *probe) finish(ctx context.Context, began time.Time) (inventory.Facts, error) {
	s := p.scope
	f := inventory.Facts{Target: s.Request.Target, Taken: by(p.options.Version), Began: began.UTC(), Unit: s.Unit,
		Coverage: inventory.Coverage{Samples: p.taken, Planned: s.Planned, Every: s.Request.Every}}
	if p.taken == 0 {
		return f, failed(ErrNotRunning, f.Target.String(), "it has ended before it could be looked at")
	}
	bound, cancel := context.WithTimeout(ctx, wrapUp)
	defer cancel()
	collectors := p.options.Collectors
	for i, c := range collectors {
		for _, subject := range c.Subjects() {
			if !slices.Contains(f.Looked, subject) {
				f.Looked = append(f.Looked, subject)
			}
		}
		if ctx.Err() != nil {
			return inventory.Facts{}, fmt.Errorf("sum up what was seen: %w", context.Cause(ctx))
		}
		if bound.Err() != nil {
			for _, subject := range c.Subjects() {
				s.Gaps.Add(subject, "", fmt.Sprintf("there was no time left to sum it up: %s were over", wrapUp))
			}
			continue
		}
		c.Finish(bound, s, &f)
		collectors[i] = nil // what it has in mind is memory
		p.options.Rest()
	}
	if p.options.Drill != nil {
		p.options.Drill(ctx, s, &f)
	}
	f.Gaps = s.Gaps.List()
	f.Ended = time.Now().UTC()
	if ctx.Err() != nil {
		return inventory.Facts{}, fmt.Errorf("sum up what was seen: %w", context.Cause(ctx))
	}
	return f, nil
}

// by says with which rights facts are taken.
func by(version string) inventory.Taken {
	t := inventory.Taken{Version: version}
	if u, err := user.Current(); err == nil {
		t.User, t.Root = u.Username, u.Uid == "0"
	}
	return t
}
