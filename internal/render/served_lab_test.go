//go:build lab

package render

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	lab "rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// Kustomize builds every overlay, and the cluster would take each of its objects
// as it is written. The lab serves no Gateway API: routes are left to their schema.
func TestClusterTakesEveryShape(t *testing.T) {
	l, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if out, err := lab.Kubectl(ctx, l, nil, args...); err != nil {
			t.Errorf("kubectl %v: %v\n%s", args, err, out)
		}
	}
	namespace := fmt.Sprintf("render-%d", time.Now().UnixNano())
	for _, ns := range []string{namespace, namespace + "-staging"} {
		kubectl("create", "namespace", ns)
		t.Cleanup(func() { kubectl("delete", "namespace", ns, "--wait=false") })
	}
	for name, in := range shapes() {
		if name == "gateway" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			in.Spec.Target.Namespace, in.Spec.Target.StagingNamespace = namespace, namespace+"-staging"
			r, err := Render(in)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "deploy")
			if _, err := Write(in.Spec.Name, dir, r.Files); err != nil {
				t.Fatal(err)
			}
			for _, env := range environments {
				kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-k", filepath.Join(dir, "overlays", string(env)))
			}
		})
	}
}
