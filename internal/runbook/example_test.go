package runbook

import (
	"time"

	"rehome.dev/rehome/internal/migration"
)

// t0 is where every story begins; transcripts count from it.
var t0 = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const (
	key     = "royal-bank-api"
	bank    = "royal-bank-api.golemtrust.am."
	rehears = "rehearsal.royal-bank-api.golemtrust.am."
	oldAddr = "192.0.2.20"
	newAddr = "198.51.100.7"
	zoneOne = "golemtrust.am."
	zoneTwo = "golemtrust.example."
	bankTwo = "bank.golemtrust.example."

	approvedBase = "registry.golemtrust.am/base/"
)

func image(tag string) string {
	return "registry.golemtrust.am/royal-bank-api@sha256:" + tag
}

func name(n, zone string) migration.Name {
	return migration.Name{Name: n, Zone: zone, Provider: "golem-dns", Workload: key}
}

func workload(n string) migration.Workload {
	return migration.Workload{
		Name: n, Image: image("one"), Kind: migration.KindDeployment, Replicas: 2,
		Ports:  []migration.Port{{Name: "http", Port: 8080, Protocol: "TCP"}},
		Health: migration.Health{ReadinessPath: "/readyz"},
		Mounts: []migration.Mount{{ConfigMap: n + "-config", Path: "/etc/" + n}, {Secret: n + "-secrets", Env: true}},
	}
}

// exampleSpec is one application with one name; the stories vary it.
func exampleSpec() migration.Spec {
	rehearsal := name(rehears, zoneOne)
	side := migration.SideMetrics{Requests: "requests", Errors: "errors", Vantage: "application"}
	return migration.Spec{
		Name: key, Names: []migration.Name{name(bank, zoneOne)}, Rehearsal: &rehearsal,
		OldEntry:   migration.OldEntry{Addresses: []string{oldAddr}, Port: 8080, ProbePath: "/healthz"},
		ReturnPath: migration.ReturnPath{Image: "registry.golemtrust.am/rehome-agent@sha256:agent"},
		VMs:        []migration.VM{{Host: "vm-bank-1", Unit: key + ".service", ConfigDirs: []string{"/etc/" + key}}},
		Workloads:  []migration.Workload{workload(key)},
		Target:     migration.Destination{Cluster: "golem", Namespace: "royal-bank", StagingNamespace: "royal-bank-staging", Exposure: migration.ExposeLoadBalancer},
		Cutover:    migration.CutoverDNS, Delivery: migration.DeliveryRehome,
		Metrics: migration.Metrics{Source: "prometheus", Old: side, New: side},
		Smoke:   migration.Smoke{Checks: []migration.HTTPCheck{{Name: "health", Path: "/healthz", Status: 200}}},
		Drills:  migration.Drills{Session: &migration.SessionDrill{Begin: "/login", Check: "/account", Status: 200}},
		Data:    migration.Data{Shared: true, Stores: []string{"postgres.golemtrust.am:5432"}},
	}
}

// twoZones gives the application a second name, in a zone of its own.
func twoZones(s migration.Spec) migration.Spec {
	s.Names = append(s.Names[:1:1], name(bankTwo, zoneTwo))
	return s
}

// twoWorkloads gives the application a second workload with a name of its own
// in the same zone.
func twoWorkloads(s migration.Spec) migration.Spec {
	second := name("ledger.golemtrust.am.", zoneOne)
	second.Workload = "ledger"
	s.Names = append(s.Names[:1:1], second)
	s.Workloads = append(s.Workloads[:1:1], workload("ledger"))
	return s
}

func examplePolicy() migration.Policy {
	p := migration.DefaultPolicy()
	p.Name = "golemtrust"
	p.ApprovedBases = []string{approvedBase}
	p.DNSProviders = []migration.Connection{{Name: "golem-dns", Type: "memory"}}
	return p
}

// waivers waive by name what this version cannot judge, and the load that nobody
// has made on the machine.
func waivers(until time.Time) []migration.Waiver {
	var out []migration.Waiver
	for _, c := range append(Unjudged(), migration.CodeResources) {
		out = append(out, migration.Waiver{Code: c, Migration: key, By: "angua", Reason: "looked at by hand", At: t0, Until: until})
	}
	return out
}
