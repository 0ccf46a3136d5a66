package clustertest

import (
	"context"
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

func emptyNamespace(b *bench) {
	f := b.observe(b.Spec)
	if f.Namespace != b.namespace() || len(f.Workloads)+len(f.Exposures)+len(f.Routes)+len(f.Claims)+len(f.Quotas) > 0 {
		b.Errorf("facts of an empty namespace: %+v", f)
	}
	if staging, err := b.Cluster.Observe(b.ctx(), b.Spec, migration.Staging); err != nil || staging.Namespace != b.Spec.Target.StagingNamespace {
		b.Errorf("staging: %+v, %v", staging, err)
	}
}

func configPresence(b *bench) {
	spec := b.with(func(w *migration.Workload) {
		w.Mounts = []migration.Mount{
			{ConfigMap: "settings", Path: "/etc/app"}, {Secret: "keys", Path: "/etc/keys"}, {Secret: "late", Env: true},
		}
	})
	b.World.AddConfig(b.T, b.namespace(), "ConfigMap", "settings")
	b.World.AddConfig(b.T, b.namespace(), "Secret", "keys")
	want := []migration.ConfigFacts{
		{Kind: "ConfigMap", Name: "settings", Exists: true},
		{Kind: "Secret", Name: "keys", Exists: true},
		{Kind: "Secret", Name: "late"},
	}
	if got := b.observe(spec).Config; fmt.Sprint(got) != fmt.Sprint(want) {
		b.Errorf("config %v, want %v", got, want)
	}
}

func rollOut(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	w := b.rolledOut(b.Spec)
	if w.Kind != migration.KindDeployment || w.Desired != 2 || w.Ready != 2 || w.Image != b.workload().Image || w.Generation == 0 {
		b.Errorf("workload %+v", w)
	}
	if len(w.Pods) != 2 {
		b.Fatalf("%d pods", len(w.Pods))
	}
	for _, p := range w.Pods {
		if !p.Ready || p.Phase != "Running" || p.Restarts != 0 || p.Deleting || p.Sidecar || p.Started.IsZero() || p.Node == "" {
			b.Errorf("pod %+v", p)
		}
		if p.Image != migration.ImageDigest(b.workload().Image) {
			b.Errorf("pod runs %q, want %q", p.Image, migration.ImageDigest(b.workload().Image))
		}
	}
	f := b.observe(b.Spec)
	if len(f.Exposures)+len(f.Routes) > 0 {
		b.Errorf("a workload alone is exposed: %+v %+v", f.Exposures, f.Routes)
	}
}

func applyAgain(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	before := b.rolledOut(b.Spec)
	b.apply(b.Spec, migration.PartWorkload)
	after := b.rolledOut(b.Spec)
	if before.Generation != after.Generation || before.Pods[0].Name != after.Pods[0].Name {
		b.Errorf("before %+v, after %+v", before, after)
	}
}

func staleAction(b *bench) {
	a := applyOf(b.Spec, migration.PartWorkload)
	edited := b.with(b.World.Other)
	out, err := b.Cluster.Apply(b.ctx(), edited, a)
	b.refused(migration.OutcomeNotDone, out, err, "decide again")
	edited.Target.Exposure = migration.ExposeGateway
	out, err = b.Cluster.Apply(b.ctx(), edited, applyOf(edited, migration.PartExposure))
	b.refused(migration.OutcomeNotDone, out, err, "not built yet")
	if f := b.observe(b.Spec); len(f.Workloads)+len(f.Exposures) > 0 {
		b.Errorf("a refused action left %+v", f)
	}
}

func newRelease(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	old := b.rolledOut(b.Spec)
	next := b.with(b.World.Other)
	b.apply(next, migration.PartWorkload)
	b.eventually(func() error {
		w := b.observe(next).Workloads[0]
		if w.Ready < 2 {
			b.Errorf("fewer than two ready pods during the rollout: %+v", w)
		}
		if !w.RolledOut {
			return errors.New(w.Status)
		}
		return nil
	})
	w := b.rolledOut(next)
	if w.Generation <= old.Generation {
		b.Errorf("generation %d after %d", w.Generation, old.Generation)
	}
	for _, p := range living(w) {
		if p.Name == old.Pods[0].Name || p.Name == old.Pods[1].Name {
			b.Errorf("old pod %s lives on", p.Name)
		}
	}
}

func neverReady(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	b.rolledOut(b.Spec)
	bad := b.with(b.World.Unready)
	b.apply(bad, migration.PartWorkload)
	b.eventually(func() error {
		w := b.observe(bad).Workloads[0]
		if n := len(living(w)); n != 3 {
			return fmt.Errorf("%d pods; want two old ones and a new one", n)
		}
		return nil
	})
	for range 3 {
		b.World.Pass(b.T)
		w := b.observe(bad).Workloads[0]
		if w.RolledOut || w.Status == "" || w.Ready != 2 {
			b.Errorf("workload %+v; want it not rolled out, with a reason, and the old pods ready", w)
		}
	}
}

func scaleDownAndUp(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	b.rolledOut(b.Spec)
	b.scale(0)
	b.scale(0)
	b.eventually(func() error {
		w := b.observe(b.Spec).Workloads[0]
		if len(w.Pods) > 0 || w.Desired != 0 || w.Ready != 0 || !w.RolledOut {
			return fmt.Errorf("%+v", w)
		}
		return nil
	})
	b.apply(b.Spec, migration.PartWorkload)
	if w := b.rolledOut(b.Spec); w.Ready != 2 {
		b.Errorf("after another apply: %+v", w)
	}
}

func scaleMissing(b *bench) {
	b.scale(0)
	out, err := b.Cluster.Scale(b.ctx(), b.Spec, migration.Scale{Env: env, Workload: b.workload().Name, Replicas: 1})
	b.refused(migration.OutcomeNotDone, out, err, b.workload().Name, b.namespace())
}

func removeTwice(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	b.apply(b.Spec, migration.PartExposure)
	b.rolledOut(b.Spec)
	for range 2 {
		out, err := b.remove(b.Spec, migration.PartExposure)
		b.done("remove exposure", out, err)
		out, err = b.remove(b.Spec, migration.PartWorkload)
		b.done("remove workload", out, err)
	}
	b.eventually(func() error {
		if f := b.observe(b.Spec); len(f.Workloads)+len(f.Exposures) > 0 {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
}

func restart(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	victim := b.rolledOut(b.Spec).Pods[0].Name
	b.World.Restart(b.T, b.namespace(), victim)
	b.eventually(func() error {
		for _, p := range b.observe(b.Spec).Workloads[0].Pods {
			if p.Name == victim && p.Restarts == 1 && !p.LastRestart.IsZero() && p.LastState != "" {
				return nil
			}
		}
		return errors.New("the restart is not seen")
	})
}

func claims(b *bench) {
	storage := migration.Storage{Name: "ledger", Path: "/var/lib/ledger", SizeBytes: 1 << 20, Class: "slow-" + b.namespace()}
	spec := b.with(func(w *migration.Workload) { w.Storage = []migration.Storage{storage} })
	b.World.Volumes(b.T, storage, 2)
	b.apply(spec, migration.PartWorkload)
	w := b.rolledOut(spec)
	if w.Kind != migration.KindStatefulSet {
		b.Errorf("kind %s", w.Kind)
	}
	want := []migration.ClaimFacts{
		{Name: "ledger-" + w.Name + "-0", Phase: "Bound"}, {Name: "ledger-" + w.Name + "-1", Phase: "Bound"},
	}
	if got := b.observe(spec).Claims; fmt.Sprint(got) != fmt.Sprint(want) {
		b.Errorf("claims %v, want %v", got, want)
	}
}

func quotas(b *bench) {
	want := b.World.Quota(b.T, b.namespace(), 3)
	want.Need, want.Left = "3", "3" // two pods, and one more in a rolling update
	b.quota(b.Spec, want)
	more := b.with(func(w *migration.Workload) { w.Replicas = 3 })
	want.Need, want.Lacks = "4", "quota pods leaves 3 of pods, and 4 are needed at the most"
	b.quota(more, want)

	b.apply(b.Spec, migration.PartWorkload)
	b.rolledOut(b.Spec)
	b.eventually(func() error { // what runs is needed no more
		for _, q := range b.observe(b.Spec).Quotas {
			if q.Need == "1" && q.Lacks == "" {
				return nil
			}
		}
		return fmt.Errorf("%+v", b.observe(b.Spec).Quotas)
	})
}

// quota waits until a quota is seen like this.
func (b *bench) quota(spec migration.Spec, want migration.QuotaFacts) {
	b.Helper()
	b.eventually(func() error {
		got := b.observe(spec).Quotas
		for _, q := range got {
			if q == want {
				return nil
			}
		}
		return fmt.Errorf("%+v, want %+v", got, want)
	})
}

func unreachable(b *bench) {
	c := b.World.Unreachable(b.T)
	if _, err := c.Observe(b.ctx(), b.Spec, env); err == nil {
		b.Error("observed without a connection")
	}
	// What was never sent has certainly not been done.
	out, err := c.Apply(b.ctx(), b.Spec, applyOf(b.Spec, migration.PartWorkload))
	b.refused(migration.OutcomeNotDone, out, err)
	out, err = c.Scale(b.ctx(), b.Spec, migration.Scale{Env: env, Workload: b.workload().Name})
	b.refused(migration.OutcomeNotDone, out, err)
	out, err = c.Remove(b.ctx(), b.Spec, migration.Remove{Env: env, Part: migration.PartExposure, Workload: b.workload().Name})
	b.refused(migration.OutcomeNotDone, out, err)
	if _, _, err := c.Forward(b.ctx(), b.Spec, env, b.workload().Name); err == nil {
		b.Error("forwarded without a connection")
	}
	if _, err := c.Logs(b.ctx(), b.Spec, env, b.workload().Name, 1); err == nil {
		b.Error("logs without a connection")
	}
}

func endedContext(b *bench) {
	ctx, cancel := context.WithCancel(b.ctx())
	cancel()
	if _, err := b.Cluster.Observe(ctx, b.Spec, env); err == nil {
		b.Error("observed after the context's end")
	}
	out, err := b.Cluster.Apply(ctx, b.Spec, applyOf(b.Spec, migration.PartWorkload))
	if out == migration.OutcomeDone || err == nil {
		b.Errorf("apply: %s, %v", out, err)
	}
	if f := b.observe(b.Spec); len(f.Workloads) > 0 {
		b.Errorf("something was applied: %+v", f)
	}
}
