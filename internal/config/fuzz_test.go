package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoadMigration: whatever a file holds, it loads or its mistakes are told;
// nothing panics, and what loads is whole enough to be used.
func FuzzLoadMigration(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.yaml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(everything))
	f.Add(Starter("ledger", StarterOptions{}))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("%YAML 1.2\n---\n\xef\xbb\xbf"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "m.yaml")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		spec, err := LoadMigration(file)
		told(t, err)
		if err == nil {
			if spec.Name == "" || len(spec.Names) == 0 || len(spec.Workloads) == 0 || len(spec.VMs) == 0 {
				t.Errorf("loads, but is not whole: %+v", spec)
			}
			for _, n := range spec.Names {
				if !strings.HasSuffix(n.Name, ".") || !strings.HasSuffix(n.Name, n.Zone) || n.Workload == "" {
					t.Errorf("name %+v", n)
				}
				if _, ok := spec.Workload(n.Workload); !ok {
					t.Errorf("%+v leads nowhere", n)
				}
			}
			_ = spec.Digest() // has a JSON form
		}
		p, err := LoadPolicy(file)
		told(t, err)
		if err == nil && (p.Name == "" || p.TTL == 0 || p.SampleEvery <= 0 || p.Alpha <= 0) {
			t.Errorf("loads, but is not whole: %+v", p)
		}
	})
}

func told(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	es, ok := errors.AsType[Errors](err)
	if !ok || len(es) == 0 {
		t.Fatalf("%T: %v", err, err)
	}
	for _, e := range es {
		if e.Problem == "" || strings.ContainsAny(e.Error()[len(e.File):], "\n\r") {
			t.Errorf("%q", e.Error())
		}
	}
}
