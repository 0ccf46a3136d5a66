//go:build lab

package stage

import (
	"context"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/cluster"
)

// TestEndedUnderLoad ends a drill when its Service stands and pods go, as a process
// does that has lost its lease.
func TestEndedUnderLoad(t *testing.T) {
	s := newStage(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			pods, err := cluster.Kubectl(ctx, s.lab, nil, "-n", s.branch.Staging(), "get", "pods", "-l", "app.kubernetes.io/name="+s.workload(), "-o", "jsonpath={.items[*].metadata.deletionTimestamp}")
			if err == nil && pods != "" {
				cancel()
			}
		}
	}()
	a := migration.RunDrill{Env: migration.Staging, Drill: migration.DrillDrain, Workload: s.workload()}
	res, err := s.ports.Drills.Drill(ctx, s.spec, s.policy, a, s.machines)
	if err != nil || res.Verdict != migration.Unknown {
		t.Errorf("%s: %s, %v", res.Verdict, res.Text, err)
	}
	s.whole(t)
}

// TestLeftovers removes what a drill has left that was killed, and nothing else.
func TestLeftovers(t *testing.T) {
	s := newStage(t, nil)
	const service = `{"apiVersion":"v1","kind":"Service","metadata":{"name":%NAME,"namespace":%NAMESPACE,"labels":{%LABELS"app.kubernetes.io/instance":"royal-bank-api","app.kubernetes.io/managed-by":"rehome"}},"spec":{"ports":[{"port":80}]}}`
	for name, labels := range map[string]string{"killed-drill": `"rehome.dev/drill":"drain-load",`, "no-drill": ""} {
		s.kubectl([]byte(strings.NewReplacer("%NAMESPACE", `"`+s.branch.Staging()+`"`, "%NAME", `"`+name+`"`, "%LABELS", labels).Replace(service)), "create", "-f", "-")
	}
	s.drill(migration.DrillSession)
	if left := s.kubectl(nil, "-n", s.branch.Staging(), "get", "service", "-o", "name"); left != "service/no-drill" {
		t.Errorf("what is left: %q", left)
	}
}

// whole demands that all pods serve and nothing of a drill is left.
func (s *stage) whole(t *testing.T) {
	t.Helper()
	if n := s.Ready(t, s.workload()); n != int(s.spec.Workloads[0].Replicas) {
		t.Errorf("%d pods are ready", n)
	}
	if left := s.kubectl(nil, "-n", s.branch.Staging(), "get", "pod,service", "-l", "rehome.dev/drill", "-o", "name"); left != "" {
		t.Errorf("left: %s", left)
	}
}
