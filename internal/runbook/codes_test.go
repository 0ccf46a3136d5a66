package runbook

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// elsewhere are the codes that no guard of the table carries because another
// part holds them by its construction, each with the tests that show it. A test
// is named with the folder below internal that it is in.
var elsewhere = map[migration.Code]string{
	migration.CodeFalseAlarm:  "analysis TestManyLooksKeepAlpha",
	migration.CodeFirstScrape: "analysis TestCounting",
	migration.CodeBucketEdge:  "analysis TestLatencyVerdicts",
	migration.CodeWarmUp:      "analysis TestWarmUpExcludesLatencyNeverErrors",
	migration.CodeWaiver:      "runbook TestWaivers",
	migration.CodePerson:      "runbook TestPersonIsNeverWaived",
}

// produced plays every scenario and every stand of the example, and collects
// the codes of all reasons that any decision carried.
func produced(t *testing.T) map[migration.Code]bool {
	codes := map[migration.Code]bool{}
	take := func(reasons []migration.Reason) {
		for _, r := range reasons {
			codes[r.Code] = true
		}
	}
	for _, step := range slices.Concat(migration.Forward, migration.Back, migration.Undo) {
		r, ok := rowOf(step)
		if !ok {
			t.Fatalf("no row for %s", step)
		}
		for _, at := range []migration.Step{migration.StepAssess, migration.StepGo, migration.StepHold} {
			l := looked(standAt(t, at))
			take(l.evaluate(r.before))
			take(l.survey(r.surveys))
			take(l.evaluate(r.after))
			take(l.survey(r.proofs))
		}
	}
	files, err := filepath.Glob("testdata/scenario/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`(?m)^ +(?:pass|fail|unknown|waived) ([A-Z0-9-]+)[:,]`)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(b), -1) {
			codes[migration.Code(m[1])] = true
		}
	}
	return codes
}

// TestEveryCodeIsGuarded demands that no code is only a name: a guard or a
// decision gives it, or it is unjudged and says so, or another part holds it.
func TestEveryCodeIsGuarded(t *testing.T) {
	codes := produced(t)
	for _, c := range migration.Codes() {
		_, held := elsewhere[c]
		if !codes[c] && !slices.Contains(Unjudged(), c) && !held {
			t.Errorf("%s is in the list of codes, and nothing ever gives it", c)
		}
		if held && (codes[c] || slices.Contains(Unjudged(), c)) {
			t.Errorf("%s is said to be held elsewhere, and is judged here", c)
		}
	}
	for c := range codes {
		if !slices.Contains(migration.Codes(), c) {
			t.Errorf("%s is given and not in the list of codes", c)
		}
	}
	for c, where := range elsewhere {
		folder, test, _ := strings.Cut(where, " ")
		if !testExists(t, filepath.Join("..", folder), test) {
			t.Errorf("%s: there is no %s", c, where)
		}
	}
}

func testExists(t *testing.T, dir, test string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "func "+test+"(") {
			return true
		}
	}
	return false
}

// TestUnjudgedBlocks demands that every unjudged code blocks its step until it
// is waived by name, and that the waiver of one lets no other pass.
func TestUnjudgedBlocks(t *testing.T) {
	for step, codes := range unjudged {
		p := standAt(t, step)
		for _, code := range codes {
			p.s.Waivers = slices.DeleteFunc(waivers(p.w.now.Add(time.Hour)), func(w migration.Waiver) bool { return w.Code == code })
			l := looked(p)
			r, _ := rowOf(step)
			open := failing(l.evaluate(slices.Concat(r.before, r.after)))
			if !slices.ContainsFunc(open, func(r migration.Reason) bool { return r.Code == code && r.Verdict == migration.Unknown }) {
				t.Errorf("%s does not hold up %s: %v", code, step, open)
			}
			if _, moved := Next(p.s, p.facts, p.w.now).(Move); moved {
				t.Errorf("%s is left without %s", step, code)
			}
		}
	}
	if n := len(Unjudged()); n != len(slices.Compact(slices.Sorted(slices.Values(Unjudged())))) || n == 0 {
		t.Errorf("%d unjudged codes, some twice", n)
	}
}

// withoutFacts are the codes that a guard may let pass with nothing observed
// now: they rest on what is declared, or on what the journal already holds.
var withoutFacts = map[migration.Code]string{
	migration.CodeUnsupported: "declared", migration.CodeImageDigest: "declared", migration.CodeDataMove: "declared",
	migration.CodeSplitWrites: "declared", migration.CodeVantage: "declared", migration.CodeWindow: "declared and the time",
	migration.CodeNight: "declared and the time", migration.CodeFreeze: "declared and the time", migration.CodeSidecar: "declared: no mesh", migration.CodeAtomic: "declared",
	migration.CodeSplit: "declared", migration.CodeNegative: "declared", migration.CodeNoRCA: "journalled",
	migration.CodeNoRehearsal: "journalled", migration.CodeTTLLead: "journalled", migration.CodeApproval: "journalled",
	migration.CodeStale: "journalled", migration.CodeBaseline: "journalled", migration.CodeSmoke: "journalled",
	migration.CodePublicSmoke: "journalled", migration.CodeVerdict: "the judgement", migration.CodeErrorRate: "the judgement",
	migration.CodeLatency: "the judgement", migration.CodeTooFew: "the judgement",
	migration.CodeConfigDrift: "declared: one machine",
}

// TestUnknownNeverPasses evaluates every guard of every step where all is well,
// but with nothing observed, and with everything observed and unknown.
func TestUnknownNeverPasses(t *testing.T) {
	p := standAt(t, migration.StepRetire)
	all := looked(p)
	ill := noFacts()
	for k := range all.f.DNS {
		ill.DNS[k] = observe(p.w.now, "name servers", migration.ZoneFacts{}, "i/o timeout")
	}
	for k := range all.f.Cluster {
		ill.Cluster[k] = observe(p.w.now, "cluster", migration.ClusterFacts{}, "connection refused")
	}
	for k := range all.f.Probe {
		ill.Probe[k] = observe(p.w.now, "probe", migration.ProbeFacts{OK: true}, "no route to host")
	}
	ill.Baseline.Err = "connection refused"
	ill.Inventory.Err = "no route to host"
	ill.Isolation.Err = "forbidden"
	ill.Bases = map[string]migration.Observed[migration.BaseFacts]{}
	for name, f := range map[string]Facts{"nothing observed": {}, "everything unknown": ill} {
		l := look{s: p.s, f: f, now: p.w.now}
		l.s.Waivers = nil
		for _, r := range table() {
			for _, reason := range append(l.evaluate(slices.Concat(r.before, r.after)), l.survey(slices.Concat(r.surveys, r.proofs))...) {
				if _, may := withoutFacts[reason.Code]; reason.Verdict.OK() && !may {
					t.Errorf("%s: %s passes %s: %s", name, r.step, reason.Code, reason.Text)
				}
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(withoutFacts)) {
		if !slices.Contains(migration.Codes(), c) {
			t.Errorf("%s is no code", c)
		}
	}
}

func TestWaivers(t *testing.T) {
	now := t0.Add(time.Hour)
	open := func(c migration.Code) migration.Reason { return asks(fails(c, "it is so")) }
	good := migration.Waiver{Code: migration.CodeLBWarm, By: "angua", Reason: "seen by eye", Until: now.Add(time.Minute)}
	with := func(change func(*migration.Waiver)) migration.Waiver { w := good; change(&w); return w }
	tests := []struct {
		name   string
		waiver migration.Waiver
		code   migration.Code
		waived bool
	}{
		{"covers", good, migration.CodeLBWarm, true},
		{"another code", good, migration.CodeRollout, false},
		{"ends this moment", with(func(w *migration.Waiver) { w.Until = now }), migration.CodeLBWarm, false},
		{"this attempt", with(func(w *migration.Waiver) { w.Attempt = 2 }), migration.CodeLBWarm, true},
		{"another attempt", with(func(w *migration.Waiver) { w.Attempt = 1 }), migration.CodeLBWarm, false},
		{"what is never waived", with(func(w *migration.Waiver) { w.Code = migration.CodeForeign }), migration.CodeForeign, false},
		{"the hold", with(func(w *migration.Waiver) { w.Code = migration.CodeEarlyRetire }), migration.CodeEarlyRetire, false},
		{"the analysis", with(func(w *migration.Waiver) { w.Code = migration.CodeNoRCA }), migration.CodeNoRCA, false},
		{"every name server", with(func(w *migration.Waiver) { w.Code = migration.CodeAllNS }), migration.CodeAllNS, false},
	}
	for _, tt := range tests {
		for _, where := range []string{"said", "standing"} {
			l := look{now: now}
			l.s.Attempt = 2
			if where == "said" {
				l.s.Waivers = []migration.Waiver{tt.waiver}
			} else {
				l.s.Policy.StandingWaivers = []migration.Waiver{tt.waiver}
			}
			r := l.waive(open(tt.code))
			if (r.Verdict == migration.Waived) != tt.waived {
				t.Errorf("%s (%s): %s", tt.name, where, r.Verdict)
			}
			if tt.waived && (!strings.Contains(r.Text, "angua") || !strings.Contains(r.Text, "seen by eye") || r.Remedy != migration.Blocks) {
				t.Errorf("%s (%s): a waiver without its name or reason: %+v", tt.name, where, r)
			}
		}
	}
}

// TestPersonIsNeverWaived: what a person must say, nobody can let pass beforehand.
func TestPersonIsNeverWaived(t *testing.T) {
	for _, c := range []migration.Code{migration.CodePerson, migration.CodeProcedure, migration.CodeIntent, migration.CodeUnsupported} {
		l := look{now: t0, s: State{Waivers: []migration.Waiver{{Code: c, Until: t0.Add(time.Hour)}}}}
		if r := l.waive(fails(c, "it is so")); r.Verdict.OK() {
			t.Errorf("%s was waived", c)
		}
	}
}
