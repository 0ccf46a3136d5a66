// Package collect takes the facts of one application on the machine on which it
// runs: it finds the application's processes, looks at them again and again, and
// lets each collector note its own subjects. It runs inside the agent that is
// carried to a machine, and inside a local probe.
//
// It changes nothing, stops nothing and attaches to nothing. It must not know
// what a fact means, nor how the agent came to the machine. What it cannot see
// becomes a gap, never an empty list.
package collect
