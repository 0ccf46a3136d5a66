package runbook

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// stands keeps the example's play as it stood when each step was entered, so
// that a test begins in the middle without telling the whole story again.
var stands struct {
	sync.Mutex
	at map[migration.Step]*play
}

// standAt is the example at the begin of a step, nothing decided in it yet.
func standAt(t testing.TB, step migration.Step) *play {
	t.Helper()
	stands.Lock()
	defer stands.Unlock()
	if stands.at == nil {
		stands.at = recordStands(t, exampleSpec())
	}
	p := stands.at[step]
	if p == nil {
		t.Fatalf("the example never stands at %s", step)
	}
	return p.clone()
}

// The example of the stands holds less long than the procedure does, because
// every test that begins in it folds its journal.
const (
	standHold     = 6 * time.Hour
	standResidual = time.Hour
)

func recordStands(t testing.TB, spec migration.Spec) map[migration.Step]*play {
	t.Helper()
	w := newWorld(spec, 3600)
	w.pass(time.Hour)
	w.now = t0
	p := newPlay(w)
	policy := examplePolicy()
	policy.Hold, policy.Residual = standHold, standResidual
	p.declare("angua", spec, policy)
	for _, wv := range waivers(t0.Add(90 * 24 * time.Hour)) {
		p.says("angua", migration.KindWaived, wv)
	}
	out := map[migration.Step]*play{migration.StepAssess: p.clone()}
	p.run(30*24*time.Hour, func(s State, _ Decision) bool {
		if _, seen := out[s.Step]; !seen {
			out[s.Step] = p.clone()
		}
		return over(s.Mode)
	})
	if p.err != nil || p.s.Mode != migration.ModeRetired {
		t.Fatalf("the example ends as %s at %s: %v", p.s.Mode, p.s.Step, p.err)
	}
	return out
}

// looked observes everything that any step looks at, and gives what a guard sees.
func looked(p *play) look {
	clear(p.taken)
	p.observe(PreviewNeeds(p.s))
	return look{s: p.s, f: p.facts, now: p.w.now}
}

// guardCase is one finding of one guard. What it cannot see is a case too: the
// name begins with "cannot see", and it passes.
type guardCase struct {
	name string
	step migration.Step
	vary func(p *play)
	see  func(l *look) // changes what is seen rather than what is
	want string        // the verdict, and the remedy where it does not pass
}

func checkGuard(t *testing.T, g guard, cases []guardCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			p := standAt(t, tt.step)
			if tt.vary != nil {
				tt.vary(p)
			}
			l := looked(p)
			if tt.see != nil {
				tt.see(&l)
			}
			r := g(l)
			got := r.Verdict.String()
			if !r.Verdict.OK() {
				got = fmt.Sprintf("%s, %s", r.Verdict, r.Remedy)
			}
			if got != tt.want {
				t.Errorf("%s, want %s: %s: %s", got, tt.want, r.Code, r.Text)
			}
			if r.Text == "" || r.Code == "" {
				t.Errorf("a reason without a code or a text: %+v", r)
			}
		})
	}
}

// verdict lets the judgement have said something.
func verdict(v analysis.Verdict) func(p *play) {
	return func(p *play) { p.s.Live.Judge.Verdict = v; p.s.Live.Judging = true }
}

func later(d time.Duration) func(p *play) { return func(p *play) { p.w.now = p.w.now.Add(d) } }

func unseenCluster(p *play) { p.w.clusterErr = "connection refused" }
func allSilent(p *play)     { p.w.server(1, "silent"); p.w.server(2, "silent") }
func oneSilent(p *play)     { p.w.server(2, "silent") }
func declared(d ...func(*play)) func(*play) {
	return func(p *play) {
		for _, f := range d {
			f(p)
		}
	}
}

func letPass(c migration.Code) func(*play) {
	return func(p *play) {
		p.s.Waivers = append(slices.Clone(p.s.Waivers), migration.Waiver{Code: c, By: "angua", Reason: "seen", Until: p.w.now.Add(time.Hour)})
	}
}

func spec(change func(*migration.Spec)) func(*play) {
	return func(p *play) { change(&p.s.Spec) }
}

func policy(change func(*migration.Policy)) func(*play) {
	return func(p *play) { change(&p.s.Policy) }
}

func pods(change func(*migration.WorkloadFacts)) func(*play) {
	return func(p *play) { p.w.changePods(migration.Production, key, change) }
}

// production changes what else the cluster shows.
func production(change func(*migration.ClusterFacts)) func(*play) {
	return func(p *play) {
		c := p.w.cluster[migration.Production]
		change(&c)
		p.w.cluster[migration.Production] = c
	}
}

func record(name string, typ string, ttl uint32, data ...string) func(*play) {
	return func(p *play) { p.w.write(zoneOne, migration.RRset{Name: name, Type: typ, TTL: ttl, Data: data}) }
}

func probes(side migration.Side, bad, err string) func(*play) {
	return func(p *play) { p.w.probeBad[side], p.w.probeErr[side] = bad, err }
}
