package sweep

import (
	"cmp"
	"fmt"
	"slices"

	"rehome.dev/rehome/internal/scan"
)

// Finding is the place of a secret: never what it is. Line and Column count from 1,
// columns in characters; Line is 0 where the file as a whole is the secret, and Column
// also where it is not known. Commit is the one that added it, where revisions were
// looked at.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	KeyPath string `json:"keyPath"`
	Rule    string `json:"rule"`
	Commit  string `json:"commit,omitempty"`

	Doubtful  bool       `json:"-"` // a person has to decide
	Allowance *Allowance `json:"allowance,omitempty"`
}

// Skipped is what was not looked at on purpose.
type Skipped struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// Fault is what could not be looked at.
type Fault struct {
	File   string `json:"file"`
	Reason string `json:"error"`

	err error
}

func (f Fault) Error() string { return f.Reason }
func (f Fault) Unwrap() error { return f.err }

// Result is what was found, in the order of the arguments, then of names, then of
// lines; of revisions the oldest first.
type Result struct {
	Findings []Finding
	Skipped  []Skipped
	Faults   []Fault
	Files    int   // that were looked at
	Bytes    int64 // in them
	Commits  int   // where revisions were looked at
}

func (r *Result) fault(file, what string, err error) {
	r.Faults = append(r.Faults, Fault{File: file, Reason: fmt.Sprintf("%s: %v", what, err), err: err})
}

// merged is what both detectors say of one text: a line that the first one knows is
// not told again, unless it only doubts.
func merged(own, vendor []scan.Place) []scan.Place {
	sure, doubted := map[int]bool{}, map[int]bool{}
	for _, p := range own {
		if p.Doubtful {
			doubted[p.Line] = true
		} else {
			sure[p.Line] = true
		}
	}
	for _, p := range vendor {
		switch {
		case sure[p.Line], p.Doubtful && doubted[p.Line]:
			continue
		case doubted[p.Line]:
			own = slices.DeleteFunc(own, func(o scan.Place) bool { return o.Doubtful && o.Line == p.Line })
		}
		own = append(own, p)
	}
	slices.SortStableFunc(own, func(a, b scan.Place) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return own
}
