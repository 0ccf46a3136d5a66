//go:build lab

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/network"
)

// TestAbortAfterLeadTakesEverythingAway aborts from a second terminal while the
// first waits for the lead.
func TestAbortAfterLeadTakesEverythingAway(t *testing.T) {
	t.Parallel()
	m := newMove(t, labtest.Branch(t), good, map[string]string{"dns.lead": "10m"})
	before := m.objects()
	m.prepared()
	first := m.start("run", m.File(), "--wait")
	m.await(2*time.Minute, "it waits for the lead", isMove(migration.ModeForward, migration.StepLead))
	for _, ttl := range m.ttls() {
		if ttl != policyTTL {
			t.Errorf("in the lead a name server gives a TTL of %d s", ttl)
		}
	}
	prepared := m.objects()
	if len(prepared) != len(before)+4 {
		t.Fatalf("prepared are %s", prepared)
	}

	out := m.run(blocked, "rollback", demo.Name)
	if !strings.Contains(out, "rehome abort "+demo.Name) {
		t.Errorf("nothing is switched, and the refused rollback does not name abort:\n%s", out)
	}
	out = m.run(done, "abort", demo.Name, "--reason", "the bank changed its mind")
	t.Logf("abort said:\n%s", out)
	m.eventually(30*time.Second, "the first process has ended", first.gone)
	t.Logf("the first process said at its end (exit code %d):\n%s", first.cmd.ProcessState.ExitCode(), tail(first.said.String(), 6))
	if s := m.state(); s.Mode != migration.ModeAborted || len(s.Left) > 0 {
		t.Errorf("ended as %s, left %v", s.Mode, s.Left)
	}
	for _, ttl := range m.ttls() {
		if ttl != beginTTL {
			t.Errorf("after the abort a name server gives a TTL of %d s", ttl)
		}
	}
	if !m.leads(m.old(), servers...) {
		t.Error("after the abort the name does not lead to the VM")
	}
	if left := ask(network.NS1, m.generation(), mdns.TypeTXT); len(left) > 0 {
		t.Errorf("the generation record is left: %s", left)
	}
	if left := m.objects(); fmt.Sprint(left) != fmt.Sprint(before) {
		t.Errorf("left in the cluster: %s", left)
	}
	if out := m.run(blocked, "run", m.File()); !strings.Contains(out, "--restart") {
		t.Errorf("after the abort it is not said how to begin again:\n%s", out)
	}
}

// objects are what rehome has made in both namespaces.
func (m *move) objects() []string {
	var out []string
	for _, ns := range []string{m.Branch.Namespace, m.Branch.Staging()} {
		for name := range strings.FieldsSeq(m.kubectl(ns, "get", "deployment,statefulset,service", "-l", "app.kubernetes.io/managed-by=rehome", "-o", "name")) {
			out = append(out, ns+"/"+name)
		}
	}
	return out
}

// TestTwoProcesses has a second rehome that cannot act while the first one does,
// and a rollback by it that counts at once.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	m := newMove(t, labtest.Branch(t), good, map[string]string{"watch.for": "10m"})
	m.prepared()
	first := m.start("run", m.File(), "--wait")
	m.await(3*time.Minute, "it watches", isMove(migration.ModeForward, migration.StepWatch))

	out := m.run(failed, "run", m.File(), "--wait")
	holder := fmt.Sprintf("/%d", first.cmd.Process.Pid)
	if !strings.Contains(out, "another process is driving this migration") || !strings.Contains(out, holder) || !strings.Contains(out, "rehome: hint: ") {
		t.Errorf("the second process does not say who is driving (%s) and what to do:\n%s", holder, out)
	}
	if first.gone() {
		t.Fatalf("the second process has ended the first:\n%s", first.said)
	}

	ordered := time.Now()
	second := m.start("rollback", demo.Name, "--reason", "customers call")
	back := m.back(ordered)
	t.Logf("both name servers lead back %.2f s after the rollback was typed", back.Seconds())
	second.ends(time.Minute, rolledBack)
	m.eventually(time.Minute, "the first process has ended", first.gone)
	t.Logf("the first process said at its end (exit code %d):\n%s", first.cmd.ProcessState.ExitCode(), tail(first.said.String(), 8))
	if back > 10*time.Second {
		t.Errorf("the rollback took %s to be carried out", back)
	}
	if out := first.said.String(); !strings.Contains(out, "angua: ") || !strings.Contains(out, "customers call") {
		t.Error("the first process does not say who has turned it around, and why")
	}
	s := m.state()
	if s.Mode != migration.ModeRolledBack || len(outcomes(m.swaps(), migration.ForRollback)) != 1 {
		t.Errorf("ended as %s after the changes %v", s.Mode, outcomes(m.swaps(), migration.ForRollback))
	}
	if inc, open := s.OpenIncident(); !open || inc.By != "angua" || !strings.Contains(inc.Summary, "customers call") {
		t.Errorf("the incident is by %q: %q", inc.By, inc.Summary)
	}
}

// tail is the last lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
