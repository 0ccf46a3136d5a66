// Package secrets is the port to where secrets live: what a store promises, how it
// says what it did, and the errors that mean something to a person.
//
// It must not know a store. No value is in an error, a receipt or a reference.
package secrets

import (
	"context"
	"errors"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/tree"
)

// Store keeps objects. Objects are immutable and named by what they hold: one that
// is there and holds the same is done, one that holds something else is never
// overwritten.
type Store interface {
	// Check reaches the store and says whether it accepts these credentials and
	// would take objects from them. It changes nothing.
	Check(ctx context.Context) error
	// Put writes what is not there yet. Before anything is written all objects are
	// looked at: where one cannot be written none is. The receipts are in the order
	// of the objects; beside an error they are those of what was done before it. A
	// dry run looks as thoroughly, sends no value and writes nothing.
	//
	// The objects stay the caller's: Forget overwrites them.
	Put(ctx context.Context, objs []convert.Object, dryRun bool) ([]Receipt, error)
}

// Source gives values that are kept elsewhere, for whoever puts them into a store.
type Source interface {
	// Values gives the values of all references, in their order, or an error that
	// names every reference that gave none.
	Values(ctx context.Context, refs []Ref) ([]tree.Content, error)
}

// Receipt says what became of one object.
type Receipt struct {
	Kind      convert.Kind `json:"kind"`
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	Place     string       `json:"place"` // where it is now: "secrets/bank-3f2a in namespace bank", "kv/bank/bank-3f2a"
	Done      Done         `json:"done"`
	Version   int          `json:"version,omitempty"` // of the place, where it has versions
}

// Done is what was done.
type Done string

// What can be done with an object.
const (
	Written    Done = "written"
	There      Done = "there"       // it was there already, and holds the same
	WouldWrite Done = "would-write" // by a run that is not dry
)

// The errors of stores, by who can mend them. Each comes as an *Error, which says
// more.
var (
	ErrDifferent   = errors.New("something else is there under this name")
	ErrForbidden   = errors.New("it is forbidden")
	ErrCredentials = errors.New("the credentials are not accepted")
	ErrUnreachable = errors.New("it cannot be reached")
	ErrUnavailable = errors.New("it does not serve at the moment")
	ErrMissing     = errors.New("it is not there")
	ErrRefused     = errors.New("it is refused")
)

// Error is what went wrong with a store. It never holds what a server answered to a
// write: servers repeat what they were sent.
type Error struct {
	Op   string // what was being done: "write secrets bank-3f2a in namespace bank"
	Err  error  // one of those above, or what the network or the context said
	Why  string // more of it, in words of ours
	Help string // what a person can do
}

// Error is what was being done, what went wrong, and more of it.
func (e *Error) Error() string {
	s := e.Op + ": " + e.Err.Error()
	if e.Why != "" {
		s += ": " + e.Why
	}
	return s
}

// Unwrap gives the kind of error.
func (e *Error) Unwrap() error { return e.Err }

// Hint is what a person can do about it, or "".
func (e *Error) Hint() string { return e.Help }

// Forget overwrites what objects hold, and lets go of it.
func Forget(objs []convert.Object) {
	for _, o := range objs {
		for k, v := range o.Data {
			clear(v)
			delete(o.Data, k)
		}
	}
}
