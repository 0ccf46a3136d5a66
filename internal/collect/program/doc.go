// Package program says what the application's executables are: which package
// they came with, in which language they are written, on which run time and
// framework, and which libraries they need.
//
// It reads headers, names and maps, never runs a program of the application, and
// must not know what depends on the answer. A language is told by what can be
// seen of it; a program of which nothing can be seen is taken for C.
package program
