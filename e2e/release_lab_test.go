//go:build lab

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/client"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/network"
)

// TestABadReleaseIsRolledBackAndAGoodOneMoves is the whole procedure, as people
// and clients see it.
func TestABadReleaseIsRolledBackAndAGoodOneMoves(t *testing.T) {
	t.Parallel()
	m := newMove(t, labtest.Head(t), bad, nil)
	m.drilled = true
	m.badRelease()
	m.refusedWithoutAnalysis()
	m.goodRelease()
	m.recorded()
}

// badRelease moves traffic to the bad release, and sees it come back by itself.
func (m *move) badRelease() {
	t := m.t
	began := time.Now()
	m.prepared()
	p := m.start("run", m.File(), "--wait")
	m.forgotten()
	intent := m.await(5*time.Minute, "the switch is intended", isIntent(migration.ForSwitch))
	stuck := m.stays(m.balancer())
	verdict := m.await(time.Minute, "the attempt turns back", isRollback)
	back := m.back(verdict.At)
	p.ends(time.Minute, rolledBack)
	m.recovered(stuck.ends(), verdict.At)

	seconds := m.seconds(began, time.Now())
	away := seconds[indexAt(seconds, intent.At):]
	m.around("around the bad release", away)
	last, any := lastFailing(away)
	if !any {
		t.Fatal("no client noticed the bad release: this test shows nothing")
	}
	t.Logf("verdict %.1f s after the switch was begun; both name servers lead back %.2f s after the verdict; the last failing answer at most %.1f s after it; %d requests lost",
		verdict.At.Sub(intent.At).Seconds(), back.Seconds(), last.Sub(verdict.At).Seconds(), lost(sum(away)))
	// what resolvers may still hold, and the second that the count is exact to
	if limit := (policyTTL + 2) * time.Second; back > 7*time.Second || last.Sub(verdict.At) > limit+2*time.Second {
		t.Errorf("the way back took too long: records %s, clients %s", back, last.Sub(verdict.At))
	}
	m.whoAnswered(seconds, intent.At, last)
	if replicas := m.kubectl(m.Branch.Namespace, "get", "deployment", demo.Name, "-o", "jsonpath={.spec.replicas}"); replicas != "0" {
		t.Errorf("after the rollback the cluster still has %s replicas", replicas)
	}
	if got := outcomes(m.swaps(), migration.ForRollback); !slices.Equal(got, []migration.Outcome{migration.OutcomeDone}) {
		t.Errorf("the changes that lead back ended as %v", got)
	}
}

// whoAnswered demands the VM before and after, and both between. The second in
// which the switch was intended is between: its last requests may go either way.
func (m *move) whoAnswered(seconds []client.Second, from, to time.Time) {
	from = from.Truncate(time.Second)
	before, between, after := sum(seconds[:indexAt(seconds, from)]), sum(seconds[indexAt(seconds, from):indexAt(seconds, to)]), sum(seconds[indexAt(seconds, to):])
	m.t.Logf("before:  %s", client.Summary(before))
	m.t.Logf("between: %s", client.Summary(between))
	m.t.Logf("after:   %s", client.Summary(after))
	if before.By["kubernetes"] != 0 || lost(before) != 0 || before.OK == 0 {
		m.t.Error("before the switch a request failed or came to the new side")
	}
	if between.By["kubernetes"] == 0 || between.FailedBy["kubernetes"] == 0 || between.FailedBy["vm"] != 0 {
		m.t.Error("between switch and rollback it is the new side, and only it, that answers and fails")
	}
	if lost(after) != 0 || after.By["vm"] == 0 {
		m.t.Error("after the rollback a request failed, or the VM does not answer")
	}
}

// indexAt is the first second that begins at or after a time.
func indexAt(seconds []client.Second, at time.Time) int {
	i := slices.IndexFunc(seconds, func(s client.Second) bool { return !s.T.Before(at) })
	if i < 0 {
		return len(seconds)
	}
	return i
}

// refusedWithoutAnalysis sees that nothing is tried again before somebody has
// understood why it failed.
func (m *move) refusedWithoutAnalysis() {
	serial := m.serial()
	if out := m.run(done, "incident", demo.Name); !strings.Contains(out, demo.Name+"-1") || !strings.Contains(out, "VERDICT") {
		m.t.Errorf("the incident names neither itself nor its cause:\n%s", out)
	}
	if out := m.run(blocked, "run", m.File(), "--wait"); !strings.Contains(out, "NO-RCA") || !strings.Contains(out, "rehome rca "+demo.Name) {
		m.t.Errorf("the refusal says neither why nor what to do:\n%s", out)
	}
	if m.serial() != serial {
		m.t.Error("the refused attempt has changed the zone")
	}
}

// goodRelease makes the second attempt, to the end.
func (m *move) goodRelease() {
	t := m.t
	rca := filepath.Join(m.Dir, "rca.md")
	m.must(os.WriteFile(rca, []byte(demo.Analysis), 0o644))
	m.run(done, "rca", demo.Name, "--file", rca)
	images, err := m.Images()
	m.must(err)
	m.must(m.UseImage(images.Good))
	m.must(m.DrillAccounts())
	m.run(waiting, "run", m.File())
	m.run(done, "approve", demo.Name, "--for", "1h")
	p := m.start("run", m.File(), "--wait")
	intent := m.await(5*time.Minute, "the switch is intended again", isIntent(migration.ForSwitch))
	m.await(30*time.Second, "every name server serves the switch", isMove(migration.ModeForward, migration.StepWatch))
	if address := m.balancer(); !m.leads(address, servers...) {
		t.Errorf("the journal says that both name servers serve the switch, but they give %s and %s", m.addresses(network.NS1), m.addresses(network.NS2))
	}
	p.ends(2*time.Minute, done)

	seconds := m.seconds(intent.At.Truncate(time.Second), time.Now())
	m.around("around the good release", seconds)
	if n := lost(sum(seconds)); n > 0 {
		t.Errorf("a switch to a good release has lost %d requests", n)
	}
	if end := sum(seconds[len(seconds)-3:]); end.By["vm"] != 0 || end.By["kubernetes"] == 0 {
		t.Errorf("at the end the clients are answered by %v", end.By)
	}
	if address := m.balancer(); !m.leads(address, servers...) {
		t.Errorf("at the end the name servers do not lead to %s", address)
	}
	for _, ttl := range m.ttls() {
		if ttl != beginTTL {
			t.Errorf("the VM is released, and the TTL is %d s, was %d s", ttl, beginTTL)
		}
	}
	if left := ask(network.NS1, m.generation(), mdns.TypeTXT); len(left) > 0 {
		t.Errorf("the generation record is left: %s", left)
	}
}

// recorded sees that what happened can be read, and that the saved logs are there.
func (m *move) recorded() {
	m.run(done, "log", demo.Name, "--verify")
	if out := m.run(done, "status", demo.Name); !strings.Contains(out, "retired") {
		m.t.Errorf("the status does not say how it ended:\n%s", out)
	}
	for format, word := range map[string]string{"html": "</html>", "md": "# ", "json": `"` + demo.Name + `"`} {
		out := filepath.Join(m.Dir, "report."+format)
		m.run(done, "report", demo.Name, "--format", format, "--load", client.CountFile(m.lab, m.Branch), "--out", out)
		text, err := os.ReadFile(out)
		m.must(err)
		if !strings.Contains(string(text), word) || !strings.Contains(string(text), "retired") {
			m.t.Errorf("the report in %s is not whole", format)
		}
	}
	saved := 0
	for _, r := range m.records(0) {
		if r.Kind == migration.KindOutcome {
			saved += len(bodyOf[migration.Settled](r).Result.Files)
		}
	}
	if saved == 0 {
		m.t.Error("no log of the bad release was saved")
	}
}
