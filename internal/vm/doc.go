// Package vm takes the facts of applications on the machines that run them: here
// in this process, or over ssh. There the small static agent is carried over,
// started in a directory of its own, and removed with it, however the session
// ends; nothing else on the machine is touched.
//
// It must not know how a fact is taken (package collect does), what it means, or
// why it is wanted. A key, a password or a passphrase is never kept, logged or
// part of an error.
package vm
