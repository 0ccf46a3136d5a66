package runbook

import (
	"slices"
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

func TestSchedules(t *testing.T) {
	job := migration.Schedule{Name: "interest.timer", Owner: migration.OwnerCluster, When: "@daily", Command: []string{"/app/interest"}}
	declares := func(j migration.Schedule) func(*play) {
		return spec(func(s *migration.Spec) { s.Schedules = []migration.Schedule{j} })
	}
	runs := func(name string) func(*look) {
		return func(l *look) {
			m := l.f.Inventory.Value.Machines[0]
			m.Schedules = append(slices.Clone(m.Schedules), inventory.Schedule{Kind: "timer", Name: name, Related: true})
			l.f.Inventory.Value.Machines = []inventory.Facts{m}
		}
	}
	byOther := job
	byOther.When, byOther.Command = "", nil
	at := migration.StepGo
	checkGuard(t, handedOver, []guardCase{
		{name: "nothing is handed over", step: at, want: "pass"},
		{name: "stopped on the machines", step: at, vary: declares(job), want: "pass"},
		{name: "it would run twice", step: at, vary: declares(job), see: runs(job.Name), want: "fail, asks"},
		{name: "another one runs there", step: at, vary: declares(job), see: runs("apt.timer"), want: "pass"},
		{name: "unseen", step: at, vary: declares(job), see: func(l *look) { l.f.Inventory.Err = "forbidden" }, want: "unknown, watches"},
		{name: "cannot see: what the cluster runs by means of others", step: at, vary: declares(byOther), see: runs(job.Name), want: "pass"},
	})
	beside := func(f migration.BesideFacts) func(*play) {
		f.Workload, f.Kind, f.Name = key, migration.KindCronJob, "royal-bank-api-interest"
		return production(func(c *migration.ClusterFacts) { c.Beside = []migration.BesideFacts{f} })
	}
	at = migration.StepValidate
	external := spec(func(s *migration.Spec) { s.Delivery = migration.DeliveryExternal })
	held := beside(migration.BesideFacts{Exists: true, Ours: true, Suspended: true})
	checkGuard(t, scheduled, []guardCase{
		{name: "no job", step: at, want: "pass"},
		{name: "it begins by time", step: at, vary: beside(migration.BesideFacts{Exists: true, Ours: true}), want: "pass"},
		{name: "suspended", step: at, vary: held, want: "fail, watches"},
		{name: "suspended by whoever delivers", step: at, vary: declared(external, held), want: "fail, asks"},
		{name: "nobody may look", step: at, vary: beside(migration.BesideFacts{Err: "forbidden"}), want: "fail, watches"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
}

// What stands beside a workload is part of it: it is applied again where it was
// taken away, and removed with it.
func TestBesideIsPartOfIt(t *testing.T) {
	apply := migration.Apply{Env: migration.Production, Part: migration.PartWorkload, Workload: key}
	remove := migration.Remove{Env: migration.Production, Part: migration.PartWorkload, Workload: key}
	scale := migration.Scale{Env: migration.Production, Workload: key}
	see := func(there bool, f migration.BesideFacts) look {
		p := standAt(t, migration.StepSmoke)
		apply.Digest = p.s.Spec.WorkloadDigest(migration.Production, key)
		f.Workload = key
		production(func(c *migration.ClusterFacts) {
			c.Beside = []migration.BesideFacts{f}
			if !there {
				c.Workloads = nil
			}
		})(p)
		return looked(p)
	}
	job := migration.BesideFacts{Kind: migration.KindCronJob, Name: "j", Exists: true, Ours: true}
	for _, tt := range []struct {
		name string
		a    migration.Action
		l    look
		done bool
	}{
		{"all is there", apply, see(true, job), true},
		{"the job was taken away", apply, see(true, migration.BesideFacts{Kind: migration.KindCronJob, Name: "j"}), false},
		{"the job is left", remove, see(false, job), false},
		{"somebody else's is left", remove, see(false, migration.BesideFacts{Kind: "ServiceAccount", Exists: true}), true},
		{"the job goes on", scale, see(false, job), false},
		{"the job is suspended", scale, see(false, migration.BesideFacts{Kind: migration.KindCronJob, Exists: true, Ours: true, Suspended: true}), true},
	} {
		if _, done := objectDone(tt.l, tt.a); done != tt.done {
			t.Errorf("%s: done %v", tt.name, done)
		}
	}
}
