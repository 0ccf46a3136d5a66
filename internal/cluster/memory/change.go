package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

const self = "rehome"

// Apply makes one part be what the spec says.
func (c *Cluster) Apply(ctx context.Context, spec migration.Spec, a migration.Apply) (migration.Outcome, error) {
	call := Call{OpApply, a.Env, a.Part, a.Workload}
	return c.change(ctx, call, func() (migration.Outcome, error) {
		if err := manifest.Check(spec, a); err != nil {
			return migration.OutcomeNotDone, fmt.Errorf("apply: %w", err)
		}
		w, _ := spec.Workload(a.Workload)
		n := c.namespace(spec.Namespace(a.Env))
		switch a.Part {
		case migration.PartExposure:
			return c.expose(n, spec, w, a.Digest)
		case migration.PartReturnPath:
			return c.standReady(n, spec, w, a.Digest)
		case migration.PartSchedules:
			return n.resume(spec, w)
		}
		return c.deploy(n, spec, w, a.Digest)
	})
}

func (c *Cluster) deploy(n *namespace, spec migration.Spec, w migration.Workload, digest string) (migration.Outcome, error) {
	kind, replicas := manifest.KindOf(w), w.Replicas
	if out, err := n.free(spec, w); err != nil {
		return out, err
	}
	have := n.workloads[w.Name]
	switch {
	case have == nil:
		have = &workload{owner: owner{migration: spec.Name}, kind: kind}
		n.workloads[w.Name] = have
	case !have.owner.ours(spec):
		return foreign(string(have.kind), w.Name, have.owner)
	case have.kind != kind:
		return migration.OutcomeForeign, fmt.Errorf("apply: a %s %s stands where a %s is wanted: remove it first",
			have.kind, w.Name, kind)
	case w.Autoscale != nil && w.Fits(have.desired):
		replicas = have.desired // a scaler has set it, and may
	case have.desiredBy != self && have.desired != w.Replicas:
		return migration.OutcomeForeign, fmt.Errorf("apply: %s %s: %s has set .spec.replicas", kind, w.Name, have.desiredBy)
	}
	template := templateOf(w)
	if have.template != template || have.desired != replicas {
		have.generation++
	}
	n.stand(spec, w)
	have.spec, have.template, have.digest = w, template, digest
	have.desired, have.desiredBy = replicas, self
	have.roll(c.now(), c.opts.Terminate, c.opts.Release)
	return migration.OutcomeDone, nil
}

// templateOf identifies what pods are made from.
func templateOf(w migration.Workload) string {
	w.Replicas = 0
	return migration.DigestOf(w)
}

func (c *Cluster) expose(n *namespace, spec migration.Spec, w migration.Workload, digest string) (migration.Outcome, error) {
	have := n.exposures[w.Name]
	if have == nil {
		have = &exposure{owner: owner{migration: spec.Name}, address: c.opts.Address(n.name, w.Name), applied: c.now(), leads: migration.NewSide}
		n.exposures[w.Name] = have
	}
	if !have.owner.ours(spec) {
		return foreign("Service", w.Name, have.owner)
	}
	have.reached(spec, w, digest)
	have.local = spec.Target.TrafficPolicy == migration.TrafficLocal
	if have.leads == "" {
		have.leads = migration.NewSide
	}
	return migration.OutcomeDone, nil
}

// reached is by what clients come to a workload.
func (e *exposure) reached(spec migration.Spec, w migration.Workload, digest string) {
	e.kind, e.ports, e.digest, e.at = "Service", slices.Clone(w.Ports), digest, 0
	if len(w.Ports) > 0 {
		e.at = w.Ports[0].Served()
	}
	if spec.Target.Exposure == migration.ExposeIngress {
		e.kind, e.at = manifest.KindIngress, int32(cmp.Or(spec.OldEntry.Port, 80))
	}
}

// Remove deletes one part, if it is ours. What is not there is removed.
func (c *Cluster) Remove(ctx context.Context, spec migration.Spec, a migration.Remove) (migration.Outcome, error) {
	call := Call{OpRemove, a.Env, a.Part, a.Workload}
	return c.change(ctx, call, func() (migration.Outcome, error) {
		if err := manifest.Writable(spec, a.Part); err != nil {
			return migration.OutcomeNotDone, fmt.Errorf("remove: %w", err)
		}
		n := c.namespace(spec.Namespace(a.Env))
		if a.Part == migration.PartExposure {
			if e := n.exposures[a.Workload]; e != nil && !e.owner.ours(spec) {
				return foreign("Service", a.Workload, e.owner)
			}
			delete(n.exposures, a.Workload)
			return migration.OutcomeDone, nil
		}
		kept := n.workloads
		if a.Part == migration.PartReturnPath {
			kept = n.returns
		}
		if w := kept[a.Workload]; w != nil && !w.owner.ours(spec) {
			return foreign(string(w.kind), a.Workload, w.owner)
		}
		delete(kept, a.Workload)
		if a.Part == migration.PartWorkload {
			n.leave(spec, a.Workload)
		}
		return migration.OutcomeDone, nil
	})
}

// Scale sets the number of replicas, until the next Apply. A workload that is
// not there has none already.
func (c *Cluster) Scale(ctx context.Context, spec migration.Spec, a migration.Scale) (migration.Outcome, error) {
	call := Call{OpScale, a.Env, migration.PartWorkload, a.Workload}
	return c.change(ctx, call, func() (migration.Outcome, error) {
		if err := manifest.Writable(spec, migration.PartWorkload); err != nil {
			return migration.OutcomeNotDone, fmt.Errorf("scale: %w", err)
		}
		n := c.namespace(spec.Namespace(a.Env))
		w := n.workloads[a.Workload]
		if a.Replicas == 0 && (w == nil || w.owner.ours(spec)) {
			n.suspend(spec, a.Workload)
		}
		switch {
		case w == nil && a.Replicas == 0:
			return migration.OutcomeDone, nil
		case w == nil:
			return migration.OutcomeNotDone, fmt.Errorf("scale: no workload %s in namespace %s", a.Workload, spec.Namespace(a.Env))
		case !w.owner.ours(spec):
			return foreign(string(w.kind), a.Workload, w.owner)
		}
		c.scale(w, a.Replicas, self)
		return migration.OutcomeDone, nil
	})
}

func (c *Cluster) scale(w *workload, replicas int32, by string) {
	if w.desired == replicas {
		return
	}
	w.desired, w.desiredBy = replicas, by
	w.generation++
	w.roll(c.now(), c.opts.Terminate, c.opts.Release)
}

func foreign(kind, name string, o owner) (migration.Outcome, error) {
	who := o.manager
	if who == "" {
		who = "migration " + o.migration
	}
	return migration.OutcomeForeign, fmt.Errorf("%s %s belongs to %s: it is left alone", kind, name, who)
}
