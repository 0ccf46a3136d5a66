package runbook

import (
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Outlook is one step as a plan shows it.
type Outlook struct {
	Step    migration.Step     `json:"step"`
	Title   string             `json:"title"`
	Status  string             `json:"status"` // done, here or ahead
	Reasons []migration.Reason `json:"reasons,omitempty"`
	Actions []migration.Action `json:"actions,omitempty"`
}

// PreviewNeeds is everything that a plan of the whole procedure looks at: what
// is seen at once, and therefore neither the machines nor what staging reaches.
func PreviewNeeds(s State) []Query {
	seen := map[string]bool{}
	var out []Query
	for _, r := range table() {
		for _, n := range r.needs {
			for _, q := range n(s) {
				if id := string(q.Kind) + "/" + q.Key(); !seen[id] && q.Kind != QueryInventory && q.Kind != QueryIsolation {
					seen[id] = true
					out = append(out, q)
				}
			}
		}
	}
	return out
}

// Preview evaluates every step as if it were its turn now. A step ahead may not
// be judged yet: what it rests on comes later.
func Preview(s State, f Facts, now time.Time) []Outlook {
	var out []Outlook
	for _, r := range forwardTable() {
		o := Outlook{Step: r.step, Title: r.title, Status: status(s, r.step)}
		if o.Status != "done" {
			at := s
			at.Step = r.step
			l := look{s: at, f: f, now: now, foreseen: true}
			o.Reasons = append(l.evaluate(r.before), l.survey(r.surveys)...)
			if r.plan != nil {
				todo, why := r.plan(l)
				o.Actions = todo
				o.Reasons = append(o.Reasons, why...)
			}
			if len(r.proofs) > 0 {
				o.Reasons = distinct(append(o.Reasons, l.survey(r.proofs)...))
			}
		}
		out = append(out, o)
	}
	return out
}

func status(s State, step migration.Step) string {
	switch {
	case s.Mode == migration.ModeRetired, s.Mode == migration.ModeForward && step.Before(s.Step):
		return "done"
	case s.Mode == migration.ModeForward && step == s.Step:
		return "here"
	}
	return "ahead"
}

// UndoPreview is what abort would do now.
func UndoPreview(s State, f Facts, now time.Time) []Outlook {
	var out []Outlook
	for _, r := range undoTable() {
		at := s
		at.Mode, at.Step = migration.ModeAborting, r.step
		todo, why := r.plan(look{s: at, f: f, now: now, foreseen: true})
		out = append(out, Outlook{Step: r.step, Title: r.title, Status: "ahead", Reasons: why, Actions: todo})
	}
	return out
}

// Checksum binds a run to a reviewed plan: the declared spec and policy, and
// the objects that would be changed as they were seen.
func Checksum(s State, f Facts) string {
	type object struct {
		Name       string
		Generation int64
		Digest     string
	}
	var sets []migration.RRset
	for _, z := range zonesOf(s.allNames()) {
		for _, name := range namesOf(z) {
			sets = append(sets, setsOf(f.zone(z.key()).newest().Sets, name)...)
		}
	}
	var objects []object
	for _, env := range []migration.Env{migration.Staging, migration.Production} {
		for _, w := range f.Cluster[env].Value.Workloads {
			objects = append(objects, object{string(env) + "/" + w.Name, w.Generation, w.Digest})
		}
		for _, e := range f.Cluster[env].Value.Exposures {
			objects = append(objects, object{string(env) + "/" + e.Kind + "/" + e.Workload, e.Generation, e.Digest})
		}
	}
	return migration.DigestOf([]any{s.Spec, s.Policy, sets, objects})[:16]
}
