//go:build lab

package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/cluster"
)

// TestAPodWithAClaimIsReplaced makes the experiment that decides for a StatefulSet:
// the pod goes, and its successor has the name and finds the data.
func TestAPodWithAClaimIsReplaced(t *testing.T) {
	const size = 64 << 20
	s := prepared(t, func(spec *migration.Spec) {
		w := &spec.Workloads[0]
		w.Kind, w.Replicas = migration.KindStatefulSet, 1
		w.Storage = []migration.Storage{{Name: "data", Path: "/var/lib/royal-bank-api", SizeBytes: size}}
	})
	book := filepath.Join(s.volume(size), "book")
	if err := os.WriteFile(book, []byte("what the bank owes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.deploy()
	before := s.kubectl(nil, "-n", s.branch.Staging(), "get", "pods", "-o", "jsonpath={.items[*].metadata.name} {.items[*].metadata.uid}")
	res := s.drill(migration.DrillReplace)
	after := s.kubectl(nil, "-n", s.branch.Staging(), "get", "pods", "-o", "jsonpath={.items[*].metadata.name} {.items[*].metadata.uid}")
	name, uid, _ := strings.Cut(before, " ")
	if next, other, _ := strings.Cut(after, " "); res.Verdict != migration.Pass || next != name || other == uid || name != s.workload()+"-0" {
		t.Errorf("%s: %s; pod %s, and afterwards %s", res.Verdict, res.Text, before, after)
	}
	if text, err := os.ReadFile(book); err != nil || string(text) != "what the bank owes\n" {
		t.Errorf("the book says %q, %v", text, err)
	}
}

// volume gives the node a directory for the next claim, and where it is seen here.
func (s *stage) volume(size int64) string {
	s.t.Helper()
	name := "claim-" + s.branch.Namespace
	dir := s.lab.StatePath(name)
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		for _, argv := range [][]string{{"-n", s.branch.Staging(), "delete", "statefulset,pod", "-l", "app.kubernetes.io/managed-by=rehome", "--wait=true", "--timeout=60s"},
			{"-n", s.branch.Staging(), "delete", "pvc", "--all", "--timeout=30s"}, {"delete", "pv", name, "--ignore-not-found", "--timeout=30s"}} {
			if _, err := cluster.Kubectl(ctx, s.lab, nil, argv...); err != nil {
				s.t.Error(err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			s.t.Error(err)
		}
	})
	if err := os.MkdirAll(dir, 0o777); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // a directory of the node takes no group from the pod
		s.t.Fatal(err)
	}
	s.kubectl(fmt.Appendf(nil, `apiVersion: v1
kind: PersistentVolume
metadata: {name: %s}
spec:
  capacity: {storage: %d}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: %s, type: Directory}
`, name, size, dir), "apply", "-f", "-")
	return dir
}
