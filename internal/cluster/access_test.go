package cluster_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/migration"
)

// review is a SelfSubjectAccessReview as a server reads it.
type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		ResourceAttributes struct {
			Namespace, Verb, Group, Resource, Subresource, Name string
		} `json:"resourceAttributes"`
	} `json:"spec"`
	Status struct {
		Allowed bool `json:"allowed"`
	} `json:"status"`
}

func reviewer(t *testing.T, allow func(r review) bool) (*cluster.Cluster, *[]review) {
	t.Helper()
	var mu sync.Mutex
	var asked []review
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var r review
		if err := json.NewDecoder(req.Body).Decode(&r); err != nil || !strings.HasSuffix(req.URL.Path, "/selfsubjectaccessreviews") {
			http.Error(w, "not a review", http.StatusBadRequest)
			return
		}
		mu.Lock()
		asked = append(asked, r)
		mu.Unlock()
		r.Status.Allowed = allow(r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(r)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: %q}}]\n"+
		"users: [{name: c, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: c}}]\n", server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(migration.Connection{Name: "c", Type: cluster.Type, Settings: map[string]string{"kubeconfig": file}})
	if err != nil {
		t.Fatal(err)
	}
	return c, &asked
}

func accessSpec() migration.Spec {
	return migration.Spec{
		Name: "bank", Target: migration.Destination{Namespace: "bank", StagingNamespace: "bank-staging"},
		Workloads: []migration.Workload{{Name: "api", Mounts: []migration.Mount{{Secret: "api-secrets", Env: true}, {ConfigMap: "api-config", Path: "/etc/api"}}}},
	}
}

// Each verb that is not allowed is named with its resource, its group, and the
// one object that it is needed for.
func TestDenied(t *testing.T) {
	for _, c := range []struct {
		name string
		deny func(r review) bool
		want []string
	}{
		{"nothing is lacking", func(review) bool { return false }, nil},
		{"one verb of a group", func(r review) bool {
			return r.Spec.ResourceAttributes.Group == "apps" && r.Spec.ResourceAttributes.Verb == "delete"
		}, []string{"delete deployments.apps", "delete statefulsets.apps", "delete daemonsets.apps"}},
		{"a subresource", func(r review) bool { return r.Spec.ResourceAttributes.Subresource == "portforward" }, []string{"create pods/portforward"}},
		{"what drills need", func(r review) bool { return r.Spec.ResourceAttributes.Subresource == "exec" }, []string{"create pods/exec"}},
		{"one Secret", func(r review) bool { return r.Spec.ResourceAttributes.Name == "api-secrets" }, []string{"get secrets api-secrets"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl, asked := reviewer(t, func(r review) bool { return !c.deny(r) })
			got, err := cl.Denied(t.Context(), accessSpec(), migration.Staging)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			for _, r := range *asked {
				if r.Spec.ResourceAttributes.Namespace != "bank-staging" {
					t.Errorf("asked for another namespace: %+v", r)
				}
			}
		})
	}
}

func TestDeniedCannotBeAsked(t *testing.T) {
	c, err := cluster.New(migration.Connection{Name: "c", Type: cluster.Type, Settings: map[string]string{"kubeconfig": filepath.Join(t.TempDir(), "none")}})
	if err != nil {
		t.Fatal(err)
	}
	if denied, err := c.Denied(t.Context(), accessSpec(), migration.Production); err == nil || denied != nil {
		t.Errorf("%q, %v: what cannot be asked is not granted", denied, err)
	}
}
