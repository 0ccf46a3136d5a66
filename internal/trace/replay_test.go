package trace_test

import (
	"errors"
	"math/rand"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/trace"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// past counts by the minute since Monday.
type past struct {
	served, failed []uint64 // by then
	silent         func(minute int) bool
}

func pastOf(minutes int, perMinute uint64, failed func(minute int) uint64) *past {
	p := &past{served: []uint64{5_000_000}, failed: []uint64{700}, silent: func(int) bool { return false }}
	for i := range minutes {
		p.served = append(p.served, p.served[i]+perMinute)
		p.failed = append(p.failed, p.failed[i]+failed(i))
	}
	return p
}

func (p *past) minute(at time.Time) int {
	return min(max(int(at.Sub(monday)/time.Minute), 0), len(p.served)-1)
}

func (p *past) Look(at time.Time) analysis.Sample {
	i := p.minute(at)
	if p.silent(i) {
		return analysis.Sample{At: at, Missing: "not scraped"}
	}
	return analysis.Sample{At: at, New: map[string]analysis.Counters{"all": {Requests: p.served[i], Errors: p.failed[i]}}}
}

func (p *past) Baseline(at time.Time, over time.Duration) (analysis.Baseline, error) {
	if p.silent(p.minute(at)) {
		return analysis.Baseline{}, errors.New("not scraped")
	}
	a, b := p.minute(at.Add(-over)), p.minute(at)
	return analysis.Baseline{Requests: p.served[b] - p.served[a], Errors: p.failed[b] - p.failed[a], Dispersion: 1}, nil
}

func plan(days int) trace.Plan {
	return trace.Plan{
		From: monday.Add(time.Hour), To: monday.Add(time.Duration(days) * 24 * time.Hour),
		Window: 15 * time.Minute, Every: 15 * time.Minute, Look: time.Minute, Over: time.Hour, Least: 10_000,
		Config: func(analysis.Baseline) analysis.Config {
			c := analysis.DefaultConfig()
			c.LatencyFactor = 0
			return c
		},
	}
}

func replayed(p trace.Past, plan trace.Plan) (all []trace.Window, kinds map[analysis.VerdictKind]int) {
	kinds = map[analysis.VerdictKind]int{}
	trace.Replay(p, plan, func(w trace.Window) bool {
		all = append(all, w)
		kinds[w.Verdict.Kind]++
		return true
	})
	return all, kinds
}

// Healthy days are not rolled back once; an hour of ten times the errors is, when it
// begins.
func TestReplay(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	healthy := func(int) uint64 {
		n := uint64(0)
		for at := r.ExpFloat64(); at < 6; at += r.ExpFloat64() {
			n++
		}
		return n
	}
	all, kinds := replayed(pastOf(3*24*60, 6000, healthy), plan(3))
	if len(all) != 3*24*4-4 || kinds[analysis.Bad] != 0 || kinds[analysis.Good] < len(all)*9/10 {
		t.Errorf("%d windows of healthy days: %v", len(all), kinds)
	}
	const begins = 30*60 + 22 // minutes: Tuesday, 6:22
	all, kinds = replayed(pastOf(48*60, 6000, func(i int) uint64 {
		if i >= begins && i < begins+60 {
			return 60
		}
		return healthy(i)
	}), plan(2))
	if kinds[analysis.Bad] == 0 || kinds[analysis.Bad] > 5 {
		t.Fatalf("an hour of errors: %v", kinds)
	}
	for _, w := range all {
		if w.Verdict.Kind != analysis.Bad {
			continue
		}
		at := int(w.At.Sub(monday) / time.Minute)
		if at <= begins || at > begins+5 || w.From.After(w.At) || w.Baseline.Requests != 360_000 {
			t.Errorf("bad at minute %d: %+v", at, w)
		}
		break
	}
}

func TestWhatIsNotJudged(t *testing.T) {
	p := pastOf(24*60, 100, func(int) uint64 { return 0 })
	p.silent = func(minute int) bool { return minute >= 600 && minute < 660 || minute == 700 }
	all, kinds := replayed(p, plan(1))
	if kinds[""] != len(all) {
		t.Errorf("6000 requests in the hour before are too few: %v", kinds)
	}
	least := plan(1)
	least.Least = 0
	all, kinds = replayed(p, least)
	if kinds[""] != 4 || kinds[analysis.Blind] != 1 || kinds[analysis.Good]+kinds[analysis.Unresolved] != len(all)-5 {
		t.Errorf("%v", kinds)
	}
	gaps, covered := trace.Gaps(p, least)
	if len(gaps) != 2 || !gaps[0].From.Equal(monday.Add(600*time.Minute)) || !gaps[0].To.Equal(monday.Add(659*time.Minute)) ||
		covered < 0.95 || covered > 0.96 {
		t.Errorf("%v, %v covered", gaps, covered)
	}
	p.silent = func(minute int) bool { return minute >= 610 }
	if _, kinds = replayed(p, least); kinds[analysis.Blind] != 1 {
		t.Errorf("a window that ends in silence: %v", kinds)
	}
}

func TestWindowsLieWhole(t *testing.T) {
	p := plan(1)
	for _, c := range []struct {
		to, every time.Duration
		want      int
	}{{14 * time.Minute, time.Minute, 0}, {15 * time.Minute, time.Minute, 1}, {29 * time.Minute, 15 * time.Minute, 1}, {30 * time.Minute, 5 * time.Minute, 4}} {
		p.To, p.Every = p.From.Add(c.to), c.every
		if got := p.Windows(); got != c.want {
			t.Errorf("%s in steps of %s: %d windows, want %d", c.to, c.every, got, c.want)
		}
	}
	seen := 0
	p.Least = 0
	trace.Replay(pastOf(200, 100, func(int) uint64 { return 0 }), p, func(trace.Window) bool { seen++; return false })
	if seen != 1 {
		t.Errorf("%d windows after it was told to end", seen)
	}
}
