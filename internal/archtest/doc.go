// Package archtest holds the repository to its architecture: which package may
// import which, what the pure packages may reach and call, where each library is
// at home, and a few habits that a reader counts on. Every rule says why it is
// there, and its own tests show it turning red.
//
// It reads what `go list` and the parser say about the source. It must not know
// what any package does.
package archtest
