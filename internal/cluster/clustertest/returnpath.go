package clustertest

import (
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// exposed applies workload, exposure and return path, and waits until all of it
// stands and the exposure leads to the pods.
func (b *bench) exposed(spec migration.Spec) migration.ExposureFacts {
	b.Helper()
	for _, part := range []migration.Part{migration.PartWorkload, migration.PartExposure, migration.PartReturnPath} {
		b.apply(spec, part)
	}
	b.rolledOut(spec)
	b.forwarders(spec)
	return b.leading(spec, migration.NewSide)
}

// forwarders waits until the return path stands.
func (b *bench) forwarders(spec migration.Spec) migration.ReturnPathFacts {
	b.Helper()
	var r migration.ReturnPathFacts
	b.eventually(func() error {
		f := b.observe(spec)
		if len(f.ReturnPaths) != 1 {
			return fmt.Errorf("%d return paths", len(f.ReturnPaths))
		}
		r = f.ReturnPaths[0]
		if !r.RolledOut || r.Digest != spec.ReturnPathDigest(env, r.Workload) {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	return r
}

// leading waits until an exposure with an address leads to a side and to nobody else,
// as its endpoints show it.
func (b *bench) leading(spec migration.Spec, side migration.Side) migration.ExposureFacts {
	b.Helper()
	var e migration.ExposureFacts
	b.eventually(func() error {
		f := b.observe(spec)
		if len(f.Exposures) != 1 || len(f.Exposures[0].Addresses) == 0 {
			return fmt.Errorf("%+v", f.Exposures)
		}
		e = f.Exposures[0]
		ready := map[migration.Side]int{migration.NewSide: e.ReadyNew, migration.OldSide: e.ReadyOld}
		if e.Leads != side || ready[side] == 0 || ready[side] != e.ReadyNew+e.ReadyOld+e.ReadyOther {
			return fmt.Errorf("it leads otherwise than to the %s side: %+v", side, e)
		}
		return nil
	})
	return e
}

func (b *bench) turn(spec migration.Spec, to migration.Side) {
	b.Helper()
	out, err := b.Cluster.Turn(b.ctx(), spec, migration.TurnReturnPath{Env: env, Workload: b.workload().Name, To: to})
	b.done("turn", out, err)
}

// answered waits until a new connection is answered by a side.
func (b *bench) answered(e migration.ExposureFacts, by migration.Side) {
	b.Helper()
	b.eventually(func() error {
		if who := b.World.Ask(b.T, e); who != by {
			return fmt.Errorf("%s:%d is answered by %q, want the %s side", e.Addresses[0], e.Port, who, by)
		}
		return nil
	})
}

func forwardersStand(b *bench) {
	e := b.exposed(b.Spec)
	r := b.forwarders(b.Spec)
	if r.Kind != string(migration.KindDeployment) || r.Desired != 2 || r.Ready != 2 || len(r.From) == 0 || r.Generation == 0 {
		b.Errorf("return path %+v", r)
	}
	if e.ReadyNew != 2 || e.Local {
		b.Errorf("exposure %+v", e)
	}
	f := b.observe(b.Spec)
	if len(f.Routes) > 0 || len(f.Workloads) != 1 || len(f.Workloads[0].Pods) != 2 {
		b.Errorf("the forwarders count as something else: %+v %+v", f.Routes, f.Workloads)
	}
	b.answered(e, migration.NewSide)
}

func turnsAndBack(b *bench) {
	e := b.exposed(b.Spec)
	b.turn(b.Spec, migration.OldSide)
	b.turn(b.Spec, migration.OldSide)
	old := b.leading(b.Spec, migration.OldSide)
	b.answered(e, migration.OldSide)
	if old.Digest != e.Digest || fmt.Sprint(old.Addresses) != fmt.Sprint(e.Addresses) {
		b.Errorf("turned %+v, before %+v", old, e)
	}
	if r := b.observe(b.Spec).Routes; len(r) > 0 {
		b.Errorf("our own exposure counts as another route: %+v", r)
	}
	// what is applied again goes on leading to where it led
	b.apply(b.Spec, migration.PartExposure)
	b.scale(0)
	b.leading(b.Spec, migration.OldSide)
	b.answered(e, migration.OldSide)
	b.apply(b.Spec, migration.PartWorkload)
	b.rolledOut(b.Spec)
	b.turn(b.Spec, migration.NewSide)
	b.leading(b.Spec, migration.NewSide)
	b.answered(e, migration.NewSide)
}

func turnForeign(b *bench) {
	a := migration.TurnReturnPath{Env: env, Workload: b.workload().Name, To: migration.OldSide}
	out, err := b.Cluster.Turn(b.ctx(), b.Spec, a)
	b.refused(migration.OutcomeNotDone, out, err, b.workload().Name, b.namespace())
	b.exposed(b.Spec)
	other := b.Spec
	other.Name = b.Spec.Name + "-2"
	out, err = b.Cluster.Turn(b.ctx(), other, a)
	b.refused(migration.OutcomeForeign, out, err, b.workload().Name)
	b.World.Reselect(b.T, b.namespace(), b.workload().Name)
	if e := b.observe(b.Spec).Exposures[0]; e.Leads != "" {
		b.Errorf("it selects what nobody of ours wrote, and leads to the %s side", e.Leads)
	}
	out, err = b.Cluster.Turn(b.ctx(), b.Spec, migration.TurnReturnPath{Env: env, Workload: b.workload().Name, To: migration.NewSide})
	b.refused(migration.OutcomeForeign, out, err, "neither side")
	// a rollback does not ask whose the selector is
	b.turn(b.Spec, migration.OldSide)
	b.leading(b.Spec, migration.OldSide)
}

func returnPathRemoved(b *bench) {
	b.exposed(b.Spec)
	for range 2 {
		out, err := b.remove(b.Spec, migration.PartReturnPath)
		b.done("remove", out, err)
	}
	b.eventually(func() error {
		f := b.observe(b.Spec)
		if len(f.ReturnPaths) > 0 || len(f.Exposures) != 1 || len(f.Workloads) != 1 {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
	spec := b.Spec
	spec.ReturnPath.Image = ""
	out, err := b.Cluster.Apply(b.ctx(), spec, applyOf(spec, migration.PartReturnPath))
	b.refused(migration.OutcomeNotDone, out, err, "images.agent")
}

func onEveryNode(b *bench) {
	spec := b.Spec
	spec.Target.TrafficPolicy = migration.TrafficLocal
	e := b.exposed(spec)
	if r := b.forwarders(spec); r.Kind != "DaemonSet" || r.Desired == 0 || r.Ready != r.Desired {
		b.Errorf("return path %+v", r)
	}
	if !e.Local {
		b.Errorf("the exposure leads to pods of other nodes too: %+v", e)
	}
	b.turn(spec, migration.OldSide)
	b.leading(spec, migration.OldSide)
	b.answered(e, migration.OldSide)
	out, err := b.remove(spec, migration.PartReturnPath)
	b.done("remove", out, err)
}
