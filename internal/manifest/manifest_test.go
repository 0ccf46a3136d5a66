package manifest

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/migration"
)

var update = flag.Bool("update", false, "write the golden files anew")

const image = "registry.golemtrust.am/royal-bank-api@sha256:" +
	"2f5c1e6d3b7a4980c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f405162738"

func bank(change func(*migration.Workload)) migration.Spec {
	w := migration.Workload{
		Name: "royal-bank-api", Image: image, Kind: migration.KindAuto, Replicas: 2,
		Ports:  []migration.Port{{Name: "http", Port: 8080, Protocol: "TCP"}},
		Health: migration.Health{ReadinessPath: "/readyz"},
	}
	if change != nil {
		change(&w)
	}
	return migration.Spec{
		Name:      "royal-bank",
		Workloads: []migration.Workload{w},
		Target: migration.Destination{
			Namespace: "royal-bank", StagingNamespace: "royal-bank-staging", Exposure: migration.ExposeLoadBalancer,
		},
	}
}

func full(w *migration.Workload) {
	w.Ports = []migration.Port{
		{Name: "http", Port: 8080, Public: 80, Protocol: "TCP"},
		{Name: "admin", Port: 9090},
	}
	w.Health = migration.Health{ReadinessPath: "/readyz", LivenessPath: "/healthz", StartupSeconds: 45}
	w.Resources = migration.Resources{
		CPURequestMilli: 250, CPULimitMilli: 1000, MemoryRequestBytes: 256 << 20, MemoryLimitBytes: 1 << 30,
	}
	w.Env = map[string]string{"LOG": "stdout", "BRANCH": "Ankh"}
	w.Mounts = []migration.Mount{
		{ConfigMap: "royal-bank-api-config", Path: "/etc/royal-bank-api"},
		{Secret: "royal-bank-api-secrets", Path: "/etc/royal-bank-api/"},
		{Secret: "royal-bank-api-tls", Path: "/etc/tls"},
		{ConfigMap: "royal-bank-api-env", Env: true},
		{Secret: "royal-bank-api-db", Env: true},
	}
	w.TerminationGraceSeconds, w.PreStopSeconds = 20, 5
}

func stateful(w *migration.Workload) {
	w.Storage = []migration.Storage{
		{Name: "ledger", Path: "/var/lib/ledger", SizeBytes: 10 << 30, Class: "fast"},
		{Name: "spool", Path: "/tmp", SizeBytes: 1_500_000_000},
	}
}

func TestGoldens(t *testing.T) {
	tests := map[string]struct {
		change func(*migration.Workload)
		env    migration.Env
		part   migration.Part
	}{
		"deployment-least":   {nil, migration.Production, migration.PartWorkload},
		"deployment-staging": {nil, migration.Staging, migration.PartWorkload},
		"deployment-full":    {full, migration.Production, migration.PartWorkload},
		"statefulset":        {stateful, migration.Production, migration.PartWorkload},
		"loadbalancer":       {full, migration.Production, migration.PartExposure},
		"worker":             {worker, migration.Production, migration.PartWorkload},
		"exceptions":         {exceptions, migration.Production, migration.PartWorkload},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			objs, err := Objects(bank(tt.change), tt.env, tt.part, "royal-bank-api")
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name, objs)
		})
	}
}

func compare(t *testing.T, name string, objs []*unstructured.Unstructured) {
	t.Helper()
	got, err := YAML(objs)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("differs from %s; run with -update and read the diff:\n%s", file, got)
	}
}

func TestRefused(t *testing.T) {
	tests := map[string]struct {
		change func(*migration.Workload)
		part   migration.Part
		want   string
	}{
		"no image":         {func(w *migration.Workload) { w.Image = "" }, "", "image is missing"},
		"unknown kind":     {func(w *migration.Workload) { w.Kind = "DaemonSet" }, "", `unknown kind "DaemonSet"`},
		"unknown part":     {nil, "pods", `unknown part "pods"`},
		"no readiness":     {func(w *migration.Workload) { w.Health.ReadinessPath = "" }, "", "health.readinessPath is missing"},
		"one path for all": {func(w *migration.Workload) { w.Health.LivenessPath = "/readyz" }, "", "(PROBES)"},
		"udp only":         {func(w *migration.Workload) { w.Ports[0].Protocol = "UDP" }, "", "no TCP port"},
		"storage of a Deployment": {func(w *migration.Workload) {
			stateful(w)
			w.Kind = migration.KindDeployment
		}, "", "storage needs kind StatefulSet"},
		"mount of nothing": {func(w *migration.Workload) { w.Mounts = []migration.Mount{{Path: "/etc/a"}} }, "",
			"mounts[0]: name a configMap or a secret"},
		"mount of both": {func(w *migration.Workload) {
			w.Mounts = []migration.Mount{{ConfigMap: "a", Secret: "b", Path: "/etc/a"}}
		}, "", "mounts[0]: name a configMap or a secret"},
		"mount without a place": {func(w *migration.Workload) { w.Mounts = []migration.Mount{{ConfigMap: "a"}} }, "",
			`mounts[0]: path "" is not an absolute path`},
		"mount over the image": {func(w *migration.Workload) { w.Mounts = []migration.Mount{{ConfigMap: "a", Path: "/etc/.."}} }, "",
			`path "/etc/.." is not`},
		"mount in two ways": {func(w *migration.Workload) {
			w.Mounts = []migration.Mount{{ConfigMap: "a", Env: true, Path: "/etc/a"}}
		}, "", "env and path exclude each other"},
		"storage over a mount": {func(w *migration.Workload) {
			stateful(w)
			w.Mounts = []migration.Mount{{ConfigMap: "a", Path: "/var/lib/ledger"}}
		}, "", "storage[0]: path /var/lib/ledger is already that of mounts[0]"},
		"storage that hides a mount": {func(w *migration.Workload) {
			stateful(w)
			w.Storage[0].Name = "mount-0"
		}, "", `the name "mount-0" is kept`},
		"storage in a relative place": {func(w *migration.Workload) {
			stateful(w)
			w.Storage[0].Path = "data"
		}, "", `storage[0]: path "data"`},
		"scratch over a mount":  {func(w *migration.Workload) { full(w); w.Scratch = []string{"/etc/tls/"} }, "", "scratch[0]: path /etc/tls is mounted already"},
		"scratch of everything": {func(w *migration.Workload) { w.Scratch = []string{"/"} }, "", `scratch[0]: path "/"`},
		"scratch that hides a claim": {func(w *migration.Workload) {
			stateful(w)
			w.Storage[0].Name, w.Scratch = "scratch-0", []string{"/var/cache/bank"}
		}, "", `scratch[0]: the name "scratch-0" is kept`},
		"nothing to expose": {func(w *migration.Workload) { w.Ports = nil }, migration.PartExposure, "no ports to expose"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.part == "" {
				tt.part = migration.PartWorkload
			}
			_, err := Objects(bank(tt.change), migration.Production, tt.part, "royal-bank-api")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := Objects(bank(nil), migration.Production, migration.PartWorkload, "vault"); err == nil {
		t.Error("a workload that the spec does not have was rendered")
	}
}

// Only what concerns the pods may replace them.
func TestScaleKeepsTheTemplate(t *testing.T) {
	template := func(replicas int32) any {
		objs, err := Objects(bank(func(w *migration.Workload) { full(w); w.Replicas = replicas }),
			migration.Production, migration.PartWorkload, "royal-bank-api")
		if err != nil {
			t.Fatal(err)
		}
		tpl, _, _ := unstructured.NestedMap(objs[len(objs)-1].Object, "spec", "template")
		return tpl
	}
	if !reflect.DeepEqual(template(1), template(5)) {
		t.Error("the pod template depends on the number of replicas")
	}
}

func TestEveryObjectIsMarked(t *testing.T) {
	spec := bank(func(w *migration.Workload) { full(w); stateful(w) })
	for part, digest := range map[migration.Part]string{
		migration.PartWorkload: spec.WorkloadDigest(migration.Production, "royal-bank-api"),
		migration.PartExposure: spec.ExposureDigest(migration.Production, "royal-bank-api"),
	} {
		objs, err := Objects(spec, migration.Production, part, "royal-bank-api")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objs {
			want := digest
			if o.GetKind() == KindDisruptionBudget {
				want = "" // nothing is decided by what stands beside
			}
			if !Ours(spec, o.GetLabels()) || o.GetAnnotations()[DigestAnnotation] != want {
				t.Errorf("%s %s: labels %v, annotations %v", o.GetKind(), o.GetName(), o.GetLabels(), o.GetAnnotations())
			}
		}
	}
	other := migration.Spec{Name: "watch-house"}
	if objs, _ := Objects(spec, migration.Production, migration.PartWorkload, "royal-bank-api"); Ours(other, objs[0].GetLabels()) {
		t.Error("another migration's object counts as ours")
	}
}
