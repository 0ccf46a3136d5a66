// Package runbook is the procedure: the table of steps, the guards between
// them, and the two functions through which everything else sees it. Needs
// says what to observe and how fresh; Next decides, with all its reasons.
//
// It is pure: a decision depends on the folded journal, on facts and on a
// time that is given, so that a crash, a replay and a test see the same thing.
// It must not know how anything is observed, done, stored or printed.
package runbook
