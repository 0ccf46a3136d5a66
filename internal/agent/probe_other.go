//go:build !linux

package agent

import (
	"context"
	"errors"
	"runtime"

	"rehome.dev/rehome/internal/inventory"
)

var errNotLinux = errors.New(runtime.GOOS + ": facts are taken on Linux alone")

// Probe says that it cannot: what it reads exists on Linux alone.
func Probe(context.Context, inventory.Request, func(inventory.Event)) (inventory.Facts, error) {
	return inventory.Facts{}, errNotLinux
}

func probe(ctx context.Context, req inventory.Request, say func(inventory.Event), _ func()) (inventory.Facts, error) {
	return Probe(ctx, req, say)
}

func hint(err error) string {
	if errors.Is(err, errNotLinux) {
		return "probe a Linux machine with --host"
	}
	return ""
}

func modest() func() { return nil }
