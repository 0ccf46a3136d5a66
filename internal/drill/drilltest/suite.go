// Package drilltest is what every implementation of the drills must hold to: the
// experiments of step stage, and the look at what staging reaches.
//
// It knows the vocabulary and no implementation: what it needs of the outside it
// asks a World for.
package drilltest

import (
	"context"
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Drills is the port as the engine declares it.
type Drills interface {
	Isolation(ctx context.Context, spec migration.Spec, policy migration.Policy, machines inventory.Report) (migration.IsolationFacts, error)
	Drill(ctx context.Context, spec migration.Spec, policy migration.Policy, a migration.RunDrill, machines inventory.Report) (migration.DrillResult, error)
}

// Fixture is an application whose workloads run in staging as they are declared,
// and pass every drill that Made names.
type Fixture struct {
	Drills   Drills
	Spec     migration.Spec
	Policy   migration.Policy
	Machines inventory.Report
	Made     []migration.StagingDrill
}

// World is the outside of a fixture.
type World interface {
	// Ready is how many pods of a workload are ready in staging.
	Ready(t *testing.T, workload string) int
	// Spoil lets a drill fail from now on. It says false where it cannot.
	Spoil(t *testing.T, drill migration.StagingDrill) bool
	// Reach lets staging name or talk to something that the machines dial, and
	// gives its address.
	Reach(t *testing.T) string
	// Canaries are texts that the application's configuration, sessions and data
	// hold, and that no result may.
	Canaries() []string
}

// bound is how long one drill may take here.
const bound = 5 * time.Minute

// Run holds an implementation to the contract. begin makes a fixture of its own
// for each test, or gives one that is whole again.
func Run(t *testing.T, begin func(t *testing.T) (Fixture, World)) {
	tests := []struct {
		name string
		run  func(t *testing.T, f Fixture, w World)
	}{
		{"every drill passes, and gives back what it took", passes},
		{"what is not right fails, with what mends it", fails},
		{"one that is ended tells nothing, and gives back what it took", ended},
		{"what there is not cannot be drilled", unheardOf},
		{"staging apart", apart},
		{"staging that reaches production", reaches},
		{"without the machines nothing is known", withoutMachines},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, w := begin(t)
			tt.run(t, f, w)
		})
	}
}

func (f Fixture) action(d migration.StagingDrill) migration.RunDrill {
	return migration.RunDrill{Env: migration.Staging, Drill: d, Workload: f.Spec.Workloads[0].Name, Settings: f.Spec.DrillSettings(d)}
}

// drill makes one, and demands what holds of every result.
func (f Fixture) drill(t *testing.T, w World, d migration.StagingDrill) migration.DrillResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	a := f.action(d)
	before := w.Ready(t, a.Workload)
	res, err := f.Drills.Drill(ctx, f.Spec, f.Policy, a, f.Machines)
	if err != nil {
		t.Fatalf("%s: %v", d, err)
	}
	if res.Drill != d || res.Workload != a.Workload || res.Digest != f.Spec.WorkloadDigest(a.Env, a.Workload) {
		t.Errorf("%s: a result of %s of %s, %s", d, res.Drill, res.Workload, res.Digest)
	}
	if res.Text == "" || res.Began.IsZero() || res.Took < 0 {
		t.Errorf("%s: %+v", d, res)
	}
	if after := w.Ready(t, a.Workload); after != before {
		t.Errorf("%s: %d pods are ready after it, %d before", d, after, before)
	}
	silent(t, w, append(slices.Clone(res.Evidence), res.Text, res.Remedy))
	return res
}

func passes(t *testing.T, f Fixture, w World) {
	for _, d := range f.Made {
		if res := f.drill(t, w, d); res.Verdict != migration.Pass {
			t.Errorf("%s: %s: %s %q", d, res.Verdict, res.Text, res.Evidence)
		}
	}
}

func fails(t *testing.T, f Fixture, w World) {
	spoiled := 0
	for _, d := range f.Made {
		if !w.Spoil(t, d) {
			continue
		}
		spoiled++
		if res := f.drill(t, w, d); res.Verdict != migration.Fail || res.Remedy == "" {
			t.Errorf("%s: %s: %s (%s)", d, res.Verdict, res.Text, res.Remedy)
		}
	}
	if spoiled == 0 {
		t.Error("nothing could be spoiled")
	}
}

func ended(t *testing.T, f Fixture, w World) {
	for _, d := range f.Made {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := f.action(d)
		before := w.Ready(t, a.Workload)
		res, err := f.Drills.Drill(ctx, f.Spec, f.Policy, a, f.Machines)
		if err == nil && res.Verdict == migration.Pass {
			t.Errorf("%s passes although it was ended: %s", d, res.Text)
		}
		if after := w.Ready(t, a.Workload); after != before {
			t.Errorf("%s: %d pods are ready after it, %d before", d, after, before)
		}
	}
}

func unheardOf(t *testing.T, f Fixture, _ World) {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	other := f.action(migration.DrillDrain)
	other.Workload = "nobody"
	for _, a := range []migration.RunDrill{other, f.action("levitate")} {
		if res, err := f.Drills.Drill(ctx, f.Spec, f.Policy, a, f.Machines); err == nil {
			t.Errorf("%s of %s: %s: %s", a.Drill, a.Workload, res.Verdict, res.Text)
		}
	}
}

func (f Fixture) isolation(t *testing.T, w World) migration.IsolationFacts {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	facts, err := f.Drills.Isolation(ctx, f.Spec, f.Policy, f.Machines)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, p := range facts.Peers {
		if p.Address == "" || len(p.Seen) == 0 || seen[p.Address] || i > 0 && facts.Peers[i-1].Address > p.Address {
			t.Errorf("peer %d: %+v", i, p)
		}
		seen[p.Address] = true
		silent(t, w, append(slices.Clone(p.Seen), p.Address))
	}
	silent(t, w, facts.Differences)
	return facts
}

func apart(t *testing.T, f Fixture, w World) {
	for _, p := range f.isolation(t, w).Peers {
		if p.Production {
			t.Errorf("%s is said to be production's", p.Address)
		}
	}
}

func reaches(t *testing.T, f Fixture, w World) {
	address := w.Reach(t)
	peers := f.isolation(t, w).Peers
	i := slices.IndexFunc(peers, func(p migration.StagingPeer) bool { return p.Address == address })
	if i < 0 || !peers[i].Production {
		t.Errorf("%s is not seen as production's: %+v", address, peers)
	}
}

func withoutMachines(t *testing.T, f Fixture, _ World) {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	if facts, err := f.Drills.Isolation(ctx, f.Spec, f.Policy, inventory.Report{}); err == nil {
		t.Errorf("nothing is known of the machines, and staging is said to reach %+v", facts)
	}
}
