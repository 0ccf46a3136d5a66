package manifest

import (
	"maps"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

func returning(change func(*migration.Spec)) migration.Spec {
	spec := bank(full)
	spec.OldEntry = migration.OldEntry{Addresses: []string{"192.0.2.20", "192.0.2.21"}, Port: 443}
	spec.ReturnPath.Image = "registry.golemtrust.am/rehome-agent@sha256:" + strings.Repeat("a", 64)
	if change != nil {
		change(&spec)
	}
	return spec
}

func TestReturnPathGoldens(t *testing.T) {
	for name, change := range map[string]func(*migration.Spec){
		"return-path": nil,
		"return-path-on-every-node": func(s *migration.Spec) {
			s.Target.TrafficPolicy, s.Target.Mesh = migration.TrafficLocal, migration.MeshIstio
			s.Workloads[0].Ports = []migration.Port{{Port: 443}}
			s.OldEntry.Addresses = []string{"balancer.golemtrust.am."}
			s.ReturnPath.Scheme, s.ReturnPath.ServerName, s.ReturnPath.CA, s.ReturnPath.Proxy = migration.LeadTLS, "bank.golemtrust.am", "old-ca", "v2"
		},
	} {
		t.Run(name, func(t *testing.T) {
			objs, err := Objects(returning(change), migration.Production, migration.PartReturnPath, "royal-bank-api")
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name, objs)
		})
	}
}

func TestReturnPathRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*migration.Spec)
		want   string
	}{
		"no image":       {func(s *migration.Spec) { s.ReturnPath.Image = "" }, "images.agent"},
		"no old entry":   {func(s *migration.Spec) { s.OldEntry.Addresses = nil }, "oldEntry.addresses"},
		"no ports":       {func(s *migration.Spec) { s.Workloads[0].Ports = nil }, "no ports"},
		"UDP":            {func(s *migration.Spec) { s.Workloads[0].Ports[1].Protocol = "UDP" }, "9090 is UDP"},
		"its own port":   {func(s *migration.Spec) { s.Workloads[0].Ports[1].Port = 9180 }, "9180"},
		"its own name":   {func(s *migration.Spec) { s.Workloads[0].Ports[1].Name = "status" }, "named status"},
		"nothing amiss":  {nil, ""},
		"another's part": {func(s *migration.Spec) { s.Workloads[0].Name = "else" }, "no workload"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Objects(returning(tt.change), migration.Production, migration.PartReturnPath, "royal-bank-api")
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestOneValueTurns: the selectors of the two sides differ in one value, neither
// selects the other's pods, and the target ports of the Service hold for both.
func TestOneValueTurns(t *testing.T) {
	spec := returning(nil)
	const w = "royal-bank-api"
	to := map[migration.Side]map[string]string{migration.OldSide: SelectorOf(spec, w, migration.OldSide), migration.NewSide: SelectorOf(spec, w, migration.NewSide)}
	differ := 0
	for k, v := range to[migration.NewSide] {
		if to[migration.OldSide][k] != v {
			differ++
		}
	}
	if differ != 1 || len(to[migration.OldSide]) != len(to[migration.NewSide]) {
		t.Errorf("the selectors are %v", to)
	}
	for side, want := range to {
		if got := LeadsTo(spec, w, want); got != side {
			t.Errorf("%v leads to %q, want the %s side", want, got, side)
		}
		more := maps.Clone(want)
		more["canary"] = "yes"
		for _, other := range []map[string]string{nil, more, {LabelName: w}} {
			if got := LeadsTo(spec, w, other); got != "" {
				t.Errorf("%v leads to the %s side", other, got)
			}
		}
	}
	objs, err := Objects(spec, migration.Production, migration.PartExposure, w)
	if err != nil {
		t.Fatal(err)
	}
	Turn(objs, spec, w, migration.OldSide)
	selector := objs[0].Object["spec"].(object)["selector"].(object)
	if selector[LabelName] != w+"-return-path" || len(selector) != 2 {
		t.Errorf("turned, it selects %v", selector)
	}
	forward, err := Objects(spec, migration.Production, migration.PartReturnPath, w)
	if err != nil {
		t.Fatal(err)
	}
	carrier := forward[len(forward)-1]
	if carrier.GetAnnotations()[DigestAnnotation] != spec.ReturnPathDigest(migration.Production, w) {
		t.Error("the digest does not stand on what is applied last")
	}
	pod := carrier.Object["spec"].(object)["template"].(object)
	for k, v := range selector {
		if pod["metadata"].(object)["labels"].(object)[k] != v {
			t.Errorf("the forwarders' pods are not selected by %s=%s", k, v)
		}
	}
}
