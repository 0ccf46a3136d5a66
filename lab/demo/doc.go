// Package demo moves the lab's application with the rehome command, as a person
// would: by what the command line offers and nothing else. It is the script of
// `make demo`, and the world that the end-to-end tests share.
//
// It must not know the procedure: it types commands and looks at exit codes.
package demo
