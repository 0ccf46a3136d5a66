package analysis

import (
	"math"
	"testing"
)

var inf = math.Inf(1)

// binomialPMF is exact enough for the small n of these tests.
func binomialPMF(n, x int, p float64) float64 {
	c := 1.0
	for i := range x {
		c *= float64(n-i) / float64(i+1)
	}
	return c * math.Pow(p, float64(x)) * math.Pow(1-p, float64(n-x))
}

func close(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(b)) }

func TestTiltIsTheLikelihoodRatio(t *testing.T) {
	// 3 errors in 10 requests, edge 0.1, odds twice as high: θ = 0.2/1.1.
	theta := 2.0 / 11
	want := 3*math.Log(theta/0.1) + 7*math.Log((1-theta)/0.9)
	g := tilts(nil, []alternative{{2, 1}}, 1)[0]
	if got := g.t*3 - 10*math.Log1p(0.1*g.psi); !close(got, want) {
		t.Errorf("log likelihood ratio %v, want %v", got, want)
	}
	if !close(g.t, math.Ln2) || !close(g.psi, 1) {
		t.Errorf("t = %v, ψ = %v, want ln 2 and 1", g.t, g.psi)
	}
}

// ψ of a dispersion must be the moment generating function of its bursts, and
// every tilt must lie where that exists.
func TestPsiIsTheMomentGeneratingFunctionOfABurst(t *testing.T) {
	for _, dispersion := range []float64{1.5, 3, 9, 40} {
		mean := (dispersion + 1) / 2
		for _, g := range append(tilts(nil, rises[:], dispersion), tilts(nil, falls[:], dispersion)...) {
			mgf, p := 0.0, 1/mean
			for k := 1; k < 100_000; k++ {
				mgf += p * math.Exp(g.t*float64(k)+float64(k-1)*math.Log1p(-p))
			}
			if want := (mgf - 1) / mean; math.Abs(g.psi-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("dispersion %v, t %v: ψ %v, want %v", dispersion, g.t, g.psi, want)
			}
		}
	}
}

// At the edge itself the mixture's expectation is exactly one: its weights, the
// atom's included, are spent once.
func TestMixtureIsFairAtTheEdge(t *testing.T) {
	for _, edge := range []float64{0.01, 0.2, 0.6} {
		for _, grid := range [][]tilt{tilts(nil, rises[:], 1), tilts(nil, falls[:], 1)} {
			sum := 0.0
			for x := range 31 {
				segments := []segment{{counted(30, uint64(x)), math.Log(0.75)}, {count{}, math.Log(0.25)}}
				sum += binomialPMF(30, x, edge) * math.Exp(mixture(segments, grid, edge))
			}
			if !close(sum, 1) {
				t.Errorf("edge %v: expectation %v", edge, sum)
			}
		}
	}
}

// Exact expectation over all outcomes: at most one for a healthy new side at any
// baseline, the additive edge and the unknown baseline rate included.
func TestEvidenceIsAnEValue(t *testing.T) {
	const history, requests, tolerance = 25, 30, 0.02
	for _, p0 := range []float64{0, 0.01, 0.1, 0.3, 0.7} {
		for _, rise := range []float64{-1, 0, 1} { // below, at and beyond the edge
			p1 := min(max(p0+tolerance+0.05*rise, 0), 1)
			bad, good := 0.0, 0.0
			for x0 := range history + 1 {
				b := nuisance{count: counted(history, uint64(x0)), scale: history, dispersion: 1}
				down := b.downwards(1 - tolerance)
				for x1 := range requests + 1 {
					c := counted(requests, uint64(x1))
					p := binomialPMF(history, x0, p0) * binomialPMF(requests, x1, p1)
					bad += p * math.Exp(b.risen([]segment{{count: c}}, tolerance))
					good += p * math.Exp(down.fallen(c, tolerance))
				}
			}
			if p1 <= p0+tolerance+1e-12 && bad > 1+1e-9 {
				t.Errorf("p0 %v, p1 %v: evidence against a healthy side has expectation %v", p0, p1, bad)
			}
			if p1 >= p0+tolerance-1e-12 && good > 1+1e-9 {
				t.Errorf("p0 %v, p1 %v: evidence for a sick side has expectation %v", p0, p1, good)
			}
		}
	}
}

func TestBaselineEvidenceIsAnEValue(t *testing.T) {
	const n = 60
	for _, p := range []float64{0.001, 0.02, 0.2, 0.6, 0.95} {
		for _, direction := range []float64{-1, 1} {
			sum := 0.0
			for x := range n + 1 {
				b := nuisance{count: counted(n, uint64(x)), scale: n, dispersion: 1}
				sum += binomialPMF(n, x, p) * math.Exp(b.against(p, direction))
			}
			if sum > 1+1e-9 {
				t.Errorf("p %v, direction %v: expectation %v", p, direction, sum)
			}
		}
	}
}

// The bound over a cell rests on this.
func TestBaselineEvidenceIsMonotone(t *testing.T) {
	for _, dispersion := range []float64{1, 1.2, 2, 5, 30} {
		for _, x := range []float64{0, 1, 3, 50, 999} {
			b := nuisance{count: count{1000, x}, scale: 1000, dispersion: dispersion}
			up, down := math.Inf(-1), math.Inf(1)
			for i := 1; i < 4000; i++ {
				p := math.Pow(float64(i)/4000, 3)
				below, above := b.against(p, -1), b.against(p, 1)
				if below < up-1e-9 || above > down+1e-9 {
					t.Fatalf("dispersion %v, x %v: not monotone at p = %v", dispersion, x, p)
				}
				up, down = below, above
			}
		}
	}
}

// The cut into cells may lose evidence but must never make any up.
func TestCellsBoundTheMinimum(t *testing.T) {
	grid := tilts(nil, rises[:], 1)
	for _, c := range []struct{ n0, x0, n1, x1 float64 }{
		{90_000, 90, 1200, 14}, {1000, 0, 500, 12}, {100, 3, 1e6, 1e5}, {1e9, 1e6, 1e6, 5000}, {0, 0, 1000, 900},
	} {
		b := nuisance{count: count{c.n0, c.x0}, scale: max(c.n0, 1000), dispersion: 1}
		segments := []segment{{count: count{c.n1, c.x1}}}
		exact := inf
		for i := range 20_000 {
			p := math.Pow(float64(i)/20_000, 4) * 0.999
			exact = min(exact, b.against(p, -1)+mixture(segments, grid, p+0.001))
		}
		got := b.risen(segments, 0.001)
		if got > exact+1e-6 {
			t.Errorf("%+v: evidence %v above the minimum %v", c, got, exact)
		}
		if got < 0.8*min(exact, 60)-1 { // what is far beyond any limit may be cut short
			t.Errorf("%+v: evidence %v far below the minimum %v", c, got, exact)
		}
	}
}

func TestEpochWeightsSpendNoMoreThanIsLeft(t *testing.T) {
	sum := startWeight
	const far = 1_000_000
	for k := uint64(1); k <= far; k++ {
		sum += epochWeight(k)
	}
	sum += (1 - startWeight) * logEven / math.Log(far+evenUntil) // the integral of the rest
	if sum > 1+1e-9 || sum < 0.95 {
		t.Errorf("weights sum to %v", sum)
	}
	alive := 0
	for k := uint64(1); k <= far; k++ {
		if kept(k, far) {
			alive++
		}
	}
	if alive > maxSegments {
		t.Errorf("%d epochs kept of a million", alive)
	}
}

func TestDivergence(t *testing.T) {
	if got, want := divergence(0.5, 0.25), 0.5*math.Ln2+0.5*math.Log(2.0/3); !close(got, want) {
		t.Errorf("divergence %v, want %v", got, want)
	}
	if got := divergence(0, 0.01); !close(got, -math.Log(0.99)) {
		t.Errorf("divergence at zero %v", got)
	}
}
