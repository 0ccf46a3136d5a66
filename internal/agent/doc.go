// Package agent is the program that takes facts on a machine: it reads one
// request, looks for as long as that says, and answers with events, one JSON
// object in a line each, the last of them the facts. It lives only as long as the
// connection over which it was started.
//
// The same program also leads connections on, for as long as it is let (forward).
//
// It must not know who asks, nor what the facts mean, and it contains nothing
// that could change the machine except in a drill that the request allows.
package agent
