package trace

import (
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// A Past is what a side did, to be looked at as if it were now.
type Past interface {
	// Look is the sample of then, of a new side that does what this side did.
	Look(at time.Time) analysis.Sample
	// Baseline is what it counted in (at-over, at], or an error that says why there
	// is none.
	Baseline(at time.Time, over time.Duration) (analysis.Baseline, error)
}

// A Plan says how the past is cut into windows, and how each is judged.
type Plan struct {
	From, To time.Time
	Window   time.Duration // the length of each
	Every    time.Duration // from the beginning of one to that of the next
	Look     time.Duration // the distance of two samples
	Over     time.Duration // the baseline before each
	// Least is how many requests a baseline must have to be judged by.
	Least uint64
	// Config is the judgement against a baseline.
	Config func(analysis.Baseline) analysis.Config
}

// Windows is how many windows lie whole between From and To.
func (p Plan) Windows() int {
	if left := p.To.Sub(p.From) - p.Window; left >= 0 {
		return int(left/p.Every) + 1
	}
	return 0
}

// A Window is a stretch of the past that was judged as the time after a switch is.
type Window struct {
	From time.Time
	// Verdict is the one at its end, or bad. Its Kind is empty where it could not be
	// judged, and Unjudged says why.
	Verdict  analysis.Verdict
	Unjudged string
	At       time.Time // when the verdict fell, or the window's end
	Baseline analysis.Baseline
}

// Replay judges every window of the past, one after the other, and gives each to
// next; it ends early where next says false. Durations of the plan are above zero.
func Replay(past Past, plan Plan, next func(Window) bool) {
	for i := range plan.Windows() {
		if !next(replay(past, plan, plan.From.Add(time.Duration(i)*plan.Every))) {
			return
		}
	}
}

func replay(past Past, plan Plan, from time.Time) Window {
	w := Window{From: from, At: from.Add(plan.Window)}
	var err error
	if w.Baseline, err = past.Baseline(from, plan.Over); err != nil {
		w.Unjudged = err.Error()
		return w
	}
	if w.Baseline.Requests < plan.Least {
		w.Unjudged = "the baseline has too few requests"
		return w
	}
	s := analysis.Start(plan.Config(w.Baseline), w.Baseline, from)
	for at := from; !at.After(from.Add(plan.Window)); at = at.Add(plan.Look) {
		s, w.Verdict = analysis.Step(s, past.Look(at))
		if w.Verdict.Kind == analysis.Bad {
			w.At = at
			break
		}
	}
	return w
}

// A Gap is a stretch in which nothing was seen.
type Gap struct{ From, To time.Time }

// Gaps are the stretches of the plan's time in which every look is missing, and the
// share of looks that are not.
func Gaps(past Past, plan Plan) (gaps []Gap, covered float64) {
	looks, seen, open := 0, 0, false
	for at := plan.From; !at.After(plan.To); at = at.Add(plan.Look) {
		looks++
		if past.Look(at).Missing == "" {
			seen++
			open = false
			continue
		}
		if !open {
			gaps, open = append(gaps, Gap{From: at}), true
		}
		gaps[len(gaps)-1].To = at
	}
	if looks == 0 {
		return nil, 0
	}
	return gaps, float64(seen) / float64(looks)
}
