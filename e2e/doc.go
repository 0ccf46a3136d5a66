// Package e2e holds the end-to-end suites: the rehome command moves the lab's
// application on real parts, and is killed, cut off and misused on the way.
//
// The suites look at what people and clients would see: exit codes, what is
// printed, what both name servers answer, who answered the load client. Beside
// that they read the journal, to see that nothing was done twice. They must not
// reach into the program.
//
// They need root, and carry the build tag `lab`.
package e2e
