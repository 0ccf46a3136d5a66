package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// A trial says how the judgement is measured: by how many healthy windows, by how
// many traces of each regression, from which seed everything is drawn, and in which
// document the tables belong, if in any.
type trial struct {
	windows, traces int
	seed            uint64
	document        string
}

// flags declares those of a trial, and one to measure nothing else.
func (t *trial) flags(set *flag.FlagSet) (only *bool) {
	set.StringVar(&t.document, "judgement", "", "also write the judgement's tables between the marks of this document")
	set.IntVar(&t.windows, "windows", 100_000, "healthy windows to be judged")
	set.IntVar(&t.traces, "traces", 1001, "traces of each regression from the start; a fifth as many show it later")
	set.Uint64Var(&t.seed, "seed", 1, "what the judged traffic is drawn from")
	return set.Bool("judgement-only", false, "measure the judgement and nothing else")
}

// measure writes the tables, and puts them into the document.
func (t trial) measure(ctx context.Context, out, progress io.Writer) error {
	text, err := t.judging(ctx, progress)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, text); err != nil || t.document == "" {
		return err
	}
	old, err := os.ReadFile(t.document)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(old), marks[0])
	_, tail, closed := strings.Cut(rest, marks[1])
	if !found || !closed {
		return fmt.Errorf("%s: want %s and %s around the tables", t.document, marks[0], marks[1])
	}
	return os.WriteFile(t.document, []byte(head+marks[0]+"\n\n"+text+"\n"+marks[1]+tail), 0o644)
}

// marks enclose the tables in a document.
var marks = [2]string{"<!-- measured -->", "<!-- end of what was measured -->"}

// A population is a kind of healthy service.
type population struct {
	name    string
	share   int     // of a hundred windows
	allowed float64 // the upper limit that the share of false rollbacks must keep
	extra   float64 // of the new side's error rate, within the tolerance
	draw    func(*rand.Rand) traffic
}

// samples are how far the samples of a window are apart, the default most often.
var samples = []time.Duration{
	time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second,
	5 * time.Second, 5 * time.Second, 5 * time.Second, 5 * time.Second,
}

// of draws one of some, each as likely.
func of[T any](r *rand.Rand, some ...T) T { return some[r.IntN(len(some))] }

func anyRate(r *rand.Rand) float64 { return of(r, 0.0001, 0.001, 0.005, 0.01, 0.05) }

func steady(r *rand.Rand) traffic {
	return traffic{perSecond: of(r, 1.0, 10, 100, 1000), rate: anyRate(r)}
}

// populations are those that must not be rolled back. The last is not as good as
// before: it uses the tolerance up, which is where a test is most easily wrong.
var populations = []population{
	{name: "steady", share: 20, allowed: 0.001, draw: steady},
	{name: "daily rhythm", share: 20, allowed: 0.001, draw: rhythm},
	{name: "low traffic", share: 20, allowed: 0.001, draw: trickle},
	{name: "errors in lumps", share: 12, allowed: 0.005, draw: lumps},
	{name: "errors in spells", share: 13, allowed: 0.005, draw: spells},
	{name: "steady, at the edge of the tolerance", share: 15, allowed: 0.001, extra: 0.001, draw: steady},
}

// rhythm rises and falls with the day, and a little with every ten minutes.
func rhythm(r *rand.Rand) traffic {
	t := steady(r)
	day, quick := 2*math.Pi*r.Float64(), 2*math.Pi*r.Float64()
	t.wave = func(at time.Duration) float64 {
		return (1 + 0.8*math.Sin(day+2*math.Pi*at.Hours()/24)) * (1 + 0.2*math.Sin(quick+2*math.Pi*at.Minutes()/10))
	}
	return t
}

// trickle comes and goes by the minute.
func trickle(r *rand.Rand) traffic {
	t := traffic{perSecond: of(r, 1.0, 2, 5), rate: anyRate(r)}
	phase := r.Float64()
	t.wave = func(at time.Duration) float64 {
		if math.Mod(at.Minutes()+phase+60, 2) < 1 {
			return 1.9
		}
		return 0.1
	}
	return t
}

func lumps(r *rand.Rand) traffic {
	t := steady(r)
	t.lump = of(r, 3.0, 10)
	return t
}

func spells(r *rand.Rand) traffic {
	t := steady(r)
	t.spell = of(r, 5*time.Second, 10*time.Second, 30*time.Second)
	t.spellRate = min(20*t.rate, 0.5)
	return t
}

// draws gives the source of one window, whatever else is drawn.
func (t trial) draws(kind, i int) *rand.Rand {
	return rand.New(rand.NewPCG(t.seed, uint64(kind)<<32|uint64(i)))
}

// judging measures the judgement against its limits and against thresholds, all on
// the same traces: how often a healthy service is rolled back, and how long a
// regression lasts until it is.
func (t trial) judging(ctx context.Context, progress io.Writer) (string, error) {
	fmt.Fprintf(progress, "bench: judging %d healthy windows\n", t.windows)
	text := fmt.Sprintf("Seed %d, %d healthy windows, %d traces of each regression.\n\n", t.seed, t.windows, t.traces)
	var rows []falseRow
	for kind, p := range populations {
		row, err := t.healthy(ctx, kind, p)
		if err != nil {
			return "", err
		}
		rows = append(rows, row)
	}
	fmt.Fprintln(progress, "bench: judging regressions")
	delays, err := t.regressions(ctx)
	if err != nil {
		return "", err
	}
	return text + falseTable(rows) + "\n" + delayTable(delays), nil
}

// all are the judges at both limits; ours is only the first.
func all() []judge { return append(judges(documented), judges(fitted)[1:]...) }

// A falseRow counts how often each of all judges rolled back a population.
type falseRow struct {
	population
	windows int
	bad     []int
}

func (t trial) healthy(ctx context.Context, kind int, p population) (falseRow, error) {
	row := falseRow{population: p, windows: t.windows * p.share / 100, bad: make([]int, len(all()))}
	var mu sync.Mutex
	err := each(ctx, row.windows, func(i int) {
		r := t.draws(kind, i)
		service := p.draw(r)
		w := service.cut(r, of(r, samples...), 0, service.rate+p.extra)
		for k, judge := range all() {
			if _, bad := judge.bad(w); bad {
				mu.Lock()
				row.bad[k]++
				mu.Unlock()
			}
		}
	})
	return row, err
}

// A delayRow is how long each of all judges took for one regression, in seconds by
// length, without end where they never saw it.
type delayRow struct {
	from, to, perSecond float64
	every, onset        time.Duration
	delays              [][]float64
}

// regressions judges those that the requirements name: from the start at samples of
// one and of five seconds, and from a moment between the first and the tenth minute on.
func (t trial) regressions(ctx context.Context) ([]delayRow, error) {
	var rows []delayRow
	for _, as := range []struct {
		every time.Duration
		late  bool
	}{{time.Second, false}, {5 * time.Second, false}, {time.Second, true}} {
		for _, perSecond := range []float64{100, 1000} {
			for _, change := range [][2]float64{{0.001, 0.005}, {0.001, 0.01}, {0.01, 0.03}, {0.01, 0.05}, {0.05, 0.10}} {
				row := delayRow{from: change[0], to: change[1], perSecond: perSecond, every: as.every}
				if err := row.measure(ctx, t, 1000+len(rows), as.late); err != nil {
					return nil, err
				}
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

func (d *delayRow) measure(ctx context.Context, t trial, kind int, later bool) error {
	runs, judges := t.traces, all()
	if later {
		runs, judges, d.onset = max(t.traces/5, 1), judges[:1], time.Minute
	}
	d.delays = make([][]float64, len(judges))
	for k := range judges {
		d.delays[k] = make([]float64, runs)
	}
	err := each(ctx, runs, func(i int) {
		r := t.draws(kind, i)
		onset := d.onset
		if later {
			onset += time.Duration(r.IntN(540)) * time.Second
		}
		service := traffic{perSecond: d.perSecond, rate: d.from}
		w := service.cut(r, d.every, onset, d.to)
		for k, judge := range judges {
			d.delays[k][i] = math.Inf(1)
			if at, bad := judge.bad(w); bad {
				d.delays[k][i] = (at - onset).Seconds()
			}
		}
	})
	for k := range judges {
		slices.Sort(d.delays[k])
	}
	return err
}

// bound is Wald's least mean delay of a test that knows both rates, or one sample
// where that is longer.
func (d delayRow) bound() float64 {
	alpha, edge := analysis.DefaultConfig().Alpha, d.from+analysis.DefaultConfig().ErrorTolerance
	return max(-math.Log(alpha)/divergence(d.to, edge)/d.perSecond, d.every.Seconds())
}

// each calls do for every number below n, on all processors.
func each(ctx context.Context, n int, do func(i int)) error {
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for first := range workers {
		group.Go(func() {
			for i := first; i < n && ctx.Err() == nil; i += workers {
				do(i)
			}
		})
	}
	group.Wait()
	return ctx.Err()
}
