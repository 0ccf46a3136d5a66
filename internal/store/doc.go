// Package store holds the rules that every store of the journal obeys: who may
// append what under which lease, and the form in which a record is kept.
//
// It is arithmetic over values: it must not know where records are kept, and
// reads no clock.
package store
