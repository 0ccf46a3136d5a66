package cluster_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/migration"
)

const (
	stagingApps = "/apis/apps/v1/namespaces/bank-staging/"
	stagingCore = "/api/v1/namespaces/bank-staging/"
)

func benchSpec() migration.Spec {
	spec := bank()
	spec.Workloads[0].Env = map[string]string{"LEVEL": "info"}
	spec.Workloads[0].Mounts = []migration.Mount{
		{ConfigMap: "app-config", Path: "/etc/app", Items: []migration.MountItem{{Key: "main", Path: "conf.d/main.conf"}}},
		{Secret: "app-secrets", Path: "/etc/app"},
		{Secret: "app-env", Env: true},
	}
	return spec
}

// Data tells which key is a file and where, and leaves out what is not mounted.
func TestBenchData(t *testing.T) {
	s := newAPIServer(t)
	encoded := base64.StdEncoding.EncodeToString([]byte("hunter2"))
	s.add(stagingCore+"configmaps/app-config", object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "app-config"},
		"data": object{"main": "a = b", "unused": "x"}, "binaryData": object{}})
	s.add(stagingCore+"secrets/app-secrets", object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "app-secrets"}, "data": object{"db.conf": encoded}})
	b := connect(t, s.URL, nil).Bench(benchSpec())
	got, err := b.Data(t.Context(), migration.Staging, "app")
	if err != nil {
		t.Fatal(err)
	}
	want := []cluster.BenchDatum{
		{Object: "ConfigMap app-config", Key: "main", Path: "/etc/app/conf.d/main.conf", Content: []byte("a = b")},
		{Object: "Secret app-secrets", Key: "db.conf", Path: "/etc/app/db.conf", Content: []byte("hunter2")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got, err := b.Data(t.Context(), migration.Production, "app"); err != nil || len(got) > 0 {
		t.Errorf("what is not there: %v, %v", got, err)
	}
	s.add(stagingCore+"secrets/app-env", object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "app-env"}, "data": object{"K": "no base64: hunter2"}})
	if _, err := b.Data(t.Context(), migration.Staging, "app"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// What stands in production is of an earlier attempt, unless somebody else delivers.
func TestBenchTemplate(t *testing.T) {
	s := newAPIServer(t)
	deployed := object{"replicas": 1, "template": object{"spec": object{"containers": []any{object{
		"name": "app", "image": "old", "env": []any{object{"name": "LEVEL", "value": "debug"}},
		"envFrom": []any{object{"secretRef": object{"name": "app-env"}}},
	}}}}}
	s.add(apps+"deployments/app", ours("Deployment", "app", deployed))
	s.add(stagingApps+"deployments/app", ours("Deployment", "app", deployed))
	spec := benchSpec()
	of := func(spec migration.Spec, env migration.Env) cluster.BenchTemplate {
		t.Helper()
		got, err := connect(t, s.URL, nil).Bench(spec).Template(t.Context(), env, "app")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	staging := of(spec, migration.Staging)
	if !staging.Live || staging.Image != "old" || string(staging.Env["LEVEL"]) != "debug" || staging.Replicas != 1 ||
		!slices.Equal(staging.Mounts, []string{"variables from Secret app-env"}) {
		t.Errorf("staging: %+v", staging)
	}
	production := of(spec, migration.Production)
	if production.Live || production.Image != spec.Workloads[0].Image || string(production.Env["LEVEL"]) != "info" || production.Replicas != 2 ||
		!slices.Contains(production.Mounts, "/etc/app from ConfigMap app-config, Secret app-secrets") {
		t.Errorf("production: %+v", production)
	}
	spec.Delivery = migration.DeliveryExternal
	if got := of(spec, migration.Production); !got.Live || got.Image != "old" {
		t.Errorf("delivered by others: %+v", got)
	}
}

// A copy has no label of the workload's, other variables, and ends by itself.
func TestBenchCopy(t *testing.T) {
	s := newAPIServer(t)
	set := selecting(appLabels)
	set["template"].(object)["spec"] = object{
		"containers": []any{object{"name": "helper"}, object{"name": "app", "env": []any{object{"name": "DB", "valueFrom": object{"secretKeyRef": object{"name": "s", "key": "k"}}}, object{"name": "KEPT", "value": "x"}}}},
	}
	set["volumeClaimTemplates"] = []any{object{"metadata": object{"name": "data"}}}
	s.add(stagingApps+"deployments/app", ours("Deployment", "app", set))
	var made object
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.URL.Path != stagingCore+"pods" {
			return false
		}
		s.mu.Lock()
		body := s.bodies[len(s.bodies)-1]
		s.mu.Unlock()
		if err := json.Unmarshal([]byte(body), &made); err != nil {
			t.Error(err)
		}
		send(w, 201, made)
		return true
	}
	p, err := connect(t, s.URL, nil).Bench(benchSpec()).Copy(t.Context(), "app", map[string]string{"DB": "nowhere:1"})
	if err != nil || !strings.HasPrefix(p.Name, "app-drill-") || p.Container != "app" {
		t.Fatalf("%+v, %v", p, err)
	}
	labels := made["metadata"].(object)["labels"].(object)
	if labels[cluster.LabelDrill] == nil || labels["app"] != nil || labels["app.kubernetes.io/name"] != nil {
		t.Errorf("labels %v", labels)
	}
	spec := made["spec"].(object)
	env := spec["containers"].([]any)[1].(object)["env"]
	if want := []any{object{"name": "KEPT", "value": "x"}, object{"name": "DB", "value": "nowhere:1"}}; !reflect.DeepEqual(env, want) {
		t.Errorf("env %v", env)
	}
	if spec["activeDeadlineSeconds"] == nil || !reflect.DeepEqual(spec["volumes"], []any{object{"name": "data", "emptyDir": object{}}}) {
		t.Errorf("spec %v", spec)
	}
}

// Sweep deletes what it lists, by its UID, and waits until it is gone.
func TestBenchSweep(t *testing.T) {
	s := newAPIServer(t)
	s.add(stagingCore+"pods/app-drill-1", ours("Pod", "app-drill-1", nil))
	s.add(stagingCore+"services/app-drill", ours("Service", "app-drill", nil))
	var selectors []string
	s.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			selectors = append(selectors, r.URL.Query().Get("labelSelector"))
		}
		return false
	}
	names, err := connect(t, s.URL, nil).Bench(benchSpec()).Sweep(t.Context())
	if want := []string{"Pod app-drill-1", "Service app-drill"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v", names, err)
	}
	if got := s.seen("DELETE"); len(got) != 2 {
		t.Errorf("deleted %q", got)
	}
	for _, sel := range selectors {
		if sel != "rehome.dev/drill,app.kubernetes.io/instance=royal-bank" {
			t.Errorf("listed by %q", sel)
		}
	}
}

// Pods of a workload that others made are left alone, and one that was replaced is
// gone.
func TestBenchPodsOfOthers(t *testing.T) {
	s := newAPIServer(t)
	d := ours("Deployment", "app", selecting(appLabels))
	d["metadata"].(object)["labels"] = object{"app.kubernetes.io/managed-by": "Helm"}
	s.add(stagingApps+"deployments/app", d)
	b := connect(t, s.URL, nil).Bench(benchSpec())
	if list, err := b.Pods(t.Context(), "app"); err == nil {
		t.Errorf("%v", list)
	}
	s.add(stagingCore+"pods/a", ours("Pod", "a", object{}))
	if _, err := b.End(t.Context(), cluster.BenchPod{Name: "a", UID: "another"}); !errors.Is(err, cluster.ErrGone) || len(s.seen("DELETE")) > 0 {
		t.Errorf("%v, deleted %q", err, s.seen("DELETE"))
	}
}
