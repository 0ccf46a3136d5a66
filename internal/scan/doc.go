// Package scan finds what looks like a secret, by one set of rules: in free text,
// out of which Redact takes it; in command lines, out of which Arguments and
// CommandLine do; in a setting or variable, which Secret judges; and in files of
// configuration, where Locate says in which line and under which key it stands.
// Settings reads the usual formats of configuration into key paths and values; what
// it gives away is the file's content, and as secret as that.
//
// It is pure. It must not know where a text comes from or goes to, and it never
// returns, wraps or prints what it has found.
package scan
