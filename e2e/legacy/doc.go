// Package legacy probes applications that nobody here wrote, on a machine of their
// own, and those that were written to be hard to look at: what rehome says of each
// is compared with what a person found on the machine.
//
// It uses rehome as a person does, by its command line, and must not know its insides.
package legacy
