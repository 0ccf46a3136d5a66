// Package cli is the command line: it reads files and flags, drives the engine,
// and says what happens to people and to scripts. Its voice is one: results on
// standard output, progress on standard error, and a failure as "rehome: error:"
// followed by "rehome: hint:".
//
// It decides nothing about a migration; that is the runbook's. It knows no
// adapter; those are wire's.
package cli
