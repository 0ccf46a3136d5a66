//go:build !linux

package drill

import (
	"context"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// Run says that there is nothing to make: facts are taken on Linux.
func Run(_ context.Context, s *scope.Scope, f *inventory.Facts, _ func(string)) {
	for _, name := range s.Request.Drills {
		f.Drills = append(f.Drills, inventory.Drill{Name: name, At: time.Now().UTC(), Err: "facts are taken on Linux"})
	}
}

// Main has no hidden commands here.
func Main([]string) (code int, mine bool) { return 0, false }
