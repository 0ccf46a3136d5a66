//go:build lab

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/prometheus"
)

// TestTheNamesGoBackWithoutTheCluster kills the API server when the rollback has
// been decided and before the names are led back: they go back all the same, and
// what only the cluster can do is left with a note, or done once it is there.
func TestTheNamesGoBackWithoutTheCluster(t *testing.T) {
	t.Parallel()
	labtest.Alone(t)
	b := labtest.Branch(t)
	r := newRelay(t, b)
	m := newMove(t, b, bad, map[string]string{"settings.server": r.address(), "rollback.budget": "8s"})
	m.prepared()
	armed := r.hold(r.leadsBack, false)
	p := m.start("run", m.File(), "--wait")
	armed.springs(m, 3*time.Minute)
	verdict := m.await(time.Second, "the attempt turns back", isRollback)
	labtest.Kill(t, "kube-apiserver")
	dead := time.Now()
	r.release()
	t.Logf("the API server is dead %.2f s after the verdict", dead.Sub(verdict.At).Seconds())
	back := m.back(verdict.At)
	t.Logf("both name servers lead back %.2f s after the verdict, %.2f s after the API server died", back.Seconds(), (back - dead.Sub(verdict.At)).Seconds())
	if late := back - dead.Sub(verdict.At); late > 3*time.Second {
		t.Errorf("without the API server the names went back only after %s", late)
	}

	skipped := m.await(time.Minute, "saving the logs is given up", isMove(migration.ModeRollback, migration.StepScaleDown))
	labtest.Start(t, "kube-apiserver")
	p.ends(2*time.Minute, rolledBack)
	if left := bodyOf[migration.Moved](skipped).Evidence; len(left) == 0 || left[0].Kind != migration.EvidenceLeft {
		t.Error("the logs could not be saved, and the journal does not say that they are left")
	}
	if out := p.said.String(); !strings.Contains(out, "left for a person: "+runbook.Title(migration.StepSaveLogs)) {
		t.Error("nobody is told that the logs could not be saved")
	}
	replicas := m.kubectl(m.Branch.Namespace, "get", "deployment", demo.Name, "-o", "jsonpath={.spec.replicas}")
	noted := strings.Contains(p.said.String(), "left for a person: "+runbook.Title(migration.StepScaleDown))
	t.Logf("at the end the cluster has %s replicas; left with a note: %t", replicas, noted)
	if replicas != "0" && !noted {
		t.Errorf("there are %s replicas, and nobody is told that they are left", replicas)
	}
	last, any := lastFailing(m.seconds(verdict.At, time.Now()))
	if any {
		t.Logf("the last failing answer came at most %.1f s after the verdict", last.Sub(verdict.At).Seconds())
	}
}

// TestBlindIsNotBad takes the metrics away in mid-watch: a person is asked, the
// names stay, and it goes on when the metrics are back.
func TestBlindIsNotBad(t *testing.T) {
	t.Parallel()
	b := labtest.Branch(t)
	m := newMove(t, b, good, map[string]string{"watch.for": "15s"})
	source, url, err := prometheus.StartBeside(t.Context(), m.lab, b)
	m.must(err)
	t.Cleanup(func() { m.must(m.lab.Stop(context.Background(), source)) })
	m.must(m.SetPolicy("settings.url", url))
	m.prepared()
	p := m.start("run", m.File(), "--wait")
	m.await(3*time.Minute, "it watches", isMove(migration.ModeForward, migration.StepWatch))
	labtest.Kill(t, source)
	blind := m.await(time.Minute, "the verdict is blind", isVerdict(analysis.Blind))
	m.eventually(20*time.Second, "a person is asked", func() bool {
		return strings.Contains(p.said.String(), "a person is needed for BLIND")
	})

	// long after probes that fail would have led to a rollback
	longer := m.await(2*time.Minute, "it is blind for longer than the policy allows with failing probes", func(r migration.Record) bool {
		if !isVerdict(analysis.Blind)(r) {
			return false
		}
		return r.At.Sub(liveOf(r).Judge.Verdict.Since) > 8*time.Second
	})
	live := liveOf(longer)
	if s := m.state(); s.Mode != migration.ModeForward || !m.leads(m.balancer(), servers...) {
		t.Fatalf("blind alone has turned the attempt around: %s", s.Mode)
	}
	if !live.Warm.Last.After(blind.At) || live.Warm.Since.After(blind.At) {
		t.Errorf("the product's own probes do not go on: streak %v, blind since %s", live.Warm, blind.At)
	}
	t.Logf("blind since %s, own probes answered from %s to %s", live.Judge.Verdict.Since.Format(time.TimeOnly),
		live.Warm.Since.Format(time.TimeOnly), live.Warm.Last.Format(time.TimeOnly))

	labtest.Start(t, source)
	repaired := time.Now()
	m.await(2*time.Minute, "the watch is left", isMove(migration.ModeForward, migration.StepValidate))
	t.Logf("the watch is left %.1f s after the metrics are back", time.Since(repaired).Seconds())
	p.ends(2*time.Minute, done)
}

// isVerdict matches the judgement's journalled state with that verdict.
func isVerdict(k analysis.VerdictKind) func(migration.Record) bool {
	return func(r migration.Record) bool {
		if r.Kind != migration.KindEvidence {
			return false
		}
		return bodyOf[migration.Evidence](r).Kind == migration.EvidenceJudge && liveOf(r).Judge.Verdict.Kind == k
	}
}

func liveOf(r migration.Record) runbook.Live {
	return bodyOf[runbook.Live](migration.Record{Body: bodyOf[migration.Evidence](r).Body})
}
