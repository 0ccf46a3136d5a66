package sim

import (
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// The two releases of the example: one that fails some requests although it
// passes its smoke test, and one that is put right.
const (
	BadImage  = "registry.golemtrust.am/royal-bank-api@sha256:bad0000000000000000000000000000000000000000000000000000000000bad"
	GoodImage = "registry.golemtrust.am/royal-bank-api@sha256:900d00000000000000000000000000000000000000000000000000000000900d"
)

// AgentImage is the policy's image of the agent, in which forwarders run.
const AgentImage = "registry.golemtrust.am/rehome-agent@sha256:a9e40000000000000000000000000000000000000000000000000000000a9e4"

// Example is the runbook's own organisation: royal-bank-api moves from its VM
// into the namespace royal-bank. Addresses are those for documentation (RFC 5737).
func Example(image string) migration.Spec {
	name := func(n string) migration.Name {
		return migration.Name{Name: n, Zone: "golemtrust.am.", Provider: "golem-dns", Workload: "royal-bank-api"}
	}
	rehearsal := name("rehearsal.royal-bank-api.golemtrust.am.")
	return migration.Spec{
		Name:       "royal-bank-api",
		Names:      []migration.Name{name("royal-bank-api.golemtrust.am.")},
		Rehearsal:  &rehearsal,
		OldEntry:   migration.OldEntry{Addresses: []string{"192.0.2.20"}, Port: 8080, ProbePath: "/healthz"},
		ReturnPath: migration.ReturnPath{Image: AgentImage},
		VMs:        []migration.VM{{Host: "vm-bank-1.golemtrust.am", Unit: "royal-bank-api.service", ConfigDirs: []string{"/etc/royal-bank-api"}}},
		Workloads: []migration.Workload{{
			Name: "royal-bank-api", Image: image, Kind: migration.KindDeployment, Replicas: 2,
			Ports:  []migration.Port{{Name: "http", Port: 8080, Protocol: "TCP"}},
			Health: migration.Health{ReadinessPath: "/readyz", LivenessPath: "/healthz", StartupSeconds: 10},
			Mounts: []migration.Mount{{ConfigMap: "royal-bank-api-config", Path: "/etc/royal-bank-api"}, {Secret: "royal-bank-api-secrets", Env: true}},
		}},
		Target:   migration.Destination{Cluster: "golem", Namespace: "royal-bank", StagingNamespace: "royal-bank-staging", Exposure: migration.ExposeLoadBalancer},
		Cutover:  migration.CutoverDNS,
		Delivery: migration.DeliveryRehome,
		Metrics: migration.Metrics{
			Source: "golem-prometheus",
			Old:    migration.SideMetrics{Requests: `http_requests_total{job="vm"}`, Errors: `http_requests_total{job="vm",code=~"5.."}`, Latency: `http_request_duration_seconds_bucket{job="vm"}`, Vantage: "application"},
			New:    migration.SideMetrics{Requests: `http_requests_total{job="pods"}`, Errors: `http_requests_total{job="pods",code=~"5.."}`, Latency: `http_request_duration_seconds_bucket{job="pods"}`, Vantage: "application"},
		},
		Smoke: migration.Smoke{Checks: []migration.HTTPCheck{{Name: "health", Path: "/healthz", Status: 200}, {Name: "accounts", Path: "/accounts", Status: 200}}},
		Fixes: []migration.Fix{
			{Code: migration.CodeLogsStdout, Drill: migration.DrillLogs, How: "the release logs to stdout"},
			{Code: migration.CodeSIGTERM, Drill: migration.DrillDrain, How: "the release answers what it has begun before it ends"},
		},
		Drills: migration.Drills{Session: &migration.SessionDrill{Begin: "/login?customer=drill", Check: "/session", Status: 200, Old: true}},
		Data:   migration.Data{Shared: true, Stores: []string{"postgres.golemtrust.am:5432"}},
	}
}

// ExamplePolicy has the runbook's numbers.
func ExamplePolicy() migration.Policy {
	p := migration.DefaultPolicy()
	p.Name = "golemtrust"
	p.ApprovedBases, p.AgentImage = []string{"registry.golemtrust.am/base/"}, AgentImage
	p.DNSProviders = []migration.Connection{{Name: "golem-dns", Type: "memory"}}
	p.Clusters = []migration.Connection{{Name: "golem", Type: "memory"}}
	p.MetricsSources = []migration.Connection{{Name: "golem-prometheus", Type: "memory"}}
	return p
}

// ExampleOptions is a world for the example, in which the bad release fails one
// request in twenty.
func ExampleOptions(image string, start time.Time, seed uint64) Options {
	return Options{
		Spec: Example(image), Policy: ExamplePolicy(), Start: start, Seed: seed,
		Rate: 40, Resolvers: 8, TTL: 3600,
		Old: Behaviour{ErrorRate: 0.001, Latency: 20 * time.Millisecond},
		Releases: map[string]Behaviour{
			BadImage:  {ErrorRate: 0.05, Latency: 20 * time.Millisecond},
			GoodImage: {ErrorRate: 0.0005, Latency: 18 * time.Millisecond},
		},
	}
}

// Waivers waive by name what no check of this version can judge, and what no load
// was made for.
func Waivers(s runbook.State, by string, until time.Time) []migration.Waiver {
	var out []migration.Waiver
	waive := func(reason string, codes ...migration.Code) {
		for _, c := range codes {
			out = append(out, migration.Waiver{Code: c, Migration: s.Key, By: by, Reason: reason, Until: until})
		}
	}
	waive("looked at by hand for the first application", runbook.Unjudged()...)
	waive("requests and limits are those of the load test of the release", migration.CodeResources)
	return append(out, migration.Waiver{Code: migration.CodeLatency, Migration: s.Key, By: by, Until: until,
		Reason: "the histogram's buckets are too coarse for a p99 within 20 %; the latency panel is watched by eye"})
}
