// Package engine is the loop around the runbook: it observes what a decision
// needs, asks for the decision, journals the intent, looks again, acts, and
// journals the outcome. It declares the ports that it works through.
//
// It must not know the procedure (that is the runbook's), nor any adapter.
package engine
