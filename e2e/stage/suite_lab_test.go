//go:build lab

package stage

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/drill/drilltest"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/network"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	drilltest.Run(t, func(t *testing.T) (drilltest.Fixture, drilltest.World) {
		s := newStage(t, nil)
		return drilltest.Fixture{Drills: s.ports.Drills, Spec: s.spec, Policy: s.policy, Machines: s.machines, Made: migration.StagingDrills()}, s
	})
}

// Ready counts the pods that serve and stay.
func (s *stage) Ready(t *testing.T, workload string) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(s.kubectl(nil, "-n", s.branch.Staging(), "get", "pods", "-l", "app.kubernetes.io/name="+workload,
		"-o", `jsonpath={range .items[*]}{.metadata.deletionTimestamp} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)) {
		if strings.TrimSpace(line) == "True" {
			n++
		}
	}
	return n
}

// spoiled are the variables with which the bank is wrong in one thing.
var spoiled = map[migration.StagingDrill]string{
	migration.DrillLogs:    "LOG_TO=/tmp/royal-bank-api.log",
	migration.DrillReplace: "LOCAL_SESSIONS=true",
	migration.DrillSession: "LOCAL_SESSIONS=true",
	migration.DrillTruth:   "BLIND_READY=true",
	migration.DrillDrain:   "REFUSE_DRAIN=true",
}

// Spoil changes the live deployment, and puts right what an earlier one has spoiled.
func (s *stage) Spoil(t *testing.T, drill migration.StagingDrill) bool {
	t.Helper()
	args := []string{"-n", s.branch.Staging(), "set", "env", "deployment/" + s.workload()}
	for _, v := range spoiled {
		name, _, _ := strings.Cut(v, "=")
		args = append(args, name+"-")
	}
	s.kubectl(nil, args...)
	switch drill {
	case migration.DrillRoundTrip:
		s.change(t, "limits.conf", "daily_limit = 7\n")
	case migration.DrillReadOnly:
		s.patch(t, `{"spec":{"template":{"spec":{"containers":[{"name":"%s","securityContext":{"readOnlyRootFilesystem":false}}]}}}}`)
	case migration.DrillDrain:
		// Without the pause before SIGTERM, requests come to a process that is ending.
		s.patch(t, `{"spec":{"template":{"spec":{"containers":[{"name":"%s","lifecycle":null}]}}}}`)
		fallthrough
	case migration.DrillLogs, migration.DrillReplace, migration.DrillSession, migration.DrillTruth:
		s.kubectl(nil, "-n", s.branch.Staging(), "set", "env", "deployment/"+s.workload(), spoiled[drill])
	default:
		return false
	}
	s.settled(t)
	return true
}

func (s *stage) patch(t *testing.T, text string) {
	t.Helper()
	s.kubectl(nil, "-n", s.branch.Staging(), "patch", "deployment", s.workload(), "-p", fmt.Sprintf(text, s.workload()))
}

// change writes a key of staging's ConfigMap, and replaces the pods: the kubelet
// takes its time with those that run.
func (s *stage) change(t *testing.T, key, text string) {
	t.Helper()
	const object = "royal-bank-api-config"
	path := "jsonpath={.data." + strings.ReplaceAll(key, ".", `\.`) + "}"
	before := s.kubectl(nil, "-n", s.branch.Staging(), "get", "configmap", object, "-o", path)
	put := func(text string) {
		s.kubectl(nil, "-n", s.branch.Staging(), "patch", "configmap", object, "--type=merge", "-p", fmt.Sprintf(`{"data":{%q:%q}}`, key, text))
		s.kubectl(nil, "-n", s.branch.Staging(), "rollout", "restart", "deployment/"+s.workload())
	}
	put(text)
	t.Cleanup(func() { s.restore(object, key, before+"\n") })
}

// settled returns when the deployment has rolled out and the old pods are gone.
func (s *stage) settled(t *testing.T) {
	t.Helper()
	s.kubectl(nil, "-n", s.branch.Staging(), "rollout", "status", "deployment/"+s.workload(), "--timeout=90s")
	s.eventually(func() error {
		pods := strings.Fields(s.kubectl(nil, "-n", s.branch.Staging(), "get", "pods", "-l", "app.kubernetes.io/name="+s.workload(), "-o", "name"))
		if len(pods) != int(s.spec.Workloads[0].Replicas) {
			return fmt.Errorf("%d pods", len(pods))
		}
		return nil
	})
}

// Reach lets staging use production's database.
func (s *stage) Reach(t *testing.T) string {
	t.Helper()
	s.kubectl(nil, "-n", s.branch.Staging(), "set", "env", "deployment/"+s.workload(), "DB_HOST=db.golemtrust.am")
	s.settled(t)
	return net.JoinHostPort(network.DB.Address.String(), "5432")
}

// Canaries are the bank's secrets.
func (s *stage) Canaries() []string { return s.secrets() }

var _ drilltest.World = (*stage)(nil)
