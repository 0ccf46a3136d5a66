package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// forwarders is how many stand where any node may lead to any of them.
const forwarders = 2

// standReady makes the forwarders of a workload be what the spec says.
func (c *Cluster) standReady(n *namespace, spec migration.Spec, w migration.Workload, digest string) (migration.Outcome, error) {
	kind := migration.KindDeployment
	if spec.Target.TrafficPolicy == migration.TrafficLocal {
		kind = manifest.KindDaemonSet
	}
	have := n.returns[w.Name]
	if have == nil {
		have = &workload{owner: owner{migration: spec.Name}}
		n.returns[w.Name] = have
	}
	if !have.owner.ours(spec) {
		return foreign(string(have.kind), migration.ReturnPathName(w.Name), have.owner)
	}
	if have.template != digest {
		have.generation++
	}
	have.kind, have.template, have.digest = kind, digest, digest
	have.spec = migration.Workload{Name: migration.ReturnPathName(w.Name), Image: spec.ReturnPath.Image, Replicas: forwarders}
	have.desired, have.desiredBy = forwarders, self
	have.roll(c.now(), c.opts.Terminate, c.opts.Release)
	return migration.OutcomeDone, nil
}

// Turn lets an exposure lead to one side.
func (c *Cluster) Turn(ctx context.Context, spec migration.Spec, a migration.TurnReturnPath) (migration.Outcome, error) {
	call := Call{OpTurn, a.Env, migration.PartExposure, a.Workload}
	return c.change(ctx, call, func() (migration.Outcome, error) {
		e := c.namespace(spec.Namespace(a.Env)).exposures[a.Workload]
		switch {
		case e == nil:
			return migration.OutcomeNotDone, fmt.Errorf("turn: no Service %s in namespace %s", a.Workload, spec.Namespace(a.Env))
		case !e.owner.ours(spec):
			return foreign("Service", a.Workload, e.owner)
		case e.leads == "" && a.To == migration.NewSide:
			return migration.OutcomeForeign, fmt.Errorf("turn: Service %s selects neither side: it is left alone", a.Workload)
		}
		if e.leads != a.To {
			e.leads = a.To
			e.generation++
		}
		return migration.OutcomeDone, nil
	})
}

// TurnBy lets somebody else write the selector of an exposure; "" leads to neither
// side.
func (c *Cluster) TurnBy(namespace, workload string, to migration.Side) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.namespace(namespace).exposures[workload]
	if e == nil {
		return fmt.Errorf("no exposure %s in namespace %s", workload, namespace)
	}
	e.leads = to
	e.generation++
	return nil
}

// behind are the pods to which an exposure leads.
func (e *exposure) behind(n *namespace, workload string) *workload {
	switch e.leads {
	case migration.NewSide:
		return n.workloads[workload]
	case migration.OldSide:
		return n.returns[workload]
	}
	return nil
}

// count says where an exposure leads, and how many stand ready behind it.
func (e *exposure) count(f *migration.ExposureFacts, ready int) {
	f.Leads, f.Local = e.leads, e.local
	switch e.leads {
	case migration.NewSide:
		f.ReadyNew = ready
	case migration.OldSide:
		f.ReadyOld = ready
	}
}

// returnFacts are the forwarders as they are observed.
func (w *workload) returnFacts(of string, now time.Time, terminate time.Duration) migration.ReturnPathFacts {
	all := w.facts(now, terminate)
	f := migration.ReturnPathFacts{
		Workload: of, Kind: string(all.Kind), Digest: all.Digest, Generation: all.Generation,
		Desired: all.Desired, Ready: all.Ready, RolledOut: all.RolledOut, Status: all.Status,
	}
	for _, p := range all.Pods {
		if !slices.Contains(f.From, p.Node) {
			f.From = append(f.From, p.Node)
		}
	}
	return f
}
