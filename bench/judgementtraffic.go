package main

import (
	"math"
	"math/rand/v2"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
)

const (
	// watched is the policy's watch, and the time that a baseline is taken over.
	watched = 15 * time.Minute
	// scraped is how far apart the counts of the past lie.
	scraped = 15 * time.Second
	// days of the past tell the dispersion, at the same time of the day.
	days = 7
)

// A traffic is a service as it is asked and as it fails.
type traffic struct {
	perSecond float64
	rate      float64 // share of the requests that fail, in the mean
	// wave is the traffic at a moment as a multiple of the mean; nil where it is steady.
	wave func(at time.Duration) float64
	// lump is the mean of the geometric number of errors that come at once.
	lump float64
	// spell is the mean length of an exponential time in which spellRate of all
	// requests fail; half of all errors come in spells.
	spell     time.Duration
	spellRate float64
}

// A tick is what one sample counted.
type tick struct{ requests, errors uint64 }

// A window is a watch as every judge sees it.
type window struct {
	every time.Duration
	base  analysis.Baseline
	ticks []tick
}

// cut draws a baseline with its past, and the watch after it. From onset on, the
// new side fails at the given rate.
func (t traffic) cut(r *rand.Rand, every, onset time.Duration, rate float64) window {
	w := window{every: every, base: t.baseline(r)}
	healthy, sick := t, t
	sick.rate = rate
	fails, failsMore := healthy.failing(r), sick.failing(r)
	for at := every; at <= watched; at += every {
		now := fails
		if at > onset {
			now = failsMore
		}
		w.ticks = append(w.ticks, now.count(at, every))
	}
	return w
}

// baseline counts the quarter of an hour before the watch, and takes the dispersion
// from it and from the same quarter of the days before.
func (t traffic) baseline(r *rand.Rand) analysis.Baseline {
	past := make([]metrics.Stretch, days)
	for day := range past {
		past[day], _ = t.past(r)
	}
	own, sum := t.past(r)
	return analysis.Baseline{
		Requests: sum.requests, Errors: sum.errors, Source: "bench",
		Dispersion: metrics.DispersionOf(scraped, append([]metrics.Stretch{own}, past...)...),
	}
}

// past draws one quarter of an hour, scrape by scrape.
func (t traffic) past(r *rand.Rand) (metrics.Stretch, tick) {
	stretch := metrics.Stretch{To: time.Time{}.Add(watched)}
	var sum tick
	fails := t.failing(r)
	for at := scraped; at <= watched; at += scraped {
		c := fails.count(at-watched, scraped)
		stretch.Requests = append(stretch.Requests, metrics.Burst{At: stretch.From.Add(at), Count: float64(c.requests)})
		stretch.Errors = append(stretch.Errors, metrics.Burst{At: stretch.From.Add(at), Count: float64(c.errors)})
		sum.requests, sum.errors = sum.requests+c.requests, sum.errors+c.errors
	}
	return stretch, sum
}

// A failing service draws its counts, and remembers its spells meanwhile.
type failing struct {
	traffic
	rand  *rand.Rand
	sick  bool
	until time.Duration // that the present spell, or the time between two, lasts still
}

func (t traffic) failing(r *rand.Rand) *failing {
	f := &failing{traffic: t, rand: r}
	if t.spell > 0 {
		f.sick = r.Float64() < f.share()
		f.until = f.next()
	}
	return f
}

// share of the time is spent in spells, so that half of the errors come in them.
func (f *failing) share() float64 { return f.rate / 2 / f.spellRate }

func (f *failing) next() time.Duration {
	mean := float64(f.spell)
	if !f.sick {
		mean *= (1 - f.share()) / f.share()
	}
	return time.Duration(min(mean*f.rand.ExpFloat64(), float64(24*time.Hour)))
}

// within tells how much of the next while is spent in spells.
func (f *failing) within(while time.Duration) (sick time.Duration) {
	for while > 0 {
		step := min(while, f.until)
		if f.sick {
			sick += step
		}
		while, f.until = while-step, f.until-step
		if f.until <= 0 {
			f.sick = !f.sick
			f.until = f.next()
		}
	}
	return sick
}

// count draws what comes in the interval that ends at a moment.
func (f *failing) count(at, every time.Duration) tick {
	mean := f.perSecond * every.Seconds()
	if f.wave != nil {
		mean *= f.wave(at)
	}
	c := tick{requests: poisson(f.rand, mean)}
	switch {
	case f.spell > 0:
		inside := binomial(f.rand, c.requests, f.within(every).Seconds()/every.Seconds())
		c.errors = binomial(f.rand, inside, f.spellRate) + binomial(f.rand, c.requests-inside, f.rate/2/(1-f.share()))
	case f.lump > 1:
		for range binomial(f.rand, c.requests, f.rate/f.lump) {
			c.errors += 1 + uint64(math.Log(1-f.rand.Float64())/math.Log1p(-1/f.lump))
		}
		c.errors = min(c.errors, c.requests)
	default:
		c.errors = binomial(f.rand, c.requests, f.rate)
	}
	return c
}

// poisson is a binomial of so many trials that nothing tells the difference.
func poisson(r *rand.Rand, mean float64) uint64 {
	const trials = 1 << 24
	return binomial(r, trials, mean/trials)
}

// binomial draws the number of successes among n: by the gaps between them where
// they are few, otherwise by transformed rejection (Hörmann 1993, "The generation
// of binomial random variates"). Both are exact.
func binomial(r *rand.Rand, n uint64, p float64) uint64 {
	switch {
	case n == 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(r, n, 1-p)
	case float64(n)*p < 12:
		var x uint64
		for at := 0.0; ; x++ {
			at += math.Floor(math.Log(1-r.Float64())/math.Log1p(-p)) + 1
			if at > float64(n) {
				return x
			}
		}
	}
	return rejected(r, float64(n), p)
}

// rejected is Hörmann's BTRS, for n·p of at least ten and p of at most a half.
func rejected(r *rand.Rand, n, p float64) uint64 {
	spread := math.Sqrt(n * p * (1 - p))
	b := 1.15 + 2.53*spread
	a := -0.0873 + 0.0248*b + 0.01*p
	centre, square := n*p+0.5, 0.92-4.2/b
	mode := math.Floor((n + 1) * p)
	for {
		u, v := r.Float64()-0.5, r.Float64()
		edge := 0.5 - math.Abs(u)
		x := math.Floor((2*a/edge+b)*u + centre)
		switch {
		case x < 0 || x > n:
			continue
		case edge >= 0.07 && v <= square:
			return uint64(x)
		}
		v *= (2.83 + 5.1/b) * spread / (a/(edge*edge) + b)
		if math.Log(v) <= choices(n, x)-choices(n, mode)+(x-mode)*math.Log(p/(1-p)) {
			return uint64(x)
		}
	}
}

// choices is the logarithm of n over x.
func choices(n, x float64) float64 {
	all, _ := math.Lgamma(n + 1)
	some, _ := math.Lgamma(x + 1)
	rest, _ := math.Lgamma(n - x + 1)
	return all - some - rest
}
