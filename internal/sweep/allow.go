package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// AllowFile is the usual name of the list of what is let pass.
const AllowFile = ".rehomescan.yaml"

// Allowance lets one finding pass until a day: by its file, key path and rule, never
// by what it is.
type Allowance struct {
	File    string `json:"file"` // from the list's directory, with slashes
	KeyPath string `json:"keyPath"`
	Rule    string `json:"rule"`
	Reason  string `json:"reason"`
	Until   string `json:"until"` // the last day, as 2006-01-02
	Expired bool   `json:"expired,omitempty"`

	until time.Time // when it ends
	used  bool
}

// Allowances is the list of a directory.
type Allowances struct {
	file string
	dir  string // absolute
	all  []*Allowance
}

// ReadAllowances reads a list. It is small on purpose: what has no reason or no end is
// an error that names the entry.
func ReadAllowances(file string) (*Allowances, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the list of what is let pass: %w", err)
	}
	var list struct {
		Allow []*Allowance `json:"allow"`
	}
	if err := yaml.UnmarshalStrict(data, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i, a := range list.Allow {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("%s: allow[%d]%w", file, i, err)
		}
	}
	return &Allowances{file: file, dir: dir, all: list.Allow}, nil
}

func (a *Allowance) check() error {
	if a == nil {
		return errors.New(" is empty")
	}
	for _, f := range []struct{ name, value string }{{"file", a.File}, {"keyPath", a.KeyPath}, {"rule", a.Rule}, {"reason", a.Reason}, {"until", a.Until}} {
		if strings.TrimSpace(f.value) == "" {
			return fmt.Errorf(".%s is missing", f.name)
		}
	}
	if a.Expired {
		return errors.New(".expired is said by the program")
	}
	if filepath.IsAbs(a.File) || !filepath.IsLocal(filepath.FromSlash(a.File)) {
		return errors.New(".file must stand below the list's directory")
	}
	last, err := time.Parse(time.DateOnly, a.Until)
	if err != nil {
		return errors.New(".until must be a day such as 2026-12-31")
	}
	a.until = last.AddDate(0, 0, 1)
	return nil
}

// Apply marks the findings that are let pass, and those for which that has ended. base
// is the directory from which the names of the findings count. Entries that fit
// nothing are given back: they are of no use any more, or never were.
func (l *Allowances) Apply(findings []Finding, base string, now time.Time) (unused []Allowance, err error) {
	if base, err = filepath.Abs(base); err != nil {
		return nil, fmt.Errorf("find the directory: %w", err)
	}
	type key struct{ file, path, rule string }
	index := map[key]*Allowance{}
	for _, a := range l.all {
		a.Expired = !now.Before(a.until)
		k := key{filepath.ToSlash(filepath.Clean(filepath.FromSlash(a.File))), a.KeyPath, a.Rule}
		if was := index[k]; was == nil || was.Expired {
			index[k] = a
		}
	}
	for i, f := range findings {
		name := f.File
		if !filepath.IsAbs(name) {
			name = filepath.Join(base, name)
		}
		rel, err := filepath.Rel(l.dir, name)
		if err != nil {
			continue
		}
		if a := index[key{filepath.ToSlash(rel), f.KeyPath, f.Rule}]; a != nil {
			a.used = true
			findings[i].Allowance = a
		}
	}
	for _, a := range l.all {
		if !a.used {
			unused = append(unused, *a)
		}
	}
	return unused, nil
}

// LetPass says that somebody answers for a finding still.
func (f Finding) LetPass() bool { return f.Allowance != nil && !f.Allowance.Expired }
