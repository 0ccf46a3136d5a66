// Package health asks the application's own listeners for the paths by which it
// may tell that it is well. It sends GET and nothing else, follows nothing, keeps
// of an answer the status alone, and asks no more often than Most.
//
// It must not know what an answer is worth. It writes HTTP/1.1 (RFC 9112) itself:
// a client that can do everything would be most of the agent's memory.
package health
