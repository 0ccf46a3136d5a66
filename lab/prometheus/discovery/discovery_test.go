package discovery

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func pod(name, address, phase string) unstructured.Unstructured {
	return unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "namespace": "royal-bank"},
		"status":   map[string]any{"podIP": address, "phase": phase},
	}}
}

func TestGroups(t *testing.T) {
	got, err := json.Marshal(groups([]unstructured.Unstructured{
		pod("b", "10.78.0.3", "Running"), pod("a", "10.78.0.2", "Pending"),
		pod("no-address-yet", "", "Pending"), pod("done", "10.78.0.4", "Succeeded"), pod("crashed", "10.78.0.5", "Failed"),
	}, "8080"))
	want := `[{"targets":["10.78.0.2:8080"],"labels":{"namespace":"royal-bank","pod":"a"}},` +
		`{"targets":["10.78.0.3:8080"],"labels":{"namespace":"royal-bank","pod":"b"}}]`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if none, _ := json.Marshal(groups(nil, "8080")); string(none) != "[]" {
		t.Errorf("without pods: %s", none)
	}
}

// apiServer answers one list with what is stored in it, or 503.
func apiServer(t *testing.T, answer *atomic.Pointer[[]unstructured.Unstructured]) (kubeconfig string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		items := answer.Load()
		if items == nil || r.URL.Path != "/api/v1/namespaces/royal-bank/pods" || r.FormValue("labelSelector") != "app=x" {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		list := map[string]any{"apiVersion": "v1", "kind": "PodList", "metadata": map[string]any{}}
		var objects []any
		for _, item := range *items {
			objects = append(objects, item.Object)
		}
		list["items"] = objects
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(list)
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"x","clusters":[{"name":"x","cluster":{"server":"` + server.URL +
		`"}}],"contexts":[{"name":"x","context":{"cluster":"x","user":""}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

func TestTheFileFollowsThePodsAndOutlivesTheAPIServer(t *testing.T) {
	var answer atomic.Pointer[[]unstructured.Unstructured]
	answer.Store(&[]unstructured.Unstructured{pod("a", "10.78.0.2", "Running")})
	file := filepath.Join(t.TempDir(), "targets.json")
	config := Config{Kubeconfig: apiServer(t, &answer), Namespace: "royal-bank", Selector: "app=x", Port: "8080", File: file}
	log := make(lines, 100)
	config.Log = log
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, config) }()
	log.await(t, "1 pods")
	holds(t, file, "10.78.0.2:8080")
	answer.Store(nil)
	log.await(t, "list pods")
	holds(t, file, "10.78.0.2:8080")
	answer.Store(&[]unstructured.Unstructured{pod("b", "10.78.0.3", "Running"), pod("c", "10.78.0.4", "Running")})
	log.await(t, "2 pods")
	holds(t, file, "10.78.0.3:8080")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func holds(t *testing.T, file, target string) {
	t.Helper()
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), target) {
		t.Errorf("the file holds %s (%v), want %s", text, err, target)
	}
}

type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

func (l lines) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, want) {
				return
			}
		case <-deadline:
			t.Fatalf("the log never said %q", want)
		}
	}
}
