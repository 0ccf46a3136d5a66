// Package memory keeps an archive in the memory of one process: for simulation
// and tests.
//
// It must not know file systems.
package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"rehome.dev/rehome/internal/migration"
)

// Archive is an archive; its zero value is empty. Its paths begin with "memory:".
type Archive struct {
	mu    sync.Mutex
	files map[string][]byte
}

// Incident keeps the incident as JSON, over an earlier state of the same one.
func (a *Archive) Incident(ctx context.Context, key string, inc migration.Incident) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("archive the incident %q of %q: %w", inc.ID, key, err)
	}
	b, err := json.Marshal(inc)
	if err != nil {
		return "", fmt.Errorf("archive the incident %q of %q: %w", inc.ID, key, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.put(fmt.Sprintf("memory:%q/%q", key, inc.ID), b), nil
}

// Logs keeps text under name. What was kept before is never replaced: another
// text of the same name gets a number.
func (a *Archive) Logs(ctx context.Context, key, incident, name string, text []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("archive the log %q of incident %q of %q: %w", name, incident, key, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	base := fmt.Sprintf("memory:%q/%q/%q", key, incident, name)
	path := base
	for n := 2; ; n++ {
		old, ok := a.files[path]
		if ok && bytes.Equal(old, text) {
			return path, nil
		}
		if !ok {
			return a.put(path, text), nil
		}
		path = fmt.Sprintf("%s~%d", base, n)
	}
}

// ReadFile gives what is kept at a path, or fs.ErrNotExist.
func (a *Archive) ReadFile(path string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, ok := a.files[path]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	return slices.Clone(b), nil
}

func (a *Archive) put(path string, b []byte) string {
	if a.files == nil {
		a.files = map[string][]byte{}
	}
	a.files[path] = slices.Clone(b)
	return path
}
