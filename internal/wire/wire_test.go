package wire

import (
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/migration"
)

// Every type that a policy may name has a maker, and no other.
func TestRegistryIsWhole(t *testing.T) {
	r := Standard()
	known := map[config.Role]map[string]bool{config.RoleDNS: {}, config.RoleCluster: {}, config.RoleMetrics: {}}
	for _, c := range config.ConnectionTypes() {
		known[c.Role][c.Type] = true
	}
	for role, have := range map[config.Role][]string{config.RoleDNS: keys(r.DNS), config.RoleCluster: keys(r.Cluster), config.RoleMetrics: keys(r.Metrics)} {
		for _, name := range have {
			if !known[role][name] {
				t.Errorf("%s %s has a maker, and no policy can name it", role, name)
			}
			delete(known[role], name)
		}
		for name := range known[role] {
			t.Errorf("%s %s can be named, and has no maker", role, name)
		}
	}
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func spec() migration.Spec {
	name := migration.Name{Name: "a.example.", Zone: "example.", Provider: "dns"}
	return migration.Spec{
		Name: "a", Names: []migration.Name{name, name}, Target: migration.Destination{Cluster: "here"}, Metrics: migration.Metrics{Source: "prom"},
	}
}

// An unknown type is an error that lists the known ones; what could not be made
// answers each call with its reason, and the other adapters are there.
func TestPortsWithFaults(t *testing.T) {
	policy := migration.Policy{
		DNSProviders:   []migration.Connection{{Name: "dns", Type: "route66"}},
		MetricsSources: []migration.Connection{{Name: "prom", Type: "prometheus", Settings: map[string]string{"url": "no url"}}},
	}
	p, err := Standard().Ports(spec(), policy)
	for _, want := range []string{`DNS provider dns: unknown type "route66"; known are rfc2136`, `the policy has no cluster named "here"`, `metrics source "prom"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	ctx := t.Context()
	if out, err := p.DNS["dns"].Swap(ctx, migration.SwapRecords{}); out != migration.OutcomeNotDone || err == nil {
		t.Errorf("a provider that is not there: %s, %v", out, err)
	}
	if _, err := p.DNS["dns"].Observe(ctx, "example.", "", nil); err == nil {
		t.Error("a provider that is not there was observed")
	}
	if out, err := p.Cluster.Scale(ctx, spec(), migration.Scale{}); out != migration.OutcomeNotDone || err == nil {
		t.Errorf("a cluster that is not there: %s, %v", out, err)
	}
	if _, err := p.Cluster.Observe(ctx, spec(), migration.Production); err == nil {
		t.Error("a cluster that is not there was observed")
	}
	if s := p.Metrics.Sample(ctx, migration.Metrics{}, time.Now()); s.Missing == "" {
		t.Error("a source that is not there has samples")
	}
	if p.Machines == nil || p.Images == nil || p.Prober == nil || p.Smoker == nil || p.Clock == nil {
		t.Error("a fault of one adapter took others with it")
	}
}

func TestPorts(t *testing.T) {
	policy := migration.Policy{
		DNSProviders: []migration.Connection{{Name: "dns", Type: "rfc2136", Settings: map[string]string{
			"server": "127.0.0.1:9", "tsigName": "k.", "tsigSecretFile": "/nowhere"}}},
		Clusters:       []migration.Connection{{Name: "here", Type: "kubernetes"}},
		MetricsSources: []migration.Connection{{Name: "prom", Type: "prometheus", Settings: map[string]string{"url": "http://127.0.0.1:9"}}},
	}
	p, err := Standard().Ports(spec(), policy)
	if err != nil || len(p.DNS) != 1 || p.DNS["dns"] == nil || p.Cluster == nil || p.Metrics == nil {
		t.Errorf("%+v, %v", p, err)
	}
}

// A registry without machines and images gives ports that say so.
func TestPortsWithoutMachines(t *testing.T) {
	p, _ := Registry{}.Ports(spec(), migration.Policy{})
	if _, err := p.Machines.Inventory(t.Context(), spec(), migration.Policy{}); err == nil {
		t.Error("there are facts of machines that nothing reaches")
	}
	if _, err := p.Images.Base(t.Context(), migration.Workload{}, migration.Policy{}); err == nil {
		t.Error("an image stands on something that nobody has looked at")
	}
}
