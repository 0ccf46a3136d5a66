//go:build lab

package kubernetes_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/kubernetes"
	"rehome.dev/rehome/internal/secrets/secretstest"
	"rehome.dev/rehome/internal/tree"
	lab "rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
)

// real is the lab's cluster, with an account that may do what it is granted.
type real struct {
	t   *testing.T
	lab *part.Lab
}

func newReal(t *testing.T) *real {
	t.Helper()
	l, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	return &real{t, l}
}

func (r *real) kubectl(stdin []byte, args ...string) string {
	r.t.Helper()
	out, err := lab.Kubectl(r.t.Context(), r.lab, stdin, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// account makes a namespace with an account that may do the verbs, and gives its
// configuration.
func (r *real) account(namespace, verbs string) *rest.Config {
	r.t.Helper()
	r.kubectl(nil, "create", "serviceaccount", "writer", "-n", namespace)
	r.kubectl([]byte(fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer, namespace: %[1]s}
rules: [{apiGroups: [""], resources: [secrets, configmaps], verbs: [%[2]s]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writer, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: writer}
subjects: [{kind: ServiceAccount, name: writer, namespace: %[1]s}]
`, namespace, verbs)), "apply", "-f", "-")
	token := strings.TrimSpace(r.kubectl(nil, "create", "token", "writer", "-n", namespace))
	file := filepath.Join(r.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(r.kubectl(nil, "config", "view", "--raw", "--minify")), 0o600); err != nil {
		r.t.Fatal(err)
	}
	c, err := clientcmd.BuildConfigFromFlags(labtest.Env(r.t).APIServer, file)
	if err != nil {
		r.t.Fatal(err)
	}
	out := rest.AnonymousClientConfig(c)
	out.BearerToken = token
	return out
}

// TestARealCluster: what the fake promises of immutable objects, dry runs and rights
// is asked of the lab's API server.
func TestARealCluster(t *testing.T) {
	r := newReal(t)
	namespace := fmt.Sprintf("secrets-%d", time.Now().UnixNano())
	r.kubectl(nil, "create", "namespace", namespace)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := lab.Kubectl(ctx, r.lab, nil, "delete", "namespace", namespace, "--wait=false"); err != nil {
			t.Error(err)
		}
	})
	config := r.account(namespace, "get, create, patch")
	store := kubernetes.New(kubernetes.Options{Config: func() (*rest.Config, error) { return config, nil }, Owner: "royal-bank", Namespaces: []string{namespace}})
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	secret := secretstest.Object("bank-1", "a")
	secret.Namespace = namespace
	cm := convert.Object{Kind: convert.ConfigMap, Namespace: namespace, Name: "bank-2", Data: map[string]tree.Content{"text": tree.Content("a\n"), "binary": tree.Content("\x00\xff")}}
	objs := []convert.Object{secret, cm}
	for _, c := range []struct {
		dry  bool
		want secrets.Done
	}{{true, secrets.WouldWrite}, {false, secrets.Written}, {false, secrets.There}, {true, secrets.There}} {
		got, err := store.Put(t.Context(), objs, c.dry)
		if err != nil || got[0].Done != c.want || got[1].Done != c.want {
			t.Fatalf("%+v, %v, want %s", got, err, c.want)
		}
	}
	var have struct {
		Immutable bool
		Data      map[string]string
	}
	if err := json.Unmarshal([]byte(r.kubectl(nil, "get", "secret", "bank-1", "-n", namespace, "-o", "json")), &have); err != nil {
		t.Fatal(err)
	}
	for k, v := range secret.Data {
		if got, err := base64.StdEncoding.DecodeString(have.Data[k]); err != nil || string(got) != string([]byte(v)) {
			t.Errorf("%s is not what it was", k)
		}
	}
	if !have.Immutable || len(have.Data) != len(secret.Data) {
		t.Errorf("%v with %d keys", have.Immutable, len(have.Data))
	}
	other := secretstest.Object("bank-1", "other")
	other.Namespace = namespace
	if _, err := store.Put(t.Context(), []convert.Object{other}, false); !errors.Is(err, secrets.ErrDifferent) {
		t.Error(err)
	}
	large := convert.Object{Kind: convert.Secret, Namespace: namespace, Name: "bank-3", Data: map[string]tree.Content{"a": make(tree.Content, 2<<20)}}
	if _, err := store.Put(t.Context(), []convert.Object{large}, true); !errors.Is(err, secrets.ErrRefused) {
		t.Error(err)
	}
	absent := secret
	absent.Namespace = namespace + "-none"
	if _, err := store.Put(t.Context(), []convert.Object{absent}, false); !errors.Is(err, secrets.ErrForbidden) && !errors.Is(err, secrets.ErrMissing) {
		t.Error(err)
	}
	if served, err := store.Served(t.Context(), "external-secrets.io", "externalsecrets"); err != nil || served != nil {
		t.Errorf("%v, %v", served, err)
	}
	r.kubectl(nil, "patch", "role", "writer", "-n", namespace, "--type=json", `-p=[{"op":"replace","path":"/rules/0/verbs","value":["get","patch"]}]`)
	fresh := secretstest.Object("bank-4", "a")
	fresh.Namespace = namespace
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		_, err := store.Put(t.Context(), []convert.Object{fresh}, true)
		if errors.Is(err, secrets.ErrForbidden) && strings.Contains(err.Error(), `verb "create" on secrets`) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a right that was taken away: %v", err)
		}
	}
}
