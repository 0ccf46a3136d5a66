package analysis

import "math"

// A count is x of n: errors of requests, slow of timed.
type count struct{ n, x float64 }

func counted(n, x uint64) count { return count{n: float64(n), x: float64(min(x, n))} }

// A segment is a part of the new side's history with its weight in the mixture
// over the moments at which a regression may have begun.
type segment struct {
	count
	logWeight float64
}

// atom is the weight of "no alternative" in every mixture. It lets the baseline
// alone rule out a rate of the nuisance grid where the new side cannot.
const atom = 0.1

var logAtom, logRest = math.Log(atom), math.Log(1 - atom)

// mixture returns the log of the e-process of the new side against the edge:
// the weighted likelihood ratios of all alternatives over all segments.
func mixture(segments []segment, grid []tilt, edge float64) float64 {
	all := total{sum: atom}
	for _, g := range grid {
		perRequest := math.Log1p(edge * g.psi)
		rest := logRest + g.logWeight
		for i := range segments {
			s := &segments[i]
			all.add(rest + s.logWeight + g.t*s.x - s.n*perRequest)
		}
	}
	return all.log()
}

// A total is Σ exp(v) of many v, to which an atom belongs, so that it is never
// much below one.
type total struct {
	sum  float64
	huge float64 // the greatest v beyond what a float64 holds the exponential of
}

func (t *total) add(v float64) {
	const negligible, most = -28, 650
	switch {
	case v > most:
		t.huge = max(t.huge, v)
	case v > negligible:
		t.sum += math.Exp(v)
	}
}

// log is ln Σ exp(v); where one v is huge the others are left out.
func (t *total) log() float64 {
	if t.huge > 0 {
		return t.huge
	}
	return math.Log(t.sum)
}

// A nuisance is what is known of the baseline's true rate p₀, which the tolerance
// is added to and which nobody knows: a history of fixed size and what the old
// side counted meanwhile.
//
// The classical conditional form (given all errors, those of the new side are
// binomial) cancels p₀ for a *ratio* of rates. Our edge p₀ + δ is additive, and
// with a baseline without errors a ratio has no meaning at all. So the evidence is
// taken for every possible p₀ and the least of it counts (union-intersection):
//
//	E = min over p₀ of  B(p₀) · M(p₀ + δ)
//
// B is an e-value of the baseline against p₀, M the e-process of the new side
// against the edge that p₀ would set. For the true p₀ the product is an e-process
// because the two samples are independent, and the minimum is never above it; hence
// E is one under the whole composite null (Wasserman, Ramdas and Balakrishnan 2020,
// "Universal inference"; Waudby-Smith and Ramdas 2024, "Estimating means of
// bounded random variables by betting"). A baseline without requests leaves p₀ free,
// and nothing is then ever proven.
type nuisance struct {
	count
	// scale is the size of the history alone: fixed before the first look, as the
	// alternatives of B must be.
	scale, dispersion float64
}

// A deviation is an alternative of B, in standard deviations of the history.
type deviation struct{ far, logWeight float64 }

// near and beyond are the alternatives of B; what is left of one is B's own atom.
// Being local to p₀ they cost a constant, where one prior for all p₀ would cost
// ½·ln n. A rise may lead far beyond what a small history allows, and only the
// farthest of them says so at once; a fall is never more than the tolerance.
var (
	near = [...]deviation{{1, math.Log(0.25)}, {2, math.Log(0.2)}, {4, math.Log(0.15)}}
	far  = deviation{8, math.Log(0.05)}
)

// against returns ln B(p): the baseline's evidence that its rate is below p
// (direction −1) or above it (direction +1). Downwards it never falls with p,
// upwards it never rises.
func (b nuisance) against(p, direction float64) float64 {
	p = max(p, 1e-300)
	m := burst(b.dispersion)
	steepest := 1.5 // where λ·ψ(1/√λ) stops rising with λ; see the package's test
	if m > 0 {
		steepest = min(steepest, 0.4*math.Log1p(1/m))
	}
	unit := 1 / math.Sqrt(b.dispersion*b.scale*p)
	all := total{sum: 0.4}
	add := func(d deviation) {
		t := min(direction*d.far*unit, steepest)
		all.add(d.logWeight + t*b.x - b.n*math.Log1p(p*psi(t, m)))
	}
	if direction < 0 {
		all.sum = 0.35
		add(far)
	}
	for _, d := range near {
		add(d)
	}
	return all.log()
}

// cells cut [0, 1−δ], where p₀ lies, finely around the observed rate and coarsely
// far from it, in standard deviations of √p (which are the same at every p).
// Signs are for a test upwards. Any cut is valid, only the loss differs.
var cells = [...]float64{
	-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7,
	7.5, 8, 9, 10, 12, 15, 20,
}

// A cut is the range of p₀ in cells, and what the baseline says at their ends.
type cut struct {
	nuisance
	// ends of the cells in [0, 1−δ] by falling closeness to the tested side: rising
	// for a test upwards, falling for one downwards, the range's own included.
	ends [len(cells) + 2]float64
	size int
	// known is ln B at the first ends, as far as anybody asked.
	known     [len(cells) + 2]float64
	asked     int
	direction float64 // of B: −1 for a test upwards, +1 for one downwards
}

// upwards cuts [0, top] for a test of a rise.
func (b nuisance) upwards(top float64) cut { return b.cut(0, top, -1) }

// downwards cuts [0, top] for a test of no rise.
func (b nuisance) downwards(top float64) cut { return b.cut(top, 0, +1) }

func (b nuisance) cut(first, last, direction float64) cut {
	c := cut{nuisance: b, direction: direction, size: 1}
	c.ends[0] = first
	root := math.Sqrt((b.x + 0.5) / (b.n + 1))
	width := 0.5 / math.Sqrt(max(b.n/b.dispersion, 0.25))
	for _, z := range cells {
		r := max(root-direction*z*width, 0)
		p := min(r*r, max(first, last))
		if p != c.ends[c.size-1] && p != last {
			c.ends[c.size] = p
			c.size++
		}
	}
	c.ends[c.size] = last
	c.size++
	return c
}

// baseline returns ln B at the near end of the cell before end i. B never falls
// with i.
func (c *cut) baseline(i int) float64 {
	for ; c.asked < i; c.asked++ {
		c.known[c.asked] = c.against(c.ends[c.asked], c.direction)
	}
	return c.known[i-1]
}

// least bounds min B·M over the cells from below, in logs: within a cell B is least
// at its near and M, which newSide gives, at its far end, so the search is exact,
// never hopeful. M is never below its atom, so once B alone keeps the product above
// the least found the rest cannot be less.
func (c *cut) least(newSide func(p float64) float64) float64 {
	least := math.Inf(1)
	for i := 1; i < c.size; i++ {
		known := c.baseline(i)
		if known+logAtom >= least {
			break
		}
		least = min(least, known+newSide(c.ends[i]))
	}
	return least
}

// risen returns the log evidence that the new rate exceeds the baseline's by more
// than the tolerance.
func (b nuisance) risen(segments []segment, tolerance float64) float64 {
	var gridBuf [len(rises)]tilt
	var buf [maxSegments + 1]segment
	grid := tilts(gridBuf[:0], rises[:], b.dispersion)
	c := b.upwards(1 - tolerance)
	segments = telling(buf[:0], segments, c.ends[1]+tolerance)
	return c.least(func(p float64) float64 { return mixture(segments, grid, p+tolerance) })
}

// telling appends to dst those segments that can add anything to the evidence
// against edge, or a higher one: of a healthy history hardly more than the whole.
// No likelihood ratio exceeds exp(n·KL), nor 1 where the rate is below the edge, so
// what is left out is less than 0.001 for each. Leaving out is always valid.
func telling(dst, segments []segment, edge float64) []segment {
	const negligible = -7
	for _, s := range segments {
		most := s.logWeight
		if s.x > s.n*edge {
			most += s.n * divergence(s.x/s.n, edge)
		}
		if most > negligible {
			dst = append(dst, s)
		}
	}
	return dst
}

// fallen returns the log evidence that the new rate does not exceed the baseline's
// by more than the tolerance: the mirror image of risen, over the whole history.
func (c *cut) fallen(all count, tolerance float64) float64 {
	var gridBuf [len(falls)]tilt
	grid := tilts(gridBuf[:0], falls[:], c.dispersion)
	segments := [1]segment{{count: all}}
	return c.least(func(p float64) float64 { return mixture(segments[:], grid, p+tolerance) })
}
