package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// actionText is what an action does, for people.
func actionText(a migration.Action) string {
	switch a := a.(type) {
	case migration.SwapRecords:
		return fmt.Sprintf("change records of zone %s (%s)", migration.ZoneKey(a.Zone, a.View), a.Purpose)
	case migration.Apply:
		return fmt.Sprintf("apply %s %s to %s", a.Part, a.Workload, a.Env)
	case migration.Remove:
		return fmt.Sprintf("remove %s %s from %s", a.Part, a.Workload, a.Env)
	case migration.Scale:
		return fmt.Sprintf("scale %s in %s to %d", a.Workload, a.Env, a.Replicas)
	case migration.RunSmoke:
		return fmt.Sprintf("run the smoke suite against %s through %s", a.Env, a.Via)
	case migration.SaveLogs:
		return fmt.Sprintf("save the logs of %s in %s", a.Workload, a.Env)
	case migration.TurnReturnPath:
		return fmt.Sprintf("turn the balancer of %s in %s to the %s side", a.Workload, a.Env, a.To)
	case migration.TryReturnPath:
		return fmt.Sprintf("send load to %s in %s by the return path", a.Workload, a.Env)
	case migration.RunDrill:
		return fmt.Sprintf("make the drill %s of %s in %s", a.Drill, a.Workload, a.Env)
	}
	return migration.ActionName(a)
}

// actionDiff are the records that an action changes, as lines of a diff.
func actionDiff(a migration.Action) []string {
	if swap, ok := a.(migration.SwapRecords); ok {
		return migration.DiffSets(swap.Before, swap.After)
	}
	return nil
}

// body reads a record's body. The journal has been folded, so it can be read.
func body[T any](r migration.Record) T {
	var v T
	_ = json.Unmarshal(r.Body, &v)
	return v
}

// summary is a record in a few words.
func (p *Program) summary(r migration.Record) string {
	switch r.Kind {
	case migration.KindDeclared:
		d := body[migration.Declared](r)
		if r.Position.Attempt > 0 {
			return fmt.Sprintf("%s edited: %s", d.File, orNone(d.Change))
		}
		return "declared in " + d.File
	case migration.KindMoved:
		m := body[migration.Moved](r)
		return movedText(m)
	case migration.KindIntent:
		return actionText(body[migration.Intent](r).Action)
	case migration.KindOutcome:
		return settledText(body[migration.Settled](r))
	case migration.KindEvidence:
		return p.evidenceText(body[migration.Evidence](r))
	}
	return p.saidText(r)
}

func movedText(m migration.Moved) string {
	switch {
	case m.To.Attempt > m.From.Attempt:
		return fmt.Sprintf("attempt %d begins at %s", m.To.Attempt, m.To.Step)
	case m.To.Mode != m.From.Mode && (m.To.Mode == migration.ModeRollback || m.To.Mode == migration.ModeAborting):
		return fmt.Sprintf("%s left, %s begins at %s", m.From.Step, m.To.Mode, m.To.Step)
	case m.To.Mode != m.From.Mode:
		return fmt.Sprintf("%s done, %s", m.From.Step, m.To.Mode)
	case m.From.Step.Index() > m.To.Step.Index() && m.To.Step.Index() > 0:
		return fmt.Sprintf("%s goes back to %s", m.From.Step, m.To.Step)
	}
	return fmt.Sprintf("%s done, next %s", m.From.Step, m.To.Step)
}

func settledText(s migration.Settled) string {
	out := s.Intent + " " + s.Outcome.String()
	if smoke := s.Result.Smoke; smoke != nil {
		out += fmt.Sprintf(", %d of %d smoke tests passed", smoke.Ran-smoke.Failed, smoke.Ran)
	}
	if d := s.Result.Drill; d != nil {
		out += fmt.Sprintf(", drill %s of %s: %s: %s", d.Drill, d.Workload, d.Verdict, d.Text)
	}
	if t := s.Result.Trial; t != nil {
		out += ", " + t.Text()
	}
	if s.Result.Detail != "" {
		out += ": " + s.Result.Detail
	}
	if len(s.Result.Files) > 0 {
		out += ": " + strings.Join(s.Result.Files, ", ")
	}
	return out
}

func (p *Program) evidenceText(e migration.Evidence) string {
	switch e.Kind {
	case migration.EvidenceHold:
		var h migration.Hold
		if json.Unmarshal(e.Body, &h) == nil && h.Breach != "" {
			return "the hold starts again: " + h.Breach
		}
		return "the hold begins"
	case migration.EvidenceAssess:
		var a runbook.Assessed
		if json.Unmarshal(e.Body, &a) == nil {
			return "assessed: " + assessedText(a)
		}
	case migration.EvidenceLeft:
		var l migration.Left
		if json.Unmarshal(e.Body, &l) == nil {
			return fmt.Sprintf("left: %s: %s", l.What, l.Why)
		}
	}
	return string(e.Kind)
}

// assessedText is a judgement of the machines in one line.
func assessedText(a runbook.Assessed) string {
	count := map[string]int{}
	for _, f := range a.Findings {
		switch {
		case f.Verdict == migration.Pass:
			count["pass"]++
		case f.Verdict == migration.Waived:
			count["waived"]++
		case f.Fix != nil:
			count["owed to a drill"]++
		case f.Blocks:
			count["block"]++
		default:
			count["advice"]++
		}
	}
	var parts []string
	for _, what := range []string{"pass", "waived", "owed to a drill", "advice", "block"} {
		if n := count[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	var seen []string
	for _, m := range a.Machines {
		seen = append(seen, strings.TrimSuffix(m.Target+", "+m.Seen, ", "))
	}
	return strings.Join(parts, ", ") + "; from " + strings.Join(seen, "; ")
}

// saidText is what a person said.
func (p *Program) saidText(r migration.Record) string {
	switch r.Kind {
	case migration.KindWaived:
		w := body[migration.Waiver](r)
		return fmt.Sprintf("waives %s until %s: %s", w.Code, p.stamp(w.Until), w.Reason)
	case migration.KindApproved:
		a := body[migration.Approval](r)
		return fmt.Sprintf("approves attempt %d until %s", a.Attempt, p.stamp(a.Until))
	case migration.KindIncident:
		i := body[migration.Incident](r)
		return fmt.Sprintf("incident %s: %s", i.ID, i.Summary)
	case migration.KindRCA:
		a := body[migration.RCA](r)
		return fmt.Sprintf("root cause of %s: %s", a.Incident, a.Summary)
	case migration.KindOver:
		o := body[migration.Over](r)
		return "lets go: " + o.Set.String()
	case migration.KindMeasured:
		return "puts on record " + body[runbook.Measured](r).Text()
	case migration.KindAgain:
		return "wants drills made again: " + body[migration.Said](r).Text
	}
	text := body[migration.Said](r).Text
	if text == "" {
		return string(r.Kind)
	}
	return string(r.Kind) + ": " + text
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "nothing that sends a step back"
	}
	return joined(list)
}

func joined(list []string) string { return strings.Join(list, ", ") }
