// Package vmtest is what everything behind the port for machines must do. Each
// implementation runs the suite in its own tests, the one over ssh against a
// real sshd.
//
// It must not know an implementation.
package vmtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Machines is the port, as the engine declares it.
type Machines interface {
	Inventory(ctx context.Context, spec migration.Spec, policy migration.Policy) (inventory.Report, error)
}

// World is an implementation with what a test needs to know of it.
type World struct {
	Machines Machines
	Policy   migration.Policy // with which it can be reached
	// Present are two machines that can be reached. Each of them has one
	// configuration tree and saw the listeners.
	Present [2]migration.VM
	Away    migration.VM // a machine that cannot be reached
	// Slow is a machine that gives nothing before its context ends. It is called
	// after everything else.
	Slow func() migration.VM
}

const bound = 30 * time.Second

// Run runs the suite. Its tests may be run beside others.
func Run(t *testing.T, w World) {
	w.Policy.ProbeFor, w.Policy.ProbeEvery = 2*time.Second, time.Second
	t.Run("every machine is in the report, in the migration's order", w.order)
	t.Run("machines of one inventory have one key, and of two have two", w.keys)
	t.Run("a machine that cannot be reached is a gap, not an error", w.away)
	t.Run("a machine that nobody can name is a gap too", w.nonsense)
	t.Run("the policy says how long is looked", w.coverage)
	t.Run("a context that has ended is an error", w.cancelled)
	t.Run("a context that ends ends the inventory", w.slow)
}

func (w World) inventory(t *testing.T, machines ...migration.VM) inventory.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	r, err := w.Machines.Inventory(ctx, migration.Spec{Name: "royal-bank-api", VMs: machines}, w.Policy)
	if err != nil {
		t.Fatal(err)
	}
	if r.Format != inventory.Format || len(r.Machines) != len(machines) {
		t.Fatalf("format %q and %d machines, want %q and %d", r.Format, len(r.Machines), inventory.Format, len(machines))
	}
	return r
}

func (w World) order(t *testing.T) {
	for _, vms := range [][]migration.VM{{w.Present[0], w.Present[1]}, {w.Present[1], w.Present[0]}} {
		began := time.Now().Add(-bound)
		for i, f := range w.inventory(t, vms...).Machines {
			if f.Target.Host != vms[i].Host || f.Target.Unit != vms[i].Unit {
				t.Errorf("place %d: %+v, want %s", i, f.Target, vms[i].Host)
			}
			if saw, why := f.Saw(inventory.SubjectListeners); !saw {
				t.Errorf("%s: %s", vms[i].Host, why)
			}
			if f.Began.IsZero() || f.Ended.Before(f.Began) || f.Began.Before(began) {
				t.Errorf("%s: from %s to %s", vms[i].Host, f.Began, f.Ended)
			}
		}
	}
	if r := w.inventory(t); len(r.Machines) != 0 {
		t.Errorf("no machine: %+v", r)
	}
}

func (w World) keys(t *testing.T) {
	ids := func() string {
		r := w.inventory(t, w.Present[0], w.Present[1])
		a, b := r.Machines[0].Trees, r.Machines[1].Trees
		if len(a) != 1 || len(b) != 1 || a[0].KeyID == "" || a[0].KeyID != b[0].KeyID {
			t.Fatalf("trees with different keys: %+v, %+v", a, b)
		}
		return a[0].KeyID
	}
	if first, second := ids(), ids(); first == second {
		t.Errorf("two inventories have the key %s", first)
	}
}

func (w World) away(t *testing.T) {
	r := w.inventory(t, w.Away, w.Present[0])
	f := r.Machines[0]
	if len(f.Gaps) != 1 || f.Gaps[0].Subject != inventory.SubjectMachine || f.Gaps[0].Why == "" || f.Target.Host != w.Away.Host || f.Began.IsZero() {
		t.Errorf("of a machine that cannot be reached: %+v", f)
	}
	if saw, _ := f.Saw(inventory.SubjectListeners); saw {
		t.Error("something was seen of it")
	}
	if saw, why := r.Machines[1].Saw(inventory.SubjectListeners); !saw {
		t.Errorf("the other one: %s", why)
	}
}

func (w World) nonsense(t *testing.T) {
	bad := w.Present[0]
	bad.Host, bad.Reach = "no such host", ""
	if f := w.inventory(t, bad).Machines[0]; len(f.Gaps) != 1 || f.Gaps[0].Subject != inventory.SubjectMachine || f.Target.Host != bad.Host {
		t.Errorf("%+v", f)
	}
}

func (w World) coverage(t *testing.T) {
	for _, f := range w.inventory(t, w.Present[0]).Machines {
		if f.Coverage.Planned != 2 || f.Coverage.Every != time.Second {
			t.Errorf("2 s at one sample a second: %+v", f.Coverage)
		}
	}
}

func (w World) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := w.Machines.Inventory(ctx, migration.Spec{VMs: []migration.VM{w.Present[0]}}, w.Policy)
	if !errors.Is(err, context.Canceled) || len(r.Machines) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func (w World) slow(t *testing.T) {
	vm := w.Slow()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := w.Machines.Inventory(ctx, migration.Spec{VMs: []migration.VM{vm}}, w.Policy)
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	case <-time.After(bound):
		t.Error("the inventory does not end with its context")
	}
}
