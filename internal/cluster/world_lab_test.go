//go:build lab

package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/cluster/clustertest"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
	lab "rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
)

// world is a pair of fresh namespaces of the lab's cluster. What it does to them
// it does with kubectl.
type world struct {
	t         *testing.T
	lab       *part.Lab
	namespace string
	image     string
	agent     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	l, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, lab: l, namespace: fmt.Sprintf("test-%d", time.Now().UnixNano())}
	text, err := os.ReadFile(labtest.Env(t).ImagesFile)
	if err != nil {
		t.Fatal(err)
	}
	var images struct{ Good, Agent string }
	if err := json.Unmarshal(text, &images); err != nil {
		t.Fatal(err)
	}
	w.image, w.agent = images.Good, images.Agent
	for _, ns := range []string{w.namespace, w.namespace + "-staging"} {
		w.kubectl(nil, "create", "namespace", ns)
		w.cleanup("delete", "namespace", ns)
	}
	return w
}

func (w *world) spec() migration.Spec {
	return migration.Spec{
		Name: "royal-bank",
		Workloads: []migration.Workload{{
			Name: "app", Image: w.image, Kind: migration.KindAuto, Replicas: 2,
			Ports:                   []migration.Port{{Name: "http", Port: 8080, Public: 80, Protocol: "TCP"}},
			Health:                  migration.Health{ReadinessPath: "/readyz"},
			Env:                     map[string]string{"API_KEY": "only-for-tests"},
			TerminationGraceSeconds: 5, PreStopSeconds: 1,
		}},
		Target: migration.Destination{
			Namespace: w.namespace, StagingNamespace: w.namespace + "-staging", Exposure: migration.ExposeLoadBalancer,
		},
		OldEntry:   migration.OldEntry{Addresses: []string{labtest.Env(w.t).VM}, Port: 8080},
		ReturnPath: migration.ReturnPath{Image: w.agent},
	}
}

func (w *world) connect(settings map[string]string) *cluster.Cluster {
	w.t.Helper()
	s := map[string]string{"kubeconfig": labtest.Env(w.t).Kubeconfig}
	for k, v := range settings {
		s[k] = v
	}
	c, err := cluster.New(migration.Connection{Name: "lab", Type: cluster.Type, Settings: s})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// kubeconfig writes one for a bearer token; the server's certificate is the
// lab's.
func (w *world) kubeconfig(server, token string) string {
	w.t.Helper()
	text := w.kubectl(nil, "config", "view", "--raw", "--minify", "-o", "json")
	var config map[string]any
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		w.t.Fatal(err)
	}
	user := config["users"].([]any)[0].(map[string]any)
	user["user"] = map[string]any{"token": token}
	config["clusters"].([]any)[0].(map[string]any)["cluster"].(map[string]any)["server"] = server
	body, err := json.Marshal(config)
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

func (w *world) kubectl(stdin []byte, args ...string) string {
	w.t.Helper()
	out, err := lab.Kubectl(w.t.Context(), w.lab, stdin, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) cleanup(args ...string) {
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := lab.Kubectl(ctx, w.lab, nil, append(args, "--wait=false", "--ignore-not-found")...); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) create(o map[string]any, manager string) {
	w.t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.kubectl(body, "create", "-f", "-", "--field-manager", manager)
}

func (w *world) eventually(check func() error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := part.Poll(ctx, 250*time.Millisecond, func(context.Context) error { return check() }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) Pass(t *testing.T) {
	select {
	case <-time.After(250 * time.Millisecond):
	case <-t.Context().Done():
	}
}

func (w *world) Unready(m *migration.Workload) { m.Health.ReadinessPath = "/not-there" }

func (w *world) Other(m *migration.Workload) {
	m.Env = map[string]string{"API_KEY": "only-for-tests", "VERSION": "v2"}
}

func (w *world) AddConfig(_ *testing.T, namespace, kind, name string) {
	if kind == "Secret" {
		w.kubectl(nil, "create", "secret", "generic", name, "-n", namespace)
		return
	}
	w.kubectl(nil, "create", "configmap", name, "-n", namespace)
}

func (w *world) Seize(t *testing.T, namespace string, p migration.Part, m migration.Workload, manager string) {
	spec := w.spec()
	spec.Workloads = []migration.Workload{m}
	objs, err := manifest.Objects(spec, migration.Production, p, m.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objs {
		o.SetLabels(nil)
		o.SetAnnotations(nil)
		o.SetNamespace(namespace)
		w.create(o.Object, manager)
	}
}

func (w *world) Publish(_ *testing.T, namespace, name string) {
	w.kubectl(nil, "patch", "ingress", name, "-n", namespace, "--subresource=status", "--type=merge",
		"-p", `{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.9"}]}}}`)
}

func (w *world) Stand(t *testing.T, namespace, kind, name, manager string) {
	o := map[string]any{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}}
	switch kind {
	case manifest.KindServiceAccount:
	case manifest.KindDisruptionBudget:
		o["apiVersion"], o["spec"] = "policy/v1", map[string]any{"maxUnavailable": 1, "selector": map[string]any{}}
	default:
		t.Fatalf("nobody has %s", kind)
	}
	w.create(o, manager)
}

func (w *world) Deliver(t *testing.T, spec migration.Spec, part migration.Part, manager string) {
	objs, err := manifest.Objects(spec, migration.Production, part, spec.Workloads[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := manifest.YAML(objs)
	if err != nil {
		t.Fatal(err)
	}
	w.kubectl(text, "apply", "--server-side", "-f", "-", "--field-manager", manager)
}

func (w *world) ScaleBy(_ *testing.T, namespace string, m migration.Workload, replicas int32, manager string) {
	w.kubectl(nil, "patch", strings.ToLower(string(manifest.KindOf(m))), m.Name, "-n", namespace, "--field-manager", manager,
		"-p", fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas))
}

func (w *world) Route(t *testing.T, namespace string, spec migration.Spec, m migration.Workload) migration.RouteFacts {
	objs, err := manifest.Objects(spec, migration.Production, migration.PartExposure, m.Name)
	if err != nil {
		t.Fatal(err)
	}
	o := objs[0]
	o.SetName("back-door")
	o.SetNamespace(namespace)
	w.create(o.Object, "pulcinella")
	return migration.RouteFacts{Kind: "Service", Name: "back-door", To: m.Name}
}

func (w *world) Quota(_ *testing.T, namespace string, n int) migration.QuotaFacts {
	hard := strconv.Itoa(n)
	w.kubectl(nil, "create", "quota", "pods", "-n", namespace, "--hard=pods="+hard)
	return migration.QuotaFacts{Quota: "pods", Resource: "pods", Used: "0", Hard: hard}
}

func (w *world) Volumes(t *testing.T, s migration.Storage, n int) {
	for i := range n {
		name := fmt.Sprintf("%s-%d", w.namespace, i)
		o := unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "PersistentVolume",
			"metadata": map[string]any{"name": name},
			"spec": map[string]any{
				"capacity":         map[string]any{"storage": strconv.FormatInt(s.SizeBytes, 10)},
				"accessModes":      []any{"ReadWriteOnce"},
				"storageClassName": s.Class,
				"hostPath":         map[string]any{"path": t.TempDir()},
			},
		}}
		w.create(o.Object, "pulcinella")
		w.cleanup("delete", "persistentvolume", name)
	}
}

// Restart kills the application's process from outside; the kubelet starts the
// container again.
func (w *world) Restart(t *testing.T, namespace, pod string) {
	uid := w.kubectl(nil, "get", "pod", pod, "-n", namespace, "-o", "jsonpath={.metadata.uid}")
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		text, err := os.ReadFile(g)
		if err != nil || !strings.Contains(string(text), uid) {
			continue
		}
		dir := filepath.Dir(g)
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil || !strings.HasPrefix(string(name), "royal-bank") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no process of pod %s", pod)
}

func (w *world) Answers(t *testing.T, url string) string {
	var who struct{ Instance string }
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&who); err != nil {
		t.Fatal(err)
	}
	return who.Instance
}

// Ask reads which side the application says that it is.
func (w *world) Ask(t *testing.T, e migration.ExposureFacts) migration.Side {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s:%d/", e.Addresses[0], e.Port), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := (&http.Client{Timeout: 2 * time.Second}).Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	return map[string]migration.Side{"vm": migration.OldSide, "kubernetes": migration.NewSide}[resp.Header.Get("X-Served-By")]
}

func (w *world) Reselect(_ *testing.T, namespace, workload string) {
	w.kubectl(nil, "patch", "service", workload, "-n", namespace, "--field-manager", "pulcinella", "-p", `{"spec":{"selector":{"app.kubernetes.io/name":"elsewhere"}}}`)
}

func (w *world) Unreachable(t *testing.T) clustertest.Cluster {
	return w.connect(map[string]string{"kubeconfig": w.kubeconfig("https://127.0.0.1:1", "none"), "timeout": "3s"})
}
