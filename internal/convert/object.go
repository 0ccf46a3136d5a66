// Package convert decides what becomes of a configuration tree: which file goes into
// a ConfigMap and which into a Secret, under which key, and how one volume leads all
// of them back to the paths at which the application finds them.
//
// It is pure. It must not know where the tree was read nor where objects are kept.
// What a Secret holds stands in Object.Data alone, which writes itself as its length.
package convert

import "rehome.dev/rehome/internal/tree"

// Kind is the kind of an object that holds files.
type Kind string

// The kinds of objects.
const (
	ConfigMap Kind = "ConfigMap"
	Secret    Kind = "Secret"
)

// Object is one ConfigMap or Secret. It is immutable and named by what it holds, so
// that a change makes another one, rolls the pods, and the old one is still there to
// go back to.
type Object struct {
	Kind      Kind                    `json:"kind"`
	Namespace string                  `json:"namespace"`
	Name      string                  `json:"name"`
	Data      map[string]tree.Content `json:"-"` // by key
}
