// Package process looks at the application's processes: what each of them is,
// with which rights and signal masks it runs, which environment variables it has
// by name, and what all of them together take of the machine (proc(5)).
//
// It reads /proc and nothing else, and keeps no value of a variable and no secret
// of a command line. It must not know which processes are the application's:
// the scope says so.
package process
