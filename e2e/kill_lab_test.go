//go:build lab

package e2e

import (
	"slices"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/network"
)

// TestKilledAroundEveryChange kills rehome right before and right after the switch
// and the rollback, the answer of the name server under way. Each time it is run
// again and finds out by looking what had become of its change.
func TestKilledAroundEveryChange(t *testing.T) {
	t.Parallel()
	b := labtest.Branch(t)
	r := newRelay(t, b)
	m := newMove(t, b, bad, map[string]string{"settings.server": r.address()})
	began := m.serial()
	m.prepared()

	start := func() *process { return m.start("run", m.File(), "--wait") }
	m.killed(r, start, r.leadsAway, false)
	if !m.leads(m.old(), servers...) {
		t.Fatal("the switch was held, but a name server does not lead to the VM")
	}
	m.killed(r, m.resumed, r.leadsAway, true)
	m.eventually(10*time.Second, "both name servers serve the switch", func() bool { return m.leads(m.balancer(), servers...) })
	m.switchedOnce(migration.OutcomeUnknown)

	armed := r.hold(r.leadsBack, false) // nothing leads back before it is killed for it
	p := m.resumed()
	m.await(time.Minute, "the attempt turns back", isRollback)
	p.kill()
	r.release()
	m.switchedOnce(migration.OutcomeDone)
	if !m.leads(m.balancer(), network.NS1) {
		t.Fatal("rehome was killed before it led back, but the primary leads back")
	}
	t.Logf("killed when the rollback was decided; its change was sent: %t", sprung(armed))

	m.killed(r, m.resumed, r.leadsBack, true)
	m.back(time.Now())
	m.resumed().ends(time.Minute, rolledBack)
	m.nothingTwice(r, began)
	if s := m.state(); s.Mode != migration.ModeRolledBack || len(s.Left) > 0 || len(s.Pending) > 0 {
		t.Errorf("ended as %s, with %d things left and %d pending", s.Mode, len(s.Left), len(s.Pending))
	}
	if replicas := m.kubectl(m.Branch.Namespace, "get", "deployment", demo.Name, "-o", "jsonpath={.spec.replicas}"); replicas != "0" {
		t.Errorf("the cluster still has %s replicas", replicas)
	}
	m.run(done, "log", demo.Name, "--verify")
}

// killed starts a process and kills it when the change is sent: before the name
// server has it, which never gets it, or after, and before the process hears of it.
func (m *move) killed(r *relay, start func() *process, wants func(*mdns.Msg) bool, after bool) {
	m.t.Helper()
	armed := r.hold(wants, after)
	p := start()
	armed.springs(m, 2*time.Minute)
	p.kill()
	r.release()
}

func sprung(t *trap) bool {
	select {
	case <-t.sprung:
		return true
	default:
		return false
	}
}

// switchedOnce demands that the switch which never reached the name server was
// seen not to be done, and that there is just one more.
func (m *move) switchedOnce(second migration.Outcome) {
	m.t.Helper()
	want := []migration.Outcome{migration.OutcomeNotDone, second}
	if got := outcomes(m.swaps(), migration.ForSwitch); !slices.Equal(got, want) {
		m.t.Fatalf("the switches ended as %v, wanted %v", got, want)
	}
}

// nothingTwice demands that the zone changed once for each intent that is done,
// and never for another one; and that none was sent a second time.
func (m *move) nothingTwice(r *relay, began uint32) {
	m.t.Helper()
	made := uint32(0)
	for _, s := range m.swaps() {
		m.t.Logf("%-28s %-14s %s", s.ID, s.Purpose, s.outcome)
		switch s.outcome {
		case migration.OutcomeDone:
			made++
		case migration.OutcomeUnknown:
			m.t.Errorf("%s was never settled", s.ID)
		}
	}
	if grown := m.serial() - began; grown != made {
		m.t.Errorf("the zone has changed %d times for %d changes that are done", grown, made)
	}
	changes := r.changes()
	slices.Sort(changes)
	if once := slices.Compact(slices.Clone(changes)); len(once) != len(changes) {
		m.t.Errorf("a change was sent twice: %q", changes)
	}
}
