package readiness

import (
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// turn is when a piece of work is best done: what could end the plan comes first,
// then what everything else waits for.
type turn int

// The turns, in order.
const (
	turnLook    turn = iota // see what nobody saw: it may change the rest
	turnFirst               // may make the move not worth it
	turnState               // data and state decide about the kind of workload
	turnCode                // changes of the application
	turnNetwork             // what others must open or publish
	turnPackage             // image and manifests
	turnProve               // staging proves what was mended
)

var efforts = []Effort{EffortConfigure, EffortPackage, EffortChange, EffortRedesign}

// fit puts what does not pass into the order in which it is best done, and says
// the highest class of effort among it. What advises is work too; what is waived
// is none, and what only staging can show is proved there.
func fit(findings []Finding) ([]Work, Effort) {
	of := map[migration.Code]rule{}
	for _, r := range rules() {
		of[r.code] = r
	}
	type task struct {
		turn turn
		Work
	}
	var tasks []task
	add := func(t turn, code migration.Code, what string, e Effort) {
		i := slices.IndexFunc(tasks, func(k task) bool { return k.turn == t && k.What == what })
		if i < 0 {
			tasks = append(tasks, task{t, Work{What: what, Effort: e}})
			i = len(tasks) - 1
		}
		tasks[i].Codes = append(tasks[i].Codes, code)
		if slices.Index(efforts, e) > slices.Index(efforts, tasks[i].Effort) {
			tasks[i].Effort = e
		}
	}
	for _, f := range findings {
		r := of[f.Code]
		switch {
		case f.Verdict.OK():
		case f.Fix != nil:
			add(turnProve, f.Code, fmt.Sprintf("prove in staging by the drill %s", f.Fix.Drill), EffortConfigure)
		case f.Verdict == migration.Fail:
			add(r.turn, f.Code, f.Remedy, r.effort)
		case r.weight == Blocks && !f.Blocks:
			add(turnProve, f.Code, f.Remedy, EffortConfigure)
		default:
			add(turnLook, f.Code, f.Remedy, EffortConfigure)
		}
	}
	slices.SortStableFunc(tasks, func(a, b task) int { return int(a.turn) - int(b.turn) })
	highest := EffortConfigure
	var out []Work
	for _, t := range tasks {
		if t.What == "" {
			t.What = "see to " + strings.ToLower(of[t.Codes[0]].title)
		}
		out = append(out, t.Work)
		if slices.Index(efforts, t.Effort) > slices.Index(efforts, highest) {
			highest = t.Effort
		}
	}
	return out, highest
}
