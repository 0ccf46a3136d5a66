//go:build lab

package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/cluster/clustertest"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func TestConformance(t *testing.T) {
	clustertest.Run(t, func(t *testing.T) clustertest.Fixture {
		w := newWorld(t)
		return clustertest.Fixture{Cluster: w.connect(nil), World: w, Spec: w.spec()}
	})
}

// What the least of users may not do is said by verb and resource, and nothing
// is done.
func TestForbidden(t *testing.T) {
	w := newWorld(t)
	w.kubectl(nil, "create", "serviceaccount", "nobody", "-n", w.namespace)
	token := w.kubectl(nil, "create", "token", "nobody", "-n", w.namespace)
	c := w.connect(map[string]string{"kubeconfig": w.kubeconfig(labtest.Env(t).APIServer, strings.TrimSpace(token))})
	_, err := c.Observe(t.Context(), w.spec(), migration.Production)
	wantHint(t, err, `verb "list" on services`, "grant")
	out, err := c.Apply(t.Context(), w.spec(), applyWorkload(w.spec()))
	if out != migration.OutcomeNotDone {
		t.Errorf("outcome %s", out)
	}
	wantHint(t, err, `verb "get" on poddisruptionbudgets.policy`, "kubectl auth can-i get poddisruptionbudgets.policy -n "+w.namespace)
	w.kubectl(nil, "create", "role", "reader", "-n", w.namespace, "--verb=get,list,patch", "--resource=deployments.apps,statefulsets.apps,poddisruptionbudgets.policy")
	w.kubectl(nil, "create", "rolebinding", "reader", "-n", w.namespace, "--role=reader", "--serviceaccount="+w.namespace+":nobody")
	out, err = c.Apply(t.Context(), w.spec(), applyWorkload(w.spec()))
	if out != migration.OutcomeNotDone {
		t.Errorf("outcome %s", out)
	}
	wantHint(t, err, `verb "create" on poddisruptionbudgets.policy`, "grant")
}

func TestUnauthorized(t *testing.T) {
	w := newWorld(t)
	c := w.connect(map[string]string{"kubeconfig": w.kubeconfig(labtest.Env(t).APIServer, "not-a-token")})
	_, err := c.Observe(t.Context(), w.spec(), migration.Production)
	wantHint(t, err, "does not accept the credentials", "renew")
	if strings.Contains(err.Error(), "not-a-token") {
		t.Errorf("the credential is in the error: %v", err)
	}
}

func TestNoNamespace(t *testing.T) {
	w := newWorld(t)
	spec := w.spec()
	spec.Target.Namespace = w.namespace + "-nowhere"
	out, err := w.connect(nil).Apply(t.Context(), spec, applyWorkload(spec))
	if out != migration.OutcomeNotDone {
		t.Errorf("outcome %s", out)
	}
	wantHint(t, err, "there is no namespace", "kubectl create namespace")
}

// The log of the run before a crash has its last words.
func TestLogsBeforeACrash(t *testing.T) {
	w := newWorld(t)
	c := w.connect(nil)
	if out, err := c.Apply(t.Context(), w.spec(), applyWorkload(w.spec())); out != migration.OutcomeDone {
		t.Fatal(out, err)
	}
	pod := ""
	w.eventually(func() error {
		f, err := c.Observe(t.Context(), w.spec(), migration.Production)
		if err != nil || !f.Workloads[0].RolledOut {
			return fmt.Errorf("%+v, %v", f, err)
		}
		pod = f.Workloads[0].Pods[0].Name
		return nil
	})
	w.Restart(t, w.namespace, pod)
	w.eventually(func() error {
		logs, err := c.Logs(t.Context(), w.spec(), migration.Production, "app", 10)
		if err != nil || len(logs[pod+"/app.previous"]) == 0 || len(logs[pod+"/app"]) == 0 {
			return fmt.Errorf("%v, %v", logs, err)
		}
		return nil
	})
}

// A quota that refuses pods is told at the workload.
func TestQuotaRefusesPods(t *testing.T) {
	w := newWorld(t)
	c := w.connect(nil)
	w.Quota(t, w.namespace, 1)
	if out, err := c.Apply(t.Context(), w.spec(), applyWorkload(w.spec())); out != migration.OutcomeDone {
		t.Fatal(out, err)
	}
	w.eventually(func() error {
		f, err := c.Observe(t.Context(), w.spec(), migration.Production)
		if err != nil || f.Workloads[0].RolledOut || !strings.Contains(f.Workloads[0].Status, "exceeded quota") {
			return fmt.Errorf("%+v, %v", f, err)
		}
		return nil
	})
}

// An API server that takes the connection and never answers must cost no more
// than the timeout.
func TestFrozenServer(t *testing.T) {
	labtest.Alone(t)
	w := newWorld(t)
	c := w.connect(map[string]string{"timeout": "2s"})
	if _, err := c.Observe(t.Context(), w.spec(), migration.Production); err != nil {
		t.Fatal(err)
	}
	labtest.Freeze(t, "kube-apiserver")
	began := time.Now()
	_, err := c.Observe(t.Context(), w.spec(), migration.Production)
	wantHint(t, err, "no answer within 2s", "timeout")
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}

func wantHint(t *testing.T, err error, text, hint string) {
	t.Helper()
	var e *cluster.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), text) || !strings.Contains(e.Hint(), hint) {
		t.Fatalf("error %v; want a cluster.Error with %q and a hint with %q", err, text, hint)
	}
}

func applyWorkload(spec migration.Spec) migration.Apply {
	return migration.Apply{
		Env: migration.Production, Part: migration.PartWorkload, Workload: "app",
		Digest: spec.WorkloadDigest(migration.Production, "app"),
	}
}
