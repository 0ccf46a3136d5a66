// Package scan finds what looks like a secret. So far it reads free text, line
// by line: what pods have written before they are scaled away passes through it
// on its way to a file.
//
// It is pure. It must not know where a text comes from or goes to, and it never
// returns, wraps or prints what it has found.
package scan
