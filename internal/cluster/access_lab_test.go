//go:build lab

package cluster_test

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/labtest"
)

// Who has the listed permissions and no other can do everything, and is told
// that nothing lacks; who lacks one is told which.
func TestPermissionsSuffice(t *testing.T) {
	w := newWorld(t)
	spec := w.spec()
	w.kubectl(nil, "create", "serviceaccount", "rehome", "-n", w.namespace)
	token := strings.TrimSpace(w.kubectl(nil, "create", "token", "rehome", "-n", w.namespace))
	c := w.connect(map[string]string{"kubeconfig": w.kubeconfig(labtest.Env(t).APIServer, token)})
	denied, err := c.Denied(t.Context(), spec, migration.Production)
	if err != nil || len(denied) == 0 {
		t.Fatalf("nothing is granted yet: %q, %v", denied, err)
	}
	w.kubectl([]byte(roleFor(spec, w.namespace)), "apply", "-f", "-")
	if denied, err := c.Denied(t.Context(), spec, migration.Production); err != nil || len(denied) > 0 {
		t.Errorf("%q, %v", denied, err)
	}
	if out, err := c.Apply(t.Context(), spec, applyWorkload(spec)); out != migration.OutcomeDone || err != nil {
		t.Errorf("apply: %s, %v", out, err)
	}
	if _, err := c.Observe(t.Context(), spec, migration.Production); err != nil {
		t.Errorf("observe: %v", err)
	}
	name := spec.Workloads[0].Name
	if out, err := c.Scale(t.Context(), spec, migration.Scale{Env: migration.Production, Workload: name}); out != migration.OutcomeDone || err != nil {
		t.Errorf("scale: %s, %v", out, err)
	}
	remove := migration.Remove{Env: migration.Production, Part: migration.PartWorkload, Workload: name}
	if out, err := c.Remove(t.Context(), spec, remove); out != migration.OutcomeDone || err != nil {
		t.Errorf("remove: %s, %v", out, err)
	}
}

func roleFor(spec migration.Spec, ns string) string {
	var b strings.Builder
	b.WriteString("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: rehome, namespace: " + ns + "}\nrules:\n")
	quoted := func(list []string) string { return `["` + strings.Join(list, `", "`) + `"]` }
	for _, p := range cluster.Permissions(spec) {
		b.WriteString("- {apiGroups: [\"" + p.Group + "\"], resources: [\"" + p.Resource + "\"], verbs: " + quoted(p.Verbs))
		if len(p.Names) > 0 {
			b.WriteString(", resourceNames: " + quoted(p.Names))
		}
		b.WriteString("}\n")
	}
	b.WriteString("---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: rehome, namespace: " + ns + "}\n" +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rehome}\nsubjects: [{kind: ServiceAccount, name: rehome, namespace: " + ns + "}]\n")
	return b.String()
}
