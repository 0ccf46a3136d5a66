// Package analysis judges the new side of a migration against its baseline,
// sample by sample: good, bad, unresolved or blind.
//
// It is pure. It reads no clock and opens nothing: time comes with the samples,
// and the whole state of a judgement is a value that its owner journals. It
// must not know where the counters come from, what a verdict leads to, nor how
// long anybody waits.
//
// The judgement is sequential. Looking after every sample would roll back
// healthy services if each look were an ordinary test; here the evidence is an
// e-process, a non-negative process whose expectation is at most one at every
// stopping time while the service is healthy. By Ville's inequality it then
// ever reaches 1/α with probability at most α, however often one looks
// (Ramdas, Grünwald, Vovk and Shafer 2023, "Game-theoretic statistics and safe
// anytime-valid inference"; Howard, Ramdas, McAuliffe and Sekhon 2021,
// "Time-uniform, nonparametric, nonasymptotic confidence sequences"; for
// canaries Lindon, Sanden and Shirikian 2022, "Rapid regression detection in
// software deployments through sequential testing").
package analysis
