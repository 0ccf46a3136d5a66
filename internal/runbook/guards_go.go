package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// baselineEnough demands a baseline with enough requests.
func baselineEnough(l look) migration.Reason {
	b := l.f.Baseline
	if l.s.Baseline != nil && !b.Known() {
		b.Value, b.At, b.Source = *l.s.Baseline, l.s.Baseline.At, l.s.Baseline.Source
		b.Err = ""
	}
	switch {
	case !b.Known():
		return seen(unknown(migration.CodeBaseline, "there is no baseline: %s", b.Err), b.Source, b.At)
	case b.Value.Requests < l.s.Policy.BaselineMin:
		return seen(watches(fails(migration.CodeBaseline, "%d requests in the baseline, required %d", b.Value.Requests, l.s.Policy.BaselineMin)), b.Source, b.At)
	}
	return seen(passes(migration.CodeBaseline, "%d requests, %d errors (%.3f %%) in the baseline", b.Value.Requests, b.Value.Errors,
		100*float64(b.Value.Errors)/float64(b.Value.Requests)), b.Source, b.At)
}

// vantage demands that both sides are measured at the same kind of point.
func vantage(l look) migration.Reason {
	m := l.s.Spec.Metrics
	if m.Old.Vantage == "" || m.Old.Vantage != m.New.Vantage {
		return hint(fails(migration.CodeVantage, "the old side is measured at %q, the new one at %q", m.Old.Vantage, m.New.Vantage),
			"measure both at the same kind of point, or waive it: latency then stays unresolved")
	}
	return passes(migration.CodeVantage, "both sides are measured at the %s", m.Old.Vantage)
}

// fresh demands that what the decision rests on is not older than the policy allows.
func fresh(l look) migration.Reason {
	oldest := l.now.Add(-l.s.Policy.EvidenceAge)
	var stale []string
	check := func(what string, at time.Time) {
		if at.Before(oldest) {
			stale = append(stale, fmt.Sprintf("%s of %s", what, at.UTC().Format(time.RFC3339)))
		}
	}
	if l.s.Baseline != nil {
		check("baseline", l.s.Baseline.At)
	}
	switch {
	case l.f.Inventory.Known():
		check("facts of the machines", completed(l.f.Inventory.Value))
	case l.s.Assessed != nil:
		check("facts of the machines", l.s.Assessed.Oldest)
	}
	stale = append(stale, l.staleProofs()...)
	stale = append(stale, l.staleTrials()...)
	check("smoke test", l.s.Smoke[smokeKey(migration.Production, migration.ViaPortForward)].At)
	if len(stale) > 0 {
		return hint(fails(migration.CodeStale, "older than %s: %s", l.s.Policy.EvidenceAge, strings.Join(stale, ", ")), "it is taken again")
	}
	return passes(migration.CodeStale, "all evidence is younger than %s", l.s.Policy.EvidenceAge)
}

// window demands that now is in a declared window. None declared is any time.
func window(l look) migration.Reason {
	ws := l.s.Spec.Windows
	if len(ws) == 0 {
		return passes(migration.CodeWindow, "no window is declared: any time will do")
	}
	var next time.Time
	for _, w := range ws {
		if !l.now.Before(w.From) && l.now.Before(w.To) {
			return passes(migration.CodeWindow, "the window is open until %s", w.To.Format(time.RFC3339))
		}
		if l.now.Before(w.From) && (next.IsZero() || w.From.Before(next)) {
			next = w.From
		}
	}
	if next.IsZero() {
		return hint(fails(migration.CodeWindow, "the last window closed %s", ws[len(ws)-1].To.Format(time.RFC3339)), "declare a new one in windows")
	}
	return waits(fails(migration.CodeWindow, "the window opens %s", next.Format(time.RFC3339)), next)
}

// night demands that the window leaves time for the watch and a rollback.
func night(l look) migration.Reason {
	need := l.s.Policy.Watch + l.s.Policy.RollbackBudget
	for _, w := range l.s.Spec.Windows {
		if l.now.Before(w.From) || !l.now.Before(w.To) {
			continue
		}
		latest := w.To.Add(-need)
		if l.now.After(latest) {
			return hint(fails(migration.CodeNight, "too late in this window: the latest start was %s", latest.Format(time.RFC3339)),
				"a start needs %s before the window's end, for the watch and a rollback; wait for the next window or widen this one", need)
		}
		return passes(migration.CodeNight, "the latest start in this window is %s", latest.Format(time.RFC3339))
	}
	return passes(migration.CodeNight, "no window limits the start")
}

// thawed demands that no freeze of the organisation holds, and that none begins
// before a watch that starts now, and a rollback after it, are over.
func thawed(l look) migration.Reason {
	need := l.s.Policy.Watch + l.s.Policy.RollbackBudget
	held := passes(migration.CodeFreeze, "no freeze holds")
	for _, f := range l.s.Policy.Freezes {
		if slices.Contains(f.Except, l.s.Spec.Name) || !l.now.Before(f.To) || !f.From.Before(l.now.Add(need)) {
			continue
		}
		if !held.Verdict.OK() && !held.Until.Before(f.To) {
			continue
		}
		text := fmt.Sprintf("the freeze %s holds until %s", f.Name, f.To.Format(time.RFC3339))
		if l.now.Before(f.From) {
			text = fmt.Sprintf("the freeze %s begins %s, before the watch and a rollback are over, and holds until %s", f.Name, f.From.Format(time.RFC3339), f.To.Format(time.RFC3339))
		}
		held = waits(hint(fails(migration.CodeFreeze, "%s", text), "the policy's freezes except migrations by name"), f.To)
	}
	return held
}

// approved demands that enough of the named people have said yes to this
// attempt of this very file.
func approved(l look) migration.Reason {
	rule := l.s.Spec.Approvals
	if rule.Required == 0 {
		return passes(migration.CodeApproval, "no approval is required")
	}
	digest := l.s.Spec.Digest()
	var yes, no []string
	for _, a := range l.s.Approvals {
		switch {
		case a.Attempt != l.s.Attempt || slices.Contains(yes, a.By):
		case len(rule.From) > 0 && !slices.Contains(rule.From, a.By):
			no = append(no, a.By+" is not among those who may approve")
		case a.Digest != digest:
			no = append(no, fmt.Sprintf("%s approved an earlier version of the file", a.By))
		case !l.now.Before(a.Until):
			no = append(no, fmt.Sprintf("%s's approval ended %s", a.By, a.Until.UTC().Format(time.RFC3339)))
		case a.By == l.s.DeclaredBy && !l.s.Policy.SelfApproval:
			no = append(no, a.By+" runs the migration and may not approve it")
		default:
			yes = append(yes, a.By)
		}
	}
	if len(yes) < rule.Required {
		text := fmt.Sprintf("%d of %d approvals", len(yes), rule.Required)
		if len(no) > 0 {
			text += "; " + strings.Join(no, "; ")
		}
		return hint(asks(fails(migration.CodeApproval, "%s", text)), "rehome approve %s --as NAME", l.s.Key)
	}
	return passes(migration.CodeApproval, "approved by %s", strings.Join(yes, ", "))
}

// splitWrites demands that both sides write to the same stores: only then may
// a rollback be automatic, because it loses nothing.
func splitWrites(l look) migration.Reason {
	if l.s.Spec.Data.Shared {
		return passes(migration.CodeSplitWrites, "both sides use the same data stores: automatic rollback is armed")
	}
	return hint(migration.Reason{Code: migration.CodeSplitWrites, Verdict: migration.Unknown, Text: "the data stores are not declared shared: a rollback may lose writes, and is asked for, never automatic"},
		"declare data.shared, or waive it and keep a person awake")
}

// replayFenced says that a delayed packet of a change cannot be repeated.
func replayFenced(l look) migration.Reason {
	return l.perZone(migration.CodeReplay, func(z zone, v zoneView) migration.Reason {
		for _, name := range namesOf(z) {
			if len(migration.FindSet(v.newest().Sets, generationName(name), "TXT").Data) > 0 {
				return passes(migration.CodeReplay, "every change replaces the generation record of its names")
			}
		}
		if l.s.TTLLow != nil && l.s.TTLLow.Highest <= l.s.Policy.TTL {
			return passes(migration.CodeReplay, "no change has been made yet; the first one writes a generation record")
		}
		return fails(migration.CodeReplay, "zone %s has no generation record of the change that lowered the TTL", z.key())
	})
}
