// Package gitleaks is the second detector: it finds the tokens and keys of vendors by
// the rules of gitleaks, in any text, and tells their places as package scan does.
// gitleaks' rules of names ("generic-api-key" and its like) are not used: what a
// setting is called is judged by package scan.
//
// It never returns, prints or logs what it has found. It must not know where a text
// comes from.
package gitleaks
