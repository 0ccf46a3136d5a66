package metricstest

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// PastPort is a source that also tells what the old side did long before.
type PastPort interface {
	Port
	Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error)
}

// A Scrape is what an instance of the old side showed so long before now.
type Scrape struct {
	Before   time.Duration
	Instance string
	analysis.Counters
}

// PastEvery is the distance of two scrapes in a past.
const PastEvery = time.Minute

// RunPast runs the cases that need a past. newPast makes a world whose source takes
// PastEvery for its interval, is a PastPort and has seen these scrapes, each
// instance's in the order of time; the last of them is its Now.
func RunPast(t *testing.T, newPast func(t *testing.T, past []Scrape) World) {
	for _, c := range []struct {
		name string
		test func(*testing.T, func([]Scrape) World)
	}{
		{"a baseline's dispersion tells from the days before", daysBefore},
		{"the past is what was counted then", pastAgain},
		{"there is no past of nothing", noPast},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, func(past []Scrape) World { return newPast(t, past) })
		})
	}
}

// hours gives the last hour of each day, up to so many days before, with a hundred
// requests a minute.
func hours(days int, failed func(day, minute int) uint64) []Scrape {
	var all []Scrape
	var n, f uint64
	for day := days; day >= 0; day-- {
		for minute := range 61 {
			if minute > 0 {
				n, f = n+100, f+failed(day, minute)
			}
			all = append(all, Scrape{
				Before:   time.Duration(day)*24*time.Hour + time.Duration(60-minute)*time.Minute,
				Instance: "a", Counters: answered(n, 0, f),
			})
		}
	}
	return all
}

func daysBefore(t *testing.T, newPast func([]Scrape) World) {
	steady := func(int, int) uint64 { return 2 }
	burst := func(day, minute int) uint64 {
		if day == 3 {
			return uint64(minute/60) * 120
		}
		return 2
	}
	for _, c := range []struct {
		name        string
		days        int
		failed      func(day, minute int) uint64
		least, most float64
		says        string
	}{
		{"bursts three days ago", 7, burst, 10, 100, "7 days before"},
		{"bursts three days ago, and nobody looked then", 2, burst, 1, 1.1, "2 days before"},
		{"steady", 9, steady, 1, 1.1, "7 days before"},
	} {
		w := newPast(hours(c.days, c.failed))
		b, err := w.Port().Baseline(t.Context(), w.Metrics(), w.Now(), time.Hour)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if b.Dispersion < c.least || b.Dispersion > c.most || !strings.Contains(b.Source, c.says) {
			t.Errorf("%s: dispersion %v, from %s", c.name, b.Dispersion, b.Source)
		}
		if b.Requests != 6120 || b.Errors != 120 {
			t.Errorf("%s: the days before are counted in: %+v", c.name, b)
		}
	}
}

// pastAgain compares a past with what the source itself says of those times, over
// two instances of which one begins again and one comes later, and over a gap.
func pastAgain(t *testing.T, newPast func([]Scrape) World) {
	const minutes = 300
	silent := func(minute int) bool { return minute >= 120 && minute < 150 }
	var all []Scrape
	for minute := range minutes + 1 {
		n := uint64(minute)
		c := answered(5_000_000+90*n, 5*n, 2*n)
		if minute >= 200 {
			c = answered(90*(n-199), 5*(n-199), n-199)
		}
		before := time.Duration(minutes-minute) * time.Minute
		if !silent(minute) {
			all = append(all, Scrape{before, "a", c})
		}
		if minute >= 60 && !silent(minute) {
			all = append(all, Scrape{before, "b", answered(7_000_000+10*n, 0, n/30)})
		}
	}
	w := newPast(all)
	m, now := w.Metrics(), w.Now()
	told := time.Time{}
	p, err := w.Port().(PastPort).Past(t.Context(), m, metrics.Span{
		From: now.Add(-400 * time.Minute), To: now, LatencyFrom: now.Add(-290 * time.Minute), Every: PastEvery,
		Told: func(done time.Time) { told = done },
	})
	if err != nil {
		t.Fatal(err)
	}
	if !told.Equal(now) {
		t.Errorf("told of %s, read up to %s", told, now)
	}
	at := func(minute int) time.Time { return now.Add(time.Duration(minute-minutes) * time.Minute) }
	for _, minute := range []int{75, 118, 180, 205, 230, 300} {
		want, err := w.Port().Baseline(t.Context(), m, at(minute), time.Hour)
		if err != nil {
			t.Fatalf("minute %d: %v", minute, err)
		}
		got, err := p.Baseline(at(minute), time.Hour)
		if err != nil || got.Requests != want.Requests || got.Errors != want.Errors || !reflect.DeepEqual(got.Buckets, want.Buckets) ||
			math.Abs(got.Dispersion-want.Dispersion) > 1e-6 || got.Vantage != want.Vantage {
			t.Errorf("minute %d:\n got %+v, %v\nwant %+v", minute, got, err, want)
		}
	}
	begin, end := total(p.Look(at(70)).New), total(p.Look(at(110)).New)
	if got := end.Requests - begin.Requests; got != 40*97+40*10+1 {
		t.Errorf("%d requests in forty minutes", got)
	}
	for minute, missing := range map[int]bool{118: false, 122: false, 130: true, 149: true, 150: false, -50: true} {
		if s := p.Look(at(minute)); (s.Missing != "") != missing || missing != (s.New == nil) {
			t.Errorf("minute %d: %+v", minute, s)
		}
	}
	if _, err := p.Baseline(at(140), time.Hour); err == nil {
		t.Error("a baseline of a silent side")
	}
}

func total(all map[string]analysis.Counters) (sum analysis.Counters) {
	for _, c := range all {
		sum.Requests, sum.Errors = sum.Requests+c.Requests, sum.Errors+c.Errors
	}
	return sum
}

func noPast(t *testing.T, newPast func([]Scrape) World) {
	w := newPast(hours(0, func(int, int) uint64 { return 0 }))
	port, m, now := w.Port().(PastPort), w.Metrics(), w.Now()
	span := metrics.Span{From: now.Add(-2 * time.Hour), To: now, Every: PastEvery}
	if _, err := port.Past(t.Context(), m, span); err != nil {
		t.Fatal(err)
	}
	early := metrics.Span{From: now.Add(-5 * time.Hour), To: now.Add(-3 * time.Hour), Every: PastEvery}
	if p, err := port.Past(t.Context(), m, early); err == nil || !strings.Contains(err.Error(), "no series") {
		t.Errorf("before anything was scraped: %+v, %v", p, err)
	}
	wrong := m
	wrong.Old.Errors = "rate(" + m.Old.Requests + ")"
	if p, err := port.Past(t.Context(), wrong, span); err == nil || !strings.Contains(err.Error(), "errors") {
		t.Errorf("a wrong query: %+v, %v", p, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := port.Past(ended, m, span); err == nil {
		t.Errorf("after its end: %+v", p)
	}
}
