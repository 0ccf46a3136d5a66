package unit

import (
	"context"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// collector puts the unit into the facts as it is at the end of the probe.
type collector struct{}

// New is the collector of the unit and of the variables that it declares.
func New() scope.Collector { return collector{} }

// Subjects says what it looks at.
func (collector) Subjects() []inventory.Subject { return []inventory.Subject{inventory.SubjectUnit} }

// Sample does nothing: a unit's settings do not change from second to second.
func (collector) Sample(context.Context, *scope.Scope) {}

// Finish asks systemd once more: a unit that was restarted meanwhile says so.
func (collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	if s.Unit == nil {
		return
	}
	f.Unit = s.Unit
	p, err := Show(ctx, s.Unit.Name)
	if err != nil {
		s.Gaps.Add(inventory.SubjectUnit, s.Unit.Name, err.Error())
		return
	}
	state, unreadable := Read(p, s.Root)
	f.Unit = &state.Unit
	f.Environment = append(f.Environment, state.Variables...)
	f.Secrets = append(f.Secrets, state.Secrets...)
	for _, file := range sorted(unreadable) {
		s.Gaps.Add(inventory.SubjectEnvironment, file, unreadable[file])
	}
	if strings.HasPrefix(state.Unit.State, "failed") {
		s.Gaps.Add(inventory.SubjectUnit, s.Unit.Name, "it has failed during the probe")
	}
}

func sorted(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
