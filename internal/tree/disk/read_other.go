//go:build !linux

package disk

import (
	"context"
	"runtime"

	"rehome.dev/rehome/internal/tree"
)

// Read says that it cannot: what it relies on exists on Linux alone.
func Read(_ context.Context, root string, _ Options) (tree.Tree, error) {
	return tree.Tree{}, &Error{Root: root, Why: runtime.GOOS + ": trees are read on Linux alone", hint: "name a Linux machine with --host, or call rehome on one"}
}
