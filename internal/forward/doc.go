// Package forward leads connections on: it listens on ports, and joins each
// connection to one of the addresses that the port's route names, as bytes, as bytes
// within TLS, or as requests of HTTP. It is what stands between clients and the old
// entry on the way back, and between a machine's port and the cluster for clients
// that never ask for a name again.
//
// It terminates no TLS of clients, carries no datagrams, and keeps no connection to a
// target before a client asks for one. It must not know a cluster, a migration, nor
// why anybody is led anywhere.
package forward
