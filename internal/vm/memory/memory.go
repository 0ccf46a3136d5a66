// Package memory has machines that are nowhere: the facts of each are given, and
// so is what fails. It stands behind the same port as package vm.
//
// It must not know how facts are taken or judged.
package memory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Machines are machines by the host that a migration gives them.
type Machines struct {
	now func() time.Time

	mu    sync.Mutex
	facts map[string]inventory.Facts
	away  map[string]string
	hang  bool
	err   error
}

// New makes a world without machines. now is its clock.
func New(now func() time.Time) *Machines {
	return &Machines{now: now, facts: map[string]inventory.Facts{}, away: map[string]string{}}
}

// Set says what is seen on a host from now on. Target, times and coverage are
// filled in where an inventory is taken.
func (m *Machines) Set(host string, f inventory.Facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts[host] = f
}

// Away keeps a host from being reached, for that reason; "" brings it back.
func (m *Machines) Away(host, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away[host] = why
}

// Hang makes every inventory wait until its context ends.
func (m *Machines) Hang(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hang = on
}

// Fail makes every inventory an error; nil mends it.
func (m *Machines) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Inventory gives what was set. It takes no time of the clock: what a probe waits
// for, an inventory in memory has seen already.
func (m *Machines) Inventory(ctx context.Context, spec migration.Spec, policy migration.Policy) (inventory.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hang {
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
	}
	if err := errors.Join(ctx.Err(), m.err); err != nil {
		return inventory.Report{}, fmt.Errorf("take the facts of %s: %w", spec.Name, err)
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // it never fails
	r := inventory.Report{Format: inventory.Format}
	for _, v := range spec.VMs {
		r.Machines = append(r.Machines, m.one(v, policy, hex.EncodeToString(id)))
	}
	return r, nil
}

func (m *Machines) one(v migration.VM, policy migration.Policy, keyID string) inventory.Facts {
	t := inventory.Target{Host: v.Host, Unit: v.Unit}
	if t.Unit == "" {
		t.Port = v.Port
	}
	now := m.now()
	f, there := m.facts[v.Host]
	switch why := m.away[v.Host]; {
	case why != "":
		return inventory.Unreachable(t, now, why)
	case !there:
		return inventory.Unreachable(t, now, "there is no such machine")
	}
	f.Target, f.Began, f.Ended = t, now, now
	n := 1
	if policy.ProbeEvery > 0 {
		n = max(1, int(policy.ProbeFor/policy.ProbeEvery))
	}
	f.Coverage = inventory.Coverage{Samples: n, Planned: n, Every: policy.ProbeEvery}
	f.Trees = slices.Clone(f.Trees)
	for i := range f.Trees {
		f.Trees[i].KeyID = keyID
	}
	return f
}
