package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
)

// machines are the VMs of the world: each shows what Options.Machine says, or the
// example as it mostly is.
type machines struct {
	w    *World
	mu   sync.Mutex
	away map[string]bool
}

// Inventory looks at every machine, now and at once.
func (m *machines) Inventory(ctx context.Context, spec migration.Spec, _ migration.Policy) (inventory.Report, error) {
	if err := ctx.Err(); err != nil {
		return inventory.Report{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	show := m.w.opts.Machine
	if show == nil {
		show = imagined.Legacy
	}
	now := m.w.Clock.Now()
	out := inventory.Report{Format: inventory.Format}
	for _, vm := range spec.VMs {
		t := inventory.Target{Host: vm.Host, Unit: vm.Unit, Port: vm.Port}
		if m.away[vm.Host] {
			out.Machines = append(out.Machines, inventory.Unreachable(t, now, "dial "+vm.Host+": no route to host"))
			continue
		}
		out.Machines = append(out.Machines, show(t, now))
	}
	return out, nil
}

// Unreach cuts a machine off from whoever takes facts, and Reach mends that.
func (w *World) Unreach(host string) { w.machines.cut(host, true) }

// Reach lets facts be taken on a machine again.
func (w *World) Reach(host string) { w.machines.cut(host, false) }

func (m *machines) cut(host string, away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away[host] = away
}

// images are what the images of the world stand on: the first approved base.
type images struct{ w *World }

// Base answers for every image that is pinned by digest.
func (i images) Base(ctx context.Context, wl migration.Workload, p migration.Policy) (migration.BaseFacts, error) {
	if err := ctx.Err(); err != nil {
		return migration.BaseFacts{}, err
	}
	if migration.ImageDigest(wl.Image) == "" || len(p.ApprovedBases) == 0 {
		return migration.BaseFacts{}, fmt.Errorf("nobody knows what %s stands on", wl.Image)
	}
	base := p.ApprovedBases[0] + "static:1"
	return migration.BaseFacts{Workload: wl.Name, From: base, By: "label", Source: wl.Image, User: "10001", Stages: slices.Clone([]string{base})}, nil
}
