package cluster_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/migration"
)

type object = map[string]any

// apiServer answers like a Kubernetes API server, as far as the errors go that a
// healthy one cannot be made to give. Objects are kept as they were sent; what
// conflicts, defaults and rolls out is tried on a real one.
type apiServer struct {
	URL string

	mu       sync.Mutex
	objects  map[string]object // by path
	requests []*http.Request
	bodies   []string
	// answer, where it gives true, has answered in the server's stead.
	answer func(http.ResponseWriter, *http.Request) bool
}

func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{objects: map[string]object{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	answer := s.answer
	s.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodDelete:
		if s.objects[r.URL.Path] == nil {
			failed(w, 404, "NotFound", "it is not there")
			return
		}
		delete(s.objects, r.URL.Path)
		send(w, 200, object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	case r.Method == http.MethodPatch:
		var o object
		if err := json.Unmarshal(body, &o); err != nil {
			failed(w, 400, "BadRequest", err.Error())
			return
		}
		if strings.Contains(r.Header.Get("Content-Type"), "apply-patch") {
			s.objects[r.URL.Path] = o
		}
		send(w, 200, s.objects[r.URL.Path])
	case s.objects[r.URL.Path] != nil:
		send(w, 200, s.objects[r.URL.Path])
	case isList(r.URL.Path):
		s.list(w, r.URL.Path)
	default:
		failed(w, 404, "NotFound", "it is not there")
	}
}

// isList: namespaces/NS/RESOURCE and no more.
func isList(p string) bool {
	_, rest, _ := strings.Cut(p, "/namespaces/")
	return strings.Count(rest, "/") == 1
}

func (s *apiServer) list(w http.ResponseWriter, dir string) {
	items := []any{}
	for p, o := range s.objects {
		if path.Dir(p) == dir {
			items = append(items, o)
		}
	}
	send(w, 200, object{"kind": "List", "apiVersion": "v1", "items": items})
}

func (s *apiServer) add(p string, o object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[p] = o
}

// seen are the requests made, with those methods.
func (s *apiServer) seen(methods string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.requests {
		if strings.Contains(methods, r.Method) {
			out = append(out, r.Method+" "+r.URL.Path)
		}
	}
	return out
}

func send(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func failed(w http.ResponseWriter, code int, reason, message string, causes ...object) {
	send(w, code, object{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
		"details": object{"causes": causes},
	})
}

// connect makes a cluster of a server's URL.
func connect(t *testing.T, server string, settings map[string]string) *cluster.Cluster {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
		"users":[{"name":"u","user":{}}]}`, server)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := map[string]string{"kubeconfig": file}
	for k, v := range settings {
		s[k] = v
	}
	c, err := cluster.New(migration.Connection{Name: "unit", Type: cluster.Type, Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	apps = "/apis/apps/v1/namespaces/bank/"
	core = "/api/v1/namespaces/bank/"
	// budget stands beside every workload of two pods.
	budget = "/apis/policy/v1/namespaces/bank/poddisruptionbudgets/app"
)

func bank() migration.Spec {
	return migration.Spec{
		Name: "royal-bank",
		Workloads: []migration.Workload{{
			Name: "app", Image: "registry.golemtrust.am/app@sha256:0001", Kind: migration.KindAuto, Replicas: 2,
			Ports:  []migration.Port{{Name: "http", Port: 8080, Public: 80, Protocol: "TCP"}},
			Health: migration.Health{ReadinessPath: "/readyz"},
		}},
		Target: migration.Destination{
			Namespace: "bank", StagingNamespace: "bank-staging", Exposure: migration.ExposeLoadBalancer,
		},
	}
}

// ours is an object that this migration made.
func ours(kind, name string, spec object) object {
	apiVersion := "v1"
	if kind == "Deployment" || kind == "StatefulSet" {
		apiVersion = "apps/v1"
	}
	return object{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": object{
			"name": name, "namespace": "bank", "uid": "uid-of-" + name, "resourceVersion": "7",
			"labels":      object{"app.kubernetes.io/managed-by": "rehome", "app.kubernetes.io/instance": "royal-bank"},
			"annotations": object{"rehome.dev/digest": "d1"},
		},
		"spec": spec,
	}
}

func selecting(labels object) object {
	return object{"replicas": 2, "selector": object{"matchLabels": labels}, "template": object{"metadata": object{"labels": labels}}}
}
