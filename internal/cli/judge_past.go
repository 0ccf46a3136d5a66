package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/trace"
)

// pastSource is a metrics source that tells what the old side did long before.
type pastSource interface {
	Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error)
}

// replayed is what a policy would have made of an application's past.
type replayed struct {
	Migration  string        `json:"migration"`
	Source     string        `json:"source"`
	From       time.Time     `json:"from"`
	To         time.Time     `json:"to"`
	Window     float64       `json:"windowSeconds"`
	Every      float64       `json:"everySeconds"`
	Over       float64       `json:"baselineSeconds"`
	Alpha      float64       `json:"alpha"`
	Windows    int           `json:"windows"`
	Judged     int           `json:"judged"`
	RolledBack int           `json:"rolledBack"`
	Good       int           `json:"good"`
	Unresolved int           `json:"unresolved"`
	Blind      int           `json:"blind"`
	NotJudged  []notJudged   `json:"notJudged"`
	Allowed    float64       `json:"allowedByChance"` // α × judged
	Dispersion dispersions   `json:"dispersion"`
	Coverage   float64       `json:"coverage"` // share of looks that saw something
	Gaps       []gap         `json:"gaps"`
	Bad        []replayedBad `json:"rolledBackWindows"`
	Weaker     []string      `json:"weaker,omitempty"`
	Exit       Code          `json:"exit"`

	window, over time.Duration
	every        []float64 // dispersions
}

// replayedBad is a window that would have been rolled back.
type replayedBad struct {
	From         time.Time `json:"from"`
	At           time.Time `json:"at"`
	Metric       string    `json:"metric"`
	EValue       float64   `json:"eValue"`
	Requests     uint64    `json:"requests"`
	Errors       uint64    `json:"errors"`
	Rate         float64   `json:"rate"`
	BaselineRate float64   `json:"baselineRate"`
	Dispersion   float64   `json:"dispersion"`
	Why          string    `json:"why"`
}

// notJudged are windows that could not be, for one reason.
type notJudged struct {
	Windows int    `json:"windows"`
	Why     string `json:"why"`
}

// dispersions are those of the baselines.
type dispersions struct {
	Median float64 `json:"median"`
	Most   float64 `json:"most"`
}

type gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (p *Program) judgePast(ctx context.Context, file string, f judgeFlags) error {
	loaded, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	plan, err := p.cutOf(loaded, f)
	if err != nil {
		return err
	}
	past, err := p.readPast(ctx, loaded, plan)
	if err != nil {
		return err
	}
	plan.Look = max(plan.Look, past.Scrape)
	v := replayed{
		Migration: loaded.Spec.Name, Source: past.Source, From: plan.From, To: plan.To,
		Window: plan.Window.Seconds(), Every: plan.Every.Seconds(), Over: plan.Over.Seconds(), Alpha: loaded.Policy.Alpha,
		NotJudged: []notJudged{}, Gaps: []gap{}, Bad: []replayedBad{}, Weaker: loaded.Policy.Shortened(),
		window: plan.Window, over: plan.Over,
	}
	show := p.replaying()
	defer show.end()
	trace.Replay(past, plan, func(w trace.Window) bool {
		v.take(w, plan.Least)
		show.tell("judged %d of %d windows, %d rolled back", v.Windows, plan.Windows(), v.RolledBack)
		return ctx.Err() == nil
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	show.end()
	v.finish(past, plan)
	if err := p.emit(v, func(w io.Writer) { p.replayedText(w, v) }); err != nil || v.Exit == CodeDone {
		return err
	}
	return silent(v.Exit)
}

// cutOf says how the past is cut.
func (p *Program) cutOf(loaded config.Loaded, f judgeFlags) (trace.Plan, error) {
	policy := loaded.Policy
	to, err := p.now(), error(nil)
	if f.to != "" {
		if to, err = p.parseSince(f.to, p.now()); err != nil {
			return trace.Plan{}, usage("--to: %w", err)
		}
	}
	from, err := p.parseSince(f.from, to)
	if err != nil {
		return trace.Plan{}, usage("--from: %w", err)
	}
	if f.window == 0 {
		f.window = policy.Watch
	}
	if f.every == 0 {
		f.every = f.window
	}
	switch {
	case f.window < time.Second || f.every < time.Second:
		return trace.Plan{}, usage("--window and --every must be at least a second")
	case f.window > to.Sub(from):
		return trace.Plan{}, usage("a window of %s is longer than the past that is asked for, %s", span(f.window), span(to.Sub(from))).with("begin earlier with --from, or take a shorter --window")
	}
	vantage := loaded.Spec.Metrics.Old.Vantage
	return trace.Plan{
		From: from, To: to, Window: f.window, Every: f.every, Look: policy.SampleEvery, Over: policy.BaselineFor, Least: policy.BaselineMin,
		Config: func(b analysis.Baseline) analysis.Config { return runbook.JudgeConfig(policy, vantage, b) },
	}, nil
}

// readPast asks the migration's metrics source for the plan's time and for what its
// baselines need before it.
func (p *Program) readPast(ctx context.Context, loaded config.Loaded, plan trace.Plan) (*metrics.Past, error) {
	ports, faults := p.Registry.Ports(loaded.Spec, loaded.Policy)
	name := loaded.Spec.Metrics.Source
	source, ok := ports.Metrics.(pastSource)
	switch {
	case !ok && faults != nil:
		return nil, failed("the metrics source %s: %w", name, faults).with("rehome doctor %s says more", loaded.File)
	case !ok:
		return nil, failed("the metrics source %s does not tell the past", name).with("take one of type prometheus, or record a trace and judge it with --trace")
	}
	latency := plan.From.Add(-plan.Over - metrics.LookBefore)
	show := p.replaying()
	defer show.end()
	span := metrics.Span{From: metrics.DayBefore(latency, metrics.Days), To: plan.To, LatencyFrom: latency, Every: plan.Look}
	span.Told = func(done time.Time) {
		show.tell("read up to %s (%.0f %%)", p.stamp(done), 100*float64(done.Sub(span.From))/float64(span.To.Sub(span.From)))
	}
	p.say("reading the old side's counters from %s, the days before for how errors come included", name)
	past, err := source.Past(ctx, loaded.Spec.Metrics, span)
	if err != nil {
		return nil, failed("read what the old side did: %w", err).with("rehome doctor %s reaches the source and reads its selectors", loaded.File)
	}
	return past, nil
}

// take counts one window.
func (v *replayed) take(w trace.Window, least uint64) {
	v.Windows++
	if w.Verdict.Kind == "" {
		why := w.Unjudged
		if w.Baseline.Requests > 0 {
			why = fmt.Sprintf("the baseline has fewer requests than the policy's %d", least)
		}
		i := slices.IndexFunc(v.NotJudged, func(n notJudged) bool { return n.Why == why })
		if i < 0 {
			v.NotJudged, i = append(v.NotJudged, notJudged{Why: why}), len(v.NotJudged)
		}
		v.NotJudged[i].Windows++
		return
	}
	v.Judged++
	v.every = append(v.every, w.Baseline.Dispersion)
	switch w.Verdict.Kind {
	case analysis.Good:
		v.Good++
	case analysis.Unresolved:
		v.Unresolved++
	case analysis.Blind:
		v.Blind++
	case analysis.Bad:
		v.RolledBack++
		v.Bad = append(v.Bad, replayedBad{
			From: w.From, At: w.At, Metric: w.Verdict.Metric, EValue: w.Verdict.EValue, Requests: w.Verdict.Requests, Errors: w.Verdict.Errors,
			Rate: w.Verdict.Rate, BaselineRate: w.Verdict.BaselineRate, Dispersion: w.Baseline.Dispersion, Why: w.Verdict.Why,
		})
	}
}

// finish adds what is known of all windows together.
func (v *replayed) finish(past trace.Past, plan trace.Plan) {
	v.Allowed = v.Alpha * float64(v.Judged)
	if slices.Sort(v.every); len(v.every) > 0 {
		v.Dispersion = dispersions{Median: v.every[len(v.every)/2], Most: v.every[len(v.every)-1]}
	}
	gaps, covered := trace.Gaps(past, plan)
	v.Coverage = covered
	for _, g := range gaps {
		v.Gaps = append(v.Gaps, gap(g))
	}
	switch {
	case v.RolledBack > 0:
		v.Exit = CodeRolledBack
	case v.Judged == v.Blind:
		v.Exit = CodeWaiting
	}
}

// replaying tells how far something long is: in place on a terminal, otherwise in a
// line now and then.
type replaying struct {
	p       *Program
	next    time.Time
	inPlace bool
}

func (p *Program) replaying() *replaying {
	return &replaying{p: p, next: p.now().Add(time.Second)}
}

func (r *replaying) tell(format string, args ...any) {
	now := r.p.now()
	if now.Before(r.next) {
		return
	}
	if !r.p.Terminal {
		r.next = now.Add(30 * time.Second)
		r.p.say(format, args...)
		return
	}
	r.next = now.Add(200 * time.Millisecond)
	fmt.Fprintf(r.p.Stderr, "\r\x1b[K%s", cut(fmt.Sprintf(format, args...), r.p.Width))
	r.inPlace = true
}

func (r *replaying) end() {
	if r.inPlace {
		fmt.Fprint(r.p.Stderr, "\r\x1b[K")
		r.inPlace = false
	}
}
