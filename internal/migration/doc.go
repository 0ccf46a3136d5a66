// Package migration is the vocabulary of a move from virtual machines to
// Kubernetes: what is declared (Spec, Policy), where a move stands (Step,
// Mode), what was seen (RRset, ZoneFacts, ClusterFacts), what is judged
// (Reason, Code) and what is done (Action, Intent, Outcome).
//
// It holds values and the comparisons between them, nothing that decides and
// nothing that acts. It must not know how a value is stored, observed or
// printed, and imports only the standard library.
package migration
