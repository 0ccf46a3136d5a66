package clustertest

import (
	"fmt"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// accompanied is the spec with everything beside its workload.
func (b *bench) accompanied() migration.Spec {
	spec := b.with(func(w *migration.Workload) {
		w.ServiceAccount = "clerk"
		w.Autoscale = &migration.Autoscale{Min: 2, Max: 4, CPUPercent: 80}
		w.Resources = migration.Resources{CPURequestMilli: 10}
		w.NetworkPolicy = &migration.NetworkPolicy{To: []migration.NetworkPeer{{CIDR: "192.0.2.30/32", Port: 5432}}}
	})
	spec.Schedules = []migration.Schedule{
		{Name: "interest.timer", Owner: migration.OwnerCluster, When: "30 2 * * *", Command: []string{"/app/interest"}},
		{Name: "machine.timer", Owner: migration.OwnerMachine},
		{Name: "elsewhere.timer", Owner: migration.OwnerCluster}, // by what means is not said: not made here
	}
	return spec
}

// stand waits until all that is declared beside the workload is there, and gives it
// by kind.
func (b *bench) stand(spec migration.Spec) map[string]migration.BesideFacts {
	b.Helper()
	out := map[string]migration.BesideFacts{}
	for _, f := range b.observe(spec).Beside {
		if !f.Exists || f.Err != "" {
			b.Errorf("%s %s is not there: %s", f.Kind, f.Name, f.Err)
		}
		out[f.Kind] = f
	}
	return out
}

func (b *bench) applyPart(spec migration.Spec, part migration.Part) {
	b.Helper()
	out, err := b.Cluster.Apply(b.ctx(), spec, applyOf(spec, part))
	b.done("apply "+string(part), out, err)
}

func besideWorkload(b *bench) {
	spec := b.accompanied()
	for _, f := range b.observe(spec).Beside {
		if f.Exists {
			b.Errorf("before anything is applied: %+v", f)
		}
	}
	b.apply(spec, migration.PartWorkload)
	b.rolledOut(spec)
	have := b.stand(spec)
	if len(have) != 5 || !have[migration.KindCronJob].Suspended {
		b.Errorf("beside the workload: %+v; want five kinds, and the job suspended", have)
	}
	for _, f := range have {
		if !f.Ours {
			b.Errorf("not ours: %+v", f)
		}
	}
	b.applyPart(spec, migration.PartSchedules)
	if b.stand(spec)[migration.KindCronJob].Suspended {
		b.Error("the job is still suspended")
	}

	b.Spec = spec
	b.scale(0) // a rollback: what would work or begin jobs again is held
	if !b.stand(spec)[migration.KindCronJob].Suspended {
		b.Error("the job goes on in a rollback")
	}
	b.eventually(func() error {
		if w := b.observe(spec).Workloads[0]; w.Desired != 0 || len(w.Pods) > 0 {
			return fmt.Errorf("%+v", w)
		}
		return nil
	})
	b.apply(spec, migration.PartWorkload) // another attempt
	if w := b.rolledOut(spec); w.Desired != 2 {
		b.Errorf("after another apply: %+v", w)
	}
	for range 2 {
		out, err := b.remove(spec, migration.PartWorkload)
		b.done("remove", out, err)
	}
	b.eventually(func() error {
		for _, f := range b.observe(spec).Beside {
			if f.Exists {
				return fmt.Errorf("left: %+v", f)
			}
		}
		return nil
	})
}

func besideNoMore(b *bench) {
	spec := b.accompanied()
	b.apply(spec, migration.PartWorkload)
	less := b.with(func(w *migration.Workload) { w.ServiceAccount = "clerk" })
	less.Schedules = spec.Schedules
	b.apply(less, migration.PartWorkload)
	b.eventually(func() error {
		for _, f := range b.observe(spec).Beside {
			gone := f.Kind == manifest.KindAutoscaler || f.Kind == manifest.KindNetworkPolicy
			if f.Exists == gone {
				return fmt.Errorf("%+v", f)
			}
		}
		return nil
	})
}

func scalersNumber(b *bench) {
	spec := b.accompanied()
	b.apply(spec, migration.PartWorkload)
	b.rolledOut(spec)
	b.World.ScaleBy(b.T, b.namespace(), b.workload(), 3, "vetinari")
	next := spec
	next.Workloads = []migration.Workload{spec.Workloads[0]}
	b.World.Other(&next.Workloads[0])
	b.apply(next, migration.PartWorkload)
	if w := b.observe(next).Workloads[0]; w.Desired != 3 || w.Digest != next.WorkloadDigest(env, w.Name) {
		b.Errorf("%d pods wanted, digest %s: the scaler's number was not left", w.Desired, w.Digest)
	}
}

func foreignAccount(b *bench) {
	spec := b.with(func(w *migration.Workload) { w.ServiceAccount = "clerk" })
	b.World.Stand(b.T, b.namespace(), manifest.KindServiceAccount, "clerk", "pulcinella")
	b.apply(spec, migration.PartWorkload)
	b.rolledOut(spec)
	if f := b.stand(spec)[manifest.KindServiceAccount]; f.Ours {
		b.Errorf("somebody else's account counts as ours: %+v", f)
	}
	out, err := b.remove(spec, migration.PartWorkload)
	b.done("remove", out, err)
	if f := b.observe(spec).Beside[0]; !f.Exists {
		b.Errorf("somebody else's account was removed: %+v", f)
	}
}

func foreignBudget(b *bench) {
	b.World.Stand(b.T, b.namespace(), manifest.KindDisruptionBudget, b.workload().Name, "pulcinella")
	out, err := b.Cluster.Apply(b.ctx(), b.Spec, applyOf(b.Spec, migration.PartWorkload))
	b.refused(migration.OutcomeForeign, out, err, b.workload().Name, "pulcinella")
	out, err = b.remove(b.Spec, migration.PartWorkload)
	b.done("remove", out, err)
	if f := b.observe(b.Spec); len(f.Workloads) > 0 || !f.Beside[0].Exists || f.Beside[0].Ours {
		b.Errorf("beside somebody else's budget: %+v", f)
	}
}
