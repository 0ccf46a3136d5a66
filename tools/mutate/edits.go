package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// edit takes one thing out of one file, and names the packages that must see it.
type edit struct {
	name, file, old, new string
	packages             []string
}

var edits = []edit{
	{"fsync of the journal", "internal/store/sqlite/store.go", `"rw", "synchronous=FULL", "wal_autocheckpoint=0"`, `"rw", "synchronous=OFF", "wal_autocheckpoint=0"`,
		[]string{"internal/store/sqlite"}},
	{"compare-and-swap of the journal", "internal/store/sqlite/write.go", `if head != prev {`, `if false {`,
		[]string{"internal/store/sqlite"}},
	{"compare-and-swap of the journal in memory", "internal/store/memory/store.go", `if l.head != prev {`, `if false {`,
		[]string{"internal/store/memory"}},
	{"fence of what acts", "internal/store/lease.go", `case r.Fence == 0 || r.Fence != l.Fence:`, `case false:`,
		[]string{"internal/store/memory"}},
	{"lease of another process", "internal/store/lease.go", `if l.Holder != "" && l.Holder != holder && now.Before(l.Until) {`, `if false {`,
		[]string{"internal/store/memory"}},
	{"digest of a record", "internal/journal/chain.go", `case r.Digest != digest(r):`, `case false:`,
		[]string{"internal/journal"}},
	{"chain of records", "internal/journal/chain.go", `case r.Prev != prev.Digest:`, `case false:`,
		[]string{"internal/journal"}},
	{"compare-and-swap of records in memory", "internal/dns/memory/memory.go", `.SameData(pair.Before) {`, `.SameData(pair.Before) && false {`,
		[]string{"internal/dns/memory"}},
	{"dispersion of the baseline", "internal/analysis/config.go", `b.Dispersion = min(b.Dispersion, 1e6)`, `b.Dispersion = 1`,
		[]string{"internal/analysis"}},
}

// edit takes something out and runs the tests of the packages in turn.
func (t tester) edit(ctx context.Context, e edit) (verdict, error) {
	path := filepath.Join(t.root, e.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return verdict{}, err
	}
	if n := strings.Count(string(text), e.old); n != 1 {
		return verdict{}, fmt.Errorf("%s: %q is there %d times: mend the list of tools/mutate", e.file, e.old, n)
	}
	changed := filepath.Join(t.dir, "edit.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o600); err != nil {
		return verdict{}, err
	}
	overlay, err := t.overlay("edit.json", map[string]string{path: changed})
	if err != nil {
		return verdict{}, err
	}
	began := time.Now()
	v := verdict{name: e.name}
	for _, p := range e.packages {
		if v.killer, err = t.test(ctx, t.root, nil, "go", "test", "-vet=off", "-count=1", "-failfast", "-timeout=5m", "-overlay", overlay, "./"+p); err != nil || v.killer != "" {
			break
		}
	}
	v.took = time.Since(began)
	return v, err
}
