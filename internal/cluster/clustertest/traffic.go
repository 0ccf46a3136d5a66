package clustertest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

func exposure(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	b.apply(b.Spec, migration.PartExposure)
	var e migration.ExposureFacts
	b.eventually(func() error {
		f := b.observe(b.Spec)
		if len(f.Exposures) != 1 || len(f.Exposures[0].Addresses) == 0 {
			return fmt.Errorf("%+v", f.Exposures)
		}
		e = f.Exposures[0]
		return nil
	})
	w := b.workload()
	if e.Workload != w.Name || e.Kind != "Service" || e.Digest != b.Spec.ExposureDigest(env, w.Name) ||
		e.Port != w.Ports[0].Served() {
		b.Errorf("exposure %+v", e)
	}
	if r := b.observe(b.Spec).Routes; len(r) > 0 {
		b.Errorf("our own exposure counts as another route: %+v", r)
	}
}

func ingress(b *bench) {
	w := b.workload()
	b.Spec.Target.Exposure = migration.ExposeIngress
	b.Spec.Target.Ingress = migration.Ingress{Class: "somebody", TLSSecret: "certificate"}
	b.Spec.Names = []migration.Name{{Name: "app.golemtrust.am.", Workload: w.Name}}
	b.Spec.OldEntry.Port = 8080
	b.apply(b.Spec, migration.PartWorkload)
	b.applyPart(b.Spec, migration.PartExposure)
	b.World.Publish(b.T, b.namespace(), w.Name)
	b.eventually(func() error {
		f := b.observe(b.Spec)
		if len(f.Exposures) != 1 || len(f.Exposures[0].Addresses) == 0 {
			return fmt.Errorf("%+v", f.Exposures)
		}
		return nil
	})
	f := b.observe(b.Spec)
	e := f.Exposures[0]
	if e.Workload != w.Name || e.Kind != "Ingress" || e.Digest != b.Spec.ExposureDigest(env, w.Name) || e.Port != 8080 || e.Leads != migration.NewSide {
		b.Errorf("exposure %+v", e)
	}
	if len(f.Routes) > 0 {
		b.Errorf("our own Ingress counts as another route: %+v", f.Routes)
	}
	b.scale(0) // a rollback never takes the Ingress: the name would go with it
	b.applyPart(b.Spec, migration.PartExposure)
	if got := b.observe(b.Spec).Exposures; len(got) != 1 || len(got[0].Addresses) == 0 {
		b.Errorf("after a rollback and another apply: %+v", got)
	}
	for range 2 {
		out, err := b.remove(b.Spec, migration.PartExposure)
		b.done("remove", out, err)
	}
	if f := b.observe(b.Spec); len(f.Exposures)+len(f.Routes) > 0 {
		b.Errorf("left %+v %+v", f.Exposures, f.Routes)
	}
}

func otherRoute(b *bench) {
	want := b.World.Route(b.T, b.namespace(), b.Spec, b.workload())
	check := func() error {
		if got := b.observe(b.Spec).Routes; !slices.Contains(got, want) {
			return fmt.Errorf("routes %+v, want %+v", got, want)
		}
		return nil
	}
	b.eventually(check) // before there is any pod: deploying would expose it
	b.apply(b.Spec, migration.PartWorkload)
	b.rolledOut(b.Spec)
	if err := check(); err != nil {
		b.Error(err)
	}
}

func foreignWorkload(b *bench) {
	b.World.Seize(b.T, b.namespace(), migration.PartWorkload, b.workload(), "pulcinella")
	b.foreignPart(migration.PartWorkload, "pulcinella")
	out, err := b.Cluster.Scale(b.ctx(), b.Spec, migration.Scale{Env: env, Workload: b.workload().Name})
	b.refused(migration.OutcomeForeign, out, err, "pulcinella")
	f := b.observe(b.Spec)
	if len(f.Workloads) != 1 || f.Workloads[0].Digest != "" || f.Workloads[0].Desired != b.workload().Replicas {
		b.Errorf("somebody else's workload: %+v", f.Workloads)
	}
}

func foreignService(b *bench) {
	b.World.Seize(b.T, b.namespace(), migration.PartExposure, b.workload(), "pulcinella")
	b.foreignPart(migration.PartExposure, "pulcinella")
	if f := b.observe(b.Spec); len(f.Exposures) > 0 {
		b.Errorf("somebody else's Service counts as ours: %+v", f.Exposures)
	}
}

func (b *bench) foreignPart(part migration.Part, who string) {
	b.Helper()
	out, err := b.Cluster.Apply(b.ctx(), b.Spec, applyOf(b.Spec, part))
	b.refused(migration.OutcomeForeign, out, err, b.workload().Name, who)
	out, err = b.remove(b.Spec, part)
	b.refused(migration.OutcomeForeign, out, err, b.workload().Name, who)
}

func otherMigration(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	b.apply(b.Spec, migration.PartExposure)
	other := b.Spec
	other.Name = b.Spec.Name + "-2"
	for _, part := range []migration.Part{migration.PartWorkload, migration.PartExposure} {
		out, err := b.Cluster.Apply(b.ctx(), other, applyOf(other, part))
		b.refused(migration.OutcomeForeign, out, err, b.Spec.Name)
		out, err = b.remove(other, part)
		b.refused(migration.OutcomeForeign, out, err, b.Spec.Name)
	}
	if f := b.observe(other); len(f.Exposures) > 0 {
		b.Errorf("another migration's exposure counts as ours: %+v", f.Exposures)
	}
}

func foreignReplicas(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	b.rolledOut(b.Spec)
	b.World.ScaleBy(b.T, b.namespace(), b.workload(), 1, "pulcinella")
	out, err := b.Cluster.Apply(b.ctx(), b.Spec, applyOf(b.Spec, migration.PartWorkload))
	b.refused(migration.OutcomeForeign, out, err, "pulcinella", ".spec.replicas")
	if w := b.observe(b.Spec).Workloads[0]; w.Desired != 1 {
		b.Errorf("the other's replicas were overwritten: %+v", w)
	}
	// A rollback does not ask whose the replicas are.
	b.scale(0)
	if w := b.observe(b.Spec).Workloads[0]; w.Desired != 0 {
		b.Errorf("not scaled: %+v", w)
	}
}

func otherKind(b *bench) {
	b.apply(b.Spec, migration.PartWorkload)
	spec := b.with(func(w *migration.Workload) { w.Kind = migration.KindStatefulSet })
	out, err := b.Cluster.Apply(b.ctx(), spec, applyOf(spec, migration.PartWorkload))
	b.refused(migration.OutcomeForeign, out, err, "Deployment "+b.workload().Name, "remove it first")
	if w := b.observe(spec).Workloads; len(w) != 1 || w[0].Kind != migration.KindDeployment {
		b.Errorf("workloads %+v", w)
	}
	removed, err := b.remove(spec, migration.PartWorkload)
	b.done("remove", removed, err)
	b.eventually(func() error {
		if w := b.observe(spec).Workloads; len(w) > 0 {
			return fmt.Errorf("%+v", w)
		}
		return nil
	})
}

func forward(b *bench) {
	if _, _, err := b.Cluster.Forward(b.ctx(), b.Spec, env, b.workload().Name); err == nil || !strings.Contains(err.Error(), "no ready pod") {
		b.Errorf("forward to nothing: %v", err)
	}
	b.apply(b.Spec, migration.PartWorkload)
	w := b.rolledOut(b.Spec)
	for range 2 {
		url, closed, err := b.Cluster.Forward(b.ctx(), b.Spec, env, w.Name)
		if err != nil {
			b.Fatal(err)
		}
		who := b.World.Answers(b.T, url)
		closed()
		if !slices.ContainsFunc(w.Pods, func(p migration.PodFacts) bool { return p.Name == who }) {
			b.Errorf("%s was answered by %q, which is none of %+v", url, who, w.Pods)
		}
	}
}

func logs(b *bench) {
	none, err := b.Cluster.Logs(b.ctx(), b.Spec, env, b.workload().Name, 5)
	if err != nil || len(none) > 0 {
		b.Errorf("logs of nothing: %v, %v", none, err)
	}
	b.apply(b.Spec, migration.PartWorkload)
	w := b.rolledOut(b.Spec)
	b.eventually(func() error {
		got, err := b.Cluster.Logs(b.ctx(), b.Spec, env, w.Name, 1)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range w.Pods {
			text, ok := got[p.Name+"/"+w.Name]
			if !ok || len(got) != len(w.Pods) {
				return fmt.Errorf("no log of %s in %v", p.Name, got)
			}
			if bytes.Count(text, []byte("\n")) > 1 {
				b.Fatalf("more than the last line of %s: %q", p.Name, text)
			}
			if len(text) == 0 {
				return errors.New("the log is empty")
			}
		}
		return nil
	})
}
