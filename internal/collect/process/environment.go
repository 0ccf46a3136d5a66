package process

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// environment reads with which variables processes were started.
type environment struct {
	reader
	seen  map[string]*variable
	known map[int]int // samples in which a process was read
	// over are processes that have written their title over their variables before
	// these were read; main is the application's last main process.
	over map[int]bool
	main int
}

type variable struct {
	inventory.Variable
	rule string
}

// NewEnvironment is the collector of the names of environment variables.
func NewEnvironment() scope.Collector {
	return &environment{seen: map[string]*variable{}, known: map[int]int{}, over: map[int]bool{}}
}

// Subjects says what it looks at.
func (e *environment) Subjects() []inventory.Subject {
	return []inventory.Subject{inventory.SubjectEnvironment}
}

// Sample reads each process twice: at first sight it may be just before its exec.
func (e *environment) Sample(_ context.Context, s *scope.Scope) {
	e.proc = s.Proc
	if s.Main > 0 {
		e.main = s.Main
	}
	for _, pid := range s.PIDs {
		if e.known[pid] < 2 && len(e.known) <= most {
			e.known[pid]++
			e.process(s, pid)
		}
	}
}

func (e *environment) process(s *scope.Scope, pid int) {
	text, err := e.read(pid, "environ")
	if err != nil {
		if !gone(err) {
			e.hidden(s, pid, err)
		}
		return
	}
	e.over[pid] = overwritten(text) && (e.known[pid] == 1 || e.over[pid])
	for entry := range bytes.SplitSeq(text, []byte{0}) {
		name, value, ok := bytes.Cut(entry, []byte{'='})
		if !ok || len(name) == 0 {
			continue
		}
		rule, secret := scan.Secret(string(name), string(value))
		v := e.seen[string(name)]
		if v == nil {
			v = &variable{Variable: inventory.Variable{Name: inventory.Name(string(name)), Origin: "process", Empty: true}}
			e.seen[string(name)] = v
		}
		v.Empty = v.Empty && len(value) == 0
		if secret {
			v.Secret, v.rule = true, rule
		}
	}
	clear(text) // values do not stay in memory longer than they must
}

// overwritten says whether a process has written something else over what it was
// started with, as those do that show what they are at as their title. With nothing
// at all it was started with nothing.
func overwritten(text []byte) bool {
	first, _, _ := bytes.Cut(text, []byte{0})
	return len(text) > 0 && !bytes.ContainsRune(first, '=')
}

// hidden notes whose variables could not be read, by the program's name.
func (e *environment) hidden(s *scope.Scope, pid int, err error) {
	comm, _ := e.read(pid, "comm")
	s.Gaps.Add(inventory.SubjectEnvironment, "variables of "+inventory.Name(string(bytes.TrimSpace(comm))), why(err))
}

// Finish adds the variables of the processes to those of the unit, and where a
// secret is among them.
func (e *environment) Finish(_ context.Context, s *scope.Scope, f *inventory.Facts) {
	if e.over[e.main] && s.Unit == nil {
		s.Gaps.Add(inventory.SubjectEnvironment, "variables of the main process", "it has written its title over them, and there is no unit to read them from")
	}
	for _, v := range e.seen {
		f.Environment = append(f.Environment, v.Variable)
		if v.Secret {
			f.Secrets = append(f.Secrets, inventory.SecretPlace{Key: v.Name, Rule: v.rule, In: "environment"})
		}
	}
	slices.SortFunc(f.Environment, func(a, b inventory.Variable) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Origin, b.Origin))
	})
	f.Environment = slices.CompactFunc(f.Environment, func(a, b inventory.Variable) bool {
		return a.Name == b.Name && a.Origin == b.Origin
	})
	slices.SortFunc(f.Secrets, bySecretPlace)
	f.Secrets = slices.Compact(f.Secrets)
}

func bySecretPlace(a, b inventory.SecretPlace) int {
	return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Rule, b.Rule))
}
