// Package memory is a store of secrets without a server, for tests and for a
// simulation. It keeps the promises of the port as the suite tells them.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"sync"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
)

// Store keeps objects in memory. The zero value is empty, and is safe for
// concurrent use.
type Store struct {
	mu     sync.Mutex
	kept   map[string]map[string]tree.Content
	denied bool
	writes int
}

var _ secrets.Store = (*Store)(nil)

// Deny has the store refuse every write from now on.
func (s *Store) Deny() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = true
}

// Writes is how often something was written.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Holds gives what an object holds, nil where there is none.
func (s *Store) Holds(kind convert.Kind, namespace, name string) map[string]tree.Content {
	s.mu.Lock()
	defer s.mu.Unlock()
	return clone(s.kept[place(kind, namespace, name)])
}

// Replace puts an object there as somebody else would, over whatever is there.
func (s *Store) Replace(o convert.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(o)
}

func (s *Store) keep(o convert.Object) {
	if s.kept == nil {
		s.kept = map[string]map[string]tree.Content{}
	}
	s.kept[place(o.Kind, o.Namespace, o.Name)] = clone(o.Data)
}

func clone(data map[string]tree.Content) map[string]tree.Content {
	if data == nil {
		return nil
	}
	out := make(map[string]tree.Content, len(data))
	for k, v := range data {
		out[k] = bytes.Clone(v)
	}
	return out
}

func place(kind convert.Kind, namespace, name string) string {
	return fmt.Sprintf("%s %s in namespace %s", kind, name, namespace)
}

// Check says whether it would take objects.
func (s *Store) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.may(ctx, "write")
}

func (s *Store) may(ctx context.Context, op string) error {
	switch {
	case ctx.Err() != nil:
		return &secrets.Error{Op: op, Err: context.Cause(ctx)}
	case s.denied:
		return &secrets.Error{Op: op, Err: secrets.ErrForbidden, Help: "allow it"}
	}
	return nil
}

// Put keeps what is not there yet.
func (s *Store) Put(ctx context.Context, objs []convert.Object, dryRun bool) ([]secrets.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	receipts := make([]secrets.Receipt, 0, len(objs))
	for _, o := range objs {
		at := place(o.Kind, o.Namespace, o.Name)
		if err := s.may(ctx, "write "+at); err != nil {
			return nil, err
		}
		r := secrets.Receipt{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Place: at, Done: secrets.Written}
		if have, ok := s.kept[at]; ok {
			if !maps.EqualFunc(have, o.Data, func(a, b tree.Content) bool { return bytes.Equal(a, b) }) {
				return nil, &secrets.Error{Op: "write " + at, Err: secrets.ErrDifferent, Help: "give it another name"}
			}
			r.Done = secrets.There
		} else if dryRun {
			r.Done = secrets.WouldWrite
		}
		receipts = append(receipts, r)
	}
	for i, o := range objs {
		if receipts[i].Done == secrets.Written {
			s.keep(o)
			s.writes++
		}
	}
	return receipts, nil
}
