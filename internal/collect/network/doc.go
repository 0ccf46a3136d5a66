// Package network takes the facts about whom an application talks with: where
// it listens, whom it dials and who dials it, which databases, queues and caches
// are among them, and its unix sockets.
//
// It reads the kernel's tables and joins them with the open descriptors of
// processes. It sends nothing, but for the question to the resolver what an
// address is called, and it sees no byte of what is transferred.
package network
