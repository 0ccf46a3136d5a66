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
	var buf [256]float64
	logs := append(buf[:0], logAtom)
	top := logs[0]
	for _, g := range grid {
		perRequest := math.Log1p(edge * g.psi)
		rest := logRest + g.logWeight
		for i := range segments {
			s := &segments[i]
			v := rest + s.logWeight + g.t*s.x - s.n*perRequest
			logs = append(logs, v)
			top = max(top, v)
		}
	}
	return logSum(logs, top)
}

// logSum is ln Σ exp(v), given the greatest v.
func logSum(logs []float64, top float64) float64 {
	const negligible = 36 // e⁻³⁶ is below the last bit of the sum
	sum := 0.0
	for _, v := range logs {
		if v-top > -negligible {
			sum += math.Exp(v - top)
		}
	}
	return top + math.Log(sum)
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

// confidence holds the alternatives of B in standard deviations of the history
// and their weights; what is left of one is B's own atom. Being local to p₀ they
// cost a constant, where one prior for all p₀ would cost ½·ln n.
var confidence = [...]alternative{{1, 0.25}, {2, 0.2}, {4, 0.15}}

const confidenceAtom = 0.4

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
	logs := [len(confidence) + 1]float64{math.Log(confidenceAtom)}
	top := logs[0]
	unit := 1 / math.Sqrt(b.dispersion*b.scale*p)
	for i, c := range confidence {
		t := direction * c.ratio * unit
		t = min(t, steepest)
		v := math.Log(c.weight) + t*b.x - b.n*math.Log1p(p*psi(t, m))
		logs[i+1] = v
		top = max(top, v)
	}
	return logSum(logs[:], top)
}

// cells cut [0, 1−δ], where p₀ lies, finely around the observed rate and coarsely
// far from it, in standard deviations of √p (which are the same at every p).
// Signs are for a test upwards. Any cut is valid, only the loss differs.
var cells = [...]float64{
	-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7,
	7.5, 8, 9, 10, 12, 15, 20,
}

// rates returns the cells' ends in [0, top] by falling closeness to the tested
// side: rising for direction +1, falling for −1, the ends of the range included.
func (b nuisance) rates(dst []float64, top, direction float64) []float64 {
	root := math.Sqrt((b.x + 0.5) / (b.n + 1))
	width := 0.5 / math.Sqrt(max(b.n/b.dispersion, 0.25))
	first, last := 0.0, top
	if direction < 0 {
		first, last = top, 0
	}
	dst = append(dst, first)
	for _, z := range cells {
		r := max(root+direction*z*width, 0)
		p := min(r*r, top)
		if p != dst[len(dst)-1] && p != last {
			dst = append(dst, p)
		}
	}
	return append(dst, last)
}

// risen returns the log evidence that the new rate exceeds the baseline's by more
// than the tolerance. Within a cell B is least at its lower and M at its upper end,
// so their product bounds the minimum from below: the search is exact, never hopeful.
func (b nuisance) risen(segments []segment, tolerance float64) float64 {
	var gridBuf [len(rises)]tilt
	var rateBuf [len(cells) + 2]float64
	grid := tilts(gridBuf[:0], rises[:], b.dispersion)
	ps := b.rates(rateBuf[:0], 1-tolerance, +1)
	return b.least(ps, -1, func(p float64) float64 { return mixture(segments, grid, p+tolerance) })
}

// least bounds min B·M over the cells between the rates ps from below, in logs;
// ps run in the direction in which B never falls. M is never below its atom, so
// once B alone keeps the product above the least found the rest cannot be less.
func (b nuisance) least(ps []float64, direction float64, newSide func(p float64) float64) float64 {
	least := math.Inf(1)
	for i := 1; i < len(ps); i++ {
		known := b.against(ps[i-1], direction)
		if known+logAtom >= least {
			break
		}
		least = min(least, known+newSide(ps[i]))
	}
	return least
}

// fallen returns the log evidence that the new rate does not exceed the baseline's
// by more than the tolerance: the mirror image of risen, over the whole history.
func (b nuisance) fallen(all count, tolerance float64) float64 {
	var gridBuf [len(falls)]tilt
	var rateBuf [len(cells) + 2]float64
	grid := tilts(gridBuf[:0], falls[:], b.dispersion)
	ps := b.rates(rateBuf[:0], 1-tolerance, -1)
	segments := [1]segment{{count: all}}
	return b.least(ps, +1, func(p float64) float64 { return mixture(segments[:], grid, p+tolerance) })
}
