package analysis

import "math"

// A tilt is one alternative of a likelihood ratio in its exponential form. For
// errors that come singly the likelihood ratio of x errors in n requests between
// a Bernoulli rate whose odds are r times as high and the edge rate e itself is
//
//	exp(t·x − n·ln(1 + e·ψ(t)))   with t = ln r, ψ(t) = eᵗ − 1
//
// (Wald 1945, "Sequential tests of statistical hypotheses"). For errors in
// bursts of geometric length with mean μ, which have variance over mean
// φ = 2μ − 1, the same expression is a martingale with
//
//	ψ(t) = (eᵗ − 1) / (μ − (μ−1)·eᵗ)
//
// the moment generating function of the burst: a sub-gamma bound in the sense of
// Howard et al. 2020, "Time-uniform Chernoff bounds via nonnegative
// supermartingales". Scaling the counts by φ alone agrees with it for small t
// and fails for large ones, where one long burst would pass for proof.
//
// For t > 0 the process is a supermartingale at every rate below e too, for
// t < 0 at every rate above, which is what makes the composite null hold.
type tilt struct{ t, psi, logWeight float64 }

// burst returns the mean burst length beyond one that belongs to a dispersion.
func burst(dispersion float64) float64 { return (dispersion - 1) / 2 }

// psi is ψ above; m = μ − 1.
func psi(t, m float64) float64 {
	grown := math.Expm1(t)
	return grown / (1 - m*grown)
}

// tiltFor returns the t whose alternative has r times the edge's rate: the root
// of ψ′(t) = r, in the form that stays exact as m goes to zero (t = ln r).
func tiltFor(r, m float64) float64 {
	return math.Log1p(2 * (r - 1) / (2*r*m + 1 + math.Sqrt(1+4*r*m*(1+m))))
}

// An alternative is a ratio of the true rate to the edge and its share of the
// mixture. The mixture, and not its best member, keeps the evidence an
// e-process; it loses at most the logarithm of a weight (Robbins 1970).
type alternative struct{ ratio, weight float64 }

// rises are the alternatives to "within tolerance". Most of the weight lies on
// two to five times the edge, where the delay of detection matters and the
// evidence is neither immediate nor hopeless.
var rises = [...]alternative{
	{1.1, 0.05}, {1.35, 0.10}, {1.8, 0.20}, {2.5, 0.23}, {4, 0.22}, {7, 0.10}, {20, 0.06}, {100, 0.04},
}

// falls are the alternatives to "beyond tolerance". At a baseline of 0.1 % and a
// tolerance of as much again a healthy rate is half the edge, at 5 % it is 0.98 of it.
var falls = [...]alternative{
	{0.98, 0.10}, {0.92, 0.15}, {0.8, 0.2}, {0.55, 0.30}, {0.3, 0.15}, {0.05, 0.10},
}

// tilts prepares a grid for a dispersion.
func tilts(dst []tilt, grid []alternative, dispersion float64) []tilt {
	m := burst(dispersion)
	for _, a := range grid {
		t := tiltFor(a.ratio, m)
		dst = append(dst, tilt{t: t, psi: psi(t, m), logWeight: math.Log(a.weight)})
	}
	return dst
}
