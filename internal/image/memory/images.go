// Package memory is a registry of what images stand on, kept in memory: for
// simulations and tests. It passes the suite that the real one passes.
package memory

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"

	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/internal/migration"
)

// Images answers from a table of images. Its methods are safe for concurrent use.
type Images struct {
	mu    sync.Mutex
	bases map[string]migration.BaseFacts // by image reference
	fault error
}

// New makes one that knows no image.
func New() *Images { return &Images{bases: map[string]migration.BaseFacts{}} }

// Put says what the image ref stands on.
func (i *Images) Put(ref string, facts migration.BaseFacts) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bases = maps.Clone(i.bases)
	i.bases[ref] = facts
}

// Fail makes every later question about an image fail with err; nil ends that.
func (i *Images) Fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault = err
}

// Base says what the image of w stands on.
func (i *Images) Base(ctx context.Context, w migration.Workload, _ migration.Policy) (migration.BaseFacts, error) {
	if err := ctx.Err(); err != nil {
		return migration.BaseFacts{}, err
	}
	if w.Dockerfile != "" {
		text, err := os.ReadFile(w.Dockerfile)
		if err != nil {
			return migration.BaseFacts{}, fmt.Errorf("the Dockerfile of %s: %w", w.Name, err)
		}
		facts, err := image.Dockerfile(text)
		facts.Workload, facts.Source = w.Name, w.Dockerfile
		return facts, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fault != nil {
		return migration.BaseFacts{}, i.fault
	}
	facts, ok := i.bases[w.Image]
	if !ok {
		return migration.BaseFacts{}, fmt.Errorf("nobody knows on what %s stands", w.Image)
	}
	facts.Workload, facts.Source = w.Name, w.Image
	return facts, nil
}
