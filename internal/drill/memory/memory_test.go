package memory_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rehome.dev/rehome/internal/drill/drilltest"
	"rehome.dev/rehome/internal/drill/memory"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
)

func bank() migration.Spec {
	return migration.Spec{
		Name: "bank", Target: migration.Destination{Namespace: "bank", StagingNamespace: "bank-staging"},
		Workloads: []migration.Workload{{Name: "api", Image: "registry.example/api@sha256:00", Replicas: 2}},
	}
}

func machines() inventory.Report {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	return inventory.Report{Machines: []inventory.Facts{imagined.Service(inventory.Target{Host: "vm-bank-1"}, at)}}
}

type world struct{ *memory.Drills }

func (world) Ready(*testing.T, string) int { return 2 }
func (w world) Spoil(_ *testing.T, d migration.StagingDrill) bool {
	w.Show(d, migration.DrillResult{Verdict: migration.Fail, Text: "it is spoiled", Remedy: "mend it"})
	return true
}

func (w world) Reach(*testing.T) string {
	const address = "postgres.golemtrust.am:5432"
	w.Drills.Reach(migration.IsolationFacts{Peers: []migration.StagingPeer{{Address: address, Kind: "database", Seen: []string{"Secret bank-config, key DB"}}}})
	return address
}
func (world) Canaries() []string { return []string{"hunter2"} }

func TestConformance(t *testing.T) {
	drilltest.Run(t, func(*testing.T) (drilltest.Fixture, drilltest.World) {
		d := memory.New(time.Now)
		return drilltest.Fixture{Drills: d, Spec: bank(), Machines: machines(), Made: migration.StagingDrills()}, world{d}
	})
}

// TestEndedMidway: a drill that is ended while it lasts tells nothing, and is not
// counted as made.
func TestEndedMidway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := memory.New(time.Now)
		d.Last(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		a := migration.RunDrill{Env: migration.Staging, Drill: migration.DrillDrain, Workload: "api"}
		if res, err := d.Drill(ctx, bank(), migration.Policy{}, a, machines()); err != nil || res.Verdict != migration.Unknown {
			t.Errorf("%+v, %v", res, err)
		}
		if n := len(d.Made()); n != 0 {
			t.Errorf("%d were made", n)
		}
		if res, err := d.Drill(t.Context(), bank(), migration.Policy{}, a, machines()); err != nil || res.Verdict != migration.Pass || res.Took != time.Minute {
			t.Errorf("%+v, %v", res, err)
		}
	})
}
