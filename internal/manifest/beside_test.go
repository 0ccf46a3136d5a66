package manifest

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/migration"
)

func worker(w *migration.Workload) {
	w.Ports, w.Health = nil, migration.Health{Command: []string{"/bin/alive", "--quick"}, StartupSeconds: 45}
	w.PreStopSeconds = 5
}

func exceptions(w *migration.Workload) {
	w.Ports = []migration.Port{{Name: "http", Port: 80}}
	w.Security = migration.Security{User: 997, Group: 997, FilesGroup: 998, Exceptions: []migration.Exception{
		{Allow: "NET_BIND_SERVICE", Because: "it listens on port 80"},
		{Allow: migration.AllowWrites, Because: "it unpacks\nitself"},
	}}
	w.Scratch = []string{"/tmp", "/var/cache/bank"}
}

// withNames gives the example names, so that something can lead to it.
func withNames(spec migration.Spec) migration.Spec {
	spec.Names = []migration.Name{{Name: "api.bank.example.", Workload: "royal-bank-api"}, {Name: "www.bank.example.", Workload: "royal-bank-api"}, {Name: "other.example.", Workload: "other"}}
	spec.Rehearsal = &migration.Name{Name: "rehearsal.bank.example.", Workload: "royal-bank-api"}
	return spec
}

func TestWaysIn(t *testing.T) {
	spec := withNames(bank(full))
	spec.Target.Exposure = migration.ExposeIngress
	spec.Target.Ingress = migration.Ingress{Class: "nginx", Issuer: "city"}
	ways := func(spec migration.Spec, env migration.Env) []*unstructured.Unstructured {
		objs, err := Objects(spec, env, migration.PartExposure, "royal-bank-api")
		if err != nil {
			t.Fatal(err)
		}
		return objs
	}
	compare(t, "ingress", ways(spec, migration.Production))
	compare(t, "ingress-staging", ways(spec, migration.Staging))
	before := spec.ExposureDigest(migration.Production, "royal-bank-api")
	spec.Target.Ingress.Class = "traefik"
	if spec.ExposureDigest(migration.Production, "royal-bank-api") == before {
		t.Error("another class of Ingress has the same digest")
	}
	spec.Target.Exposure, spec.Target.Ingress = migration.ExposeGateway, migration.Ingress{}
	spec.Target.Gateway = migration.Gateway{Name: "edge", Namespace: "gateways", Listener: "https"}
	compare(t, "gateway", ways(spec, migration.Production))

	for _, o := range append(ways(spec, migration.Production), ways(withNames(bank(full)), migration.Production)...) {
		for _, a := range externalDNSOptOut {
			if o.GetAnnotations()[a] != ManagedBy {
				t.Errorf("external-dns would take %s %s: %v", o.GetKind(), o.GetName(), o.GetAnnotations())
			}
		}
	}
}

func TestWaysInRefused(t *testing.T) {
	for want, change := range map[string]func(*migration.Spec){
		"no name leads to it in production": func(s *migration.Spec) { s.Names = nil },
		"a TCP port, and there is none":     func(s *migration.Spec) { s.Workloads[0].Ports[0].Protocol = "UDP" },
		"target.gateway is missing":         func(s *migration.Spec) { s.Target.Exposure = migration.ExposeGateway },
		`unknown exposure "NodePort"`:       func(s *migration.Spec) { s.Target.Exposure = "NodePort" },
		"no ports to expose":                func(s *migration.Spec) { s.Workloads[0].Ports = nil },
	} {
		spec := withNames(bank(nil))
		spec.Target.Exposure = migration.ExposeIngress
		change(&spec)
		if _, err := Objects(spec, migration.Production, migration.PartExposure, "royal-bank-api"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestMesh(t *testing.T) {
	spec := bank(full)
	without := spec.WorkloadDigest(migration.Production, "royal-bank-api")
	spec.Target.Mesh = migration.MeshIstio
	if spec.WorkloadDigest(migration.Production, "royal-bank-api") == without {
		t.Error("with the mesh the workload has the same digest")
	}
	objs, err := Objects(spec, migration.Production, migration.PartWorkload, "royal-bank-api")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "mesh", objs)
}

func beside(t *testing.T, spec migration.Spec, env migration.Env) []*unstructured.Unstructured {
	t.Helper()
	objs, err := Objects(spec, env, migration.PartWorkload, "royal-bank-api")
	if err != nil {
		t.Fatal(err)
	}
	w, _ := spec.Workload("royal-bank-api")
	names := Companions(spec, w)
	if len(objs) < len(names) {
		t.Fatalf("%d objects, and beside the workload stand %v", len(objs), names)
	}
	for i, n := range names {
		if objs[i].GetKind() != n.Kind || objs[i].GetName() != n.Name {
			t.Errorf("%s %s is named as %v", objs[i].GetKind(), objs[i].GetName(), n)
		}
	}
	return objs[:len(names)]
}

func everythingBeside() migration.Spec {
	spec := bank(func(w *migration.Workload) {
		full(w)
		w.ServiceAccount = "royal-bank-api"
		w.Autoscale = &migration.Autoscale{Min: 2, Max: 6, CPUPercent: 70, MemoryPercent: 80}
		w.NetworkPolicy = &migration.NetworkPolicy{From: []string{"ingress"}, To: []migration.NetworkPeer{
			{CIDR: "192.0.2.30/32", Port: 5432, What: "postgres.bank.example: postgresql"},
			{CIDR: "192.0.2.40/32", Port: 6379, What: "redis"},
			{CIDR: "2001:db8::25/128", Port: 25},
		}}
	})
	spec.Target.Mesh = migration.MeshIstio
	spec.Drills.SafePeers = []migration.SafePeer{{Address: "192.0.2.40:6379", Reason: "a cache of its own"}}
	spec.Schedules = []migration.Schedule{
		{Name: "royal-bank-api-report.timer", Owner: migration.OwnerCluster, When: "30 2 * * *", Command: []string{"/app/report", "--all"}},
		{Name: "/etc/cron.d/bank:3", Owner: migration.OwnerCluster, When: "@hourly", TimeZone: "Europe/Berlin", Command: []string{"/app/tidy"}},
		{Name: "/var/spool/cron/bank:3", Owner: migration.OwnerCluster, When: "@daily", Command: []string{"/app/tidy"}},
		{Name: "apt.timer", Owner: migration.OwnerMachine},
	}
	return spec
}

func TestBeside(t *testing.T) {
	compare(t, "beside", beside(t, everythingBeside(), migration.Production))
	compare(t, "beside-staging", beside(t, everythingBeside(), migration.Staging)[3:4])
	if got := beside(t, bank(func(w *migration.Workload) { w.Replicas = 1 }), migration.Production); len(got) != 0 {
		t.Errorf("beside a single pod stands %v", got)
	}
}

// A job's pods must get no requests: the Service's selector must not fit them.
func TestJobsAreNotServed(t *testing.T) {
	spec := everythingBeside()
	for _, o := range beside(t, spec, migration.Production) {
		if o.GetKind() != "CronJob" {
			continue
		}
		labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "jobTemplate", "spec", "template", "metadata", "labels")
		fits := true
		for k, v := range Selector(spec, "royal-bank-api") {
			fits = fits && labels[k] == v
		}
		if fits {
			t.Errorf("the pods of %s are labelled as those that serve: %v", o.GetName(), labels)
		}
		if suspended, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend"); !suspended {
			t.Errorf("%s runs beside the machine's timer", o.GetName())
		}
		if len(o.GetName()) > mostCronName {
			t.Errorf("%s is too long a name", o.GetName())
		}
	}
}

func TestBesideRefused(t *testing.T) {
	for want, change := range map[string]func(*migration.Spec){
		"resources.requests.cpu is not set": func(s *migration.Spec) { s.Workloads[0].Resources = migration.Resources{} },
		"when is missing":                   func(s *migration.Spec) { s.Schedules[0].When = "" },
		"command is missing":                func(s *migration.Spec) { s.Schedules[0].Command = nil },
		"belongs to single pods":            func(s *migration.Spec) { s.Workloads[0].Storage = []migration.Storage{{Name: "x", Path: "/x"}} },
	} {
		spec := everythingBeside()
		change(&spec)
		if _, err := Objects(spec, migration.Production, migration.PartWorkload, "royal-bank-api"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// Where somebody else delivers, each delivery would set the number of pods back.
func TestReplicasAreLeftToTheScaler(t *testing.T) {
	spec := everythingBeside()
	replicas := func() bool {
		objs, err := Objects(spec, migration.Production, migration.PartWorkload, "royal-bank-api")
		if err != nil {
			t.Fatal(err)
		}
		_, there, _ := unstructured.NestedInt64(objs[len(objs)-1].Object, "spec", "replicas")
		return there
	}
	if !replicas() {
		t.Error("where rehome applies, a rollback's scaling could not be undone")
	}
	spec.Delivery = migration.DeliveryExternal
	if replicas() {
		t.Error("an external delivery would fight with the scaler")
	}
}

func TestCronNames(t *testing.T) {
	for schedule, want := range map[string]string{
		"bank-api-report.timer": "bank-api-report", "/etc/cron.d/bank:3": "bank-api-bank-3", "Nächtlich!": "bank-api-n-chtlich", "///": "bank-api",
	} {
		if got := cronName("bank-api", schedule); got != want {
			t.Errorf("%s: %s, want %s", schedule, got, want)
		}
	}
	if got := cronName("bank-api", strings.Repeat("long", 40)); len(got) != mostCronName {
		t.Errorf("%s has %d letters", got, len(got))
	}
}
