// Package trace is how recorded traffic is written down and judged afterwards: a
// trace, one line for each sample; a baseline; and the windows into which past
// traffic is cut, to see what a policy would have made of them.
//
// The judgement itself is package analysis's, sample by sample as after a switch.
// This package must not know where traffic was recorded, which policy it is judged
// by, nor what a verdict leads to.
package trace
