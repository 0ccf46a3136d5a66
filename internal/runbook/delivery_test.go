package runbook

import (
	"testing"

	"rehome.dev/rehome/internal/migration"
)

// others is what whoever delivers does with a part of every workload.
func (w *world) others(verb string, env migration.Env, part migration.Part) {
	list := w.spec.Workloads
	if part == migration.PartExposure {
		list = w.spec.Exposed()
	}
	for _, wl := range list {
		switch verb {
		case "delivers":
			a := migration.Apply{Env: env, Part: part, Workload: wl.Name, Digest: w.spec.WorkloadDigest(env, wl.Name)}
			if part == migration.PartExposure {
				a.Digest = w.spec.ExposureDigest(env, wl.Name)
			}
			w.apply(a)
			w.changePods(env, wl.Name, func(f *migration.WorkloadFacts) { f.By = []string{"Argo CD bank"} })
		case "takes":
			w.remove(env, part, wl.Name)
		case "changes":
			w.changePods(env, wl.Name, func(f *migration.WorkloadFacts) {
				f.Differs = "Deployment " + wl.Name + ": spec.template.spec.containers[" + wl.Name + "].image is another"
			})
		}
	}
}

func TestDelivered(t *testing.T) {
	external := spec(func(s *migration.Spec) { s.Delivery = migration.DeliveryExternal })
	plan := planApply(migration.Production, migration.PartWorkload)
	g := func(l look) migration.Reason {
		todo, why := plan(l)
		switch {
		case len(todo) > 0:
			return fails(migration.CodeIntent, "it writes")
		case len(why) > 0:
			return why[0]
		}
		return passes(migration.CodeDelivery, "delivered")
	}
	at := migration.StepSmoke
	changed := func(change func(*migration.WorkloadFacts)) func(*play) { return declared(external, pods(change)) }
	cases := []guardCase{
		{name: "as rendered", step: at, vary: external, want: "pass"},
		{name: "not there", step: migration.StepDeploy, vary: external, want: "fail, asks"},
		{name: "of another rendering", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Digest = "0123" }), want: "fail, asks"},
		{name: "changed behind the digest", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Differs = "spec.replicas is 1, and declared is 2" }), want: "fail, asks"},
		{name: "as declared, without the digest", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Digest = "" }), want: "pass"},
		{name: "unseen", step: at, vary: declared(external, unseenCluster), want: "unknown, watches"},
		{name: "cannot see: what the owner will change tomorrow", step: at, vary: external, want: "pass"},
	}
	checkGuard(t, g, cases)
	checkGuard(t, rolledOut(migration.Production), []guardCase{
		{name: "as rendered", step: at, vary: external, want: "pass"},
		{name: "of another rendering", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Digest = "0123" }), want: "fail, watches"},
		{name: "without the digest", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Digest = "" }), want: "pass"},
		{name: "not ready", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Ready = 1 }), want: "fail, watches"},
	})
	checkGuard(t, scaledDown, []guardCase{
		{name: "still runs", step: at, vary: external, want: "fail, asks"},
		{name: "none wanted, and some end", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Desired = 0 }), want: "fail, watches"},
		{name: "none", step: at, vary: changed(func(f *migration.WorkloadFacts) { f.Desired, f.Pods = 0, nil }), want: "pass"},
	})
}
