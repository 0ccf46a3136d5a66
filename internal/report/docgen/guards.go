package main

import (
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/report"
	"rehome.dev/rehome/internal/runbook"
)

// moments are decisions beside the table that judge something, by the function
// that makes them.
var moments = []struct {
	function, when string
	alone          bool // without the functions that it calls
}{
	{"Next", "at every decision", true},
	{"turnBack", "at every look from the switch to the retirement", false},
	{"settle", "after every change, by looking again", false},
	{"ended", "before another attempt", false},
	{"holdBroken", "at every look in the hold", false},
}

// guards lists every code with where it is judged.
func guards(src source) string {
	var b strings.Builder
	b.WriteString("# Guards\n\n" + generated)
	b.WriteString(`Each guard has a stable code. It is what plans, reports and waivers name.
A guard that does not pass holds back a forward step; nothing ever holds back a rollback.
What this version cannot judge is unknown, blocks its step, and has to be waived by name, with a reason and an end.

| Code | Guards that | Judged at | Waivable |
|---|---|---|---|
`)
	for _, c := range migration.Codes() {
		waivable := "yes"
		if !c.Waivable() {
			waivable = "no"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c, report.Guards(c), src.judged(c), waivable)
	}
	return b.String()
}

// judged says where a code is judged, in a table's cell.
func (s source) judged(c migration.Code) string {
	var where []string
	var steps []string
	for _, r := range runbook.Rows() {
		f := s.rows[r.Step]
		for _, part := range []string{"before", "after", "again"} {
			if m := s.reach(f[part]); slices.Contains(m.codes, c) && !slices.Contains(steps, "`"+string(r.Step)+"`") {
				steps = append(steps, "`"+string(r.Step)+"`")
			}
		}
		if name := "`" + string(r.Step) + "`"; slices.Contains(runbook.Surveyed(r.Step), c) && !slices.Contains(steps, name) {
			steps = append(steps, name)
		}
	}
	if len(steps) > 0 {
		where = append(where, strings.Join(steps, ", "))
	}
	for _, m := range moments {
		f := s.funcs[m.function]
		if !m.alone {
			f = s.reach(f)
		}
		if slices.Contains(f.codes, c) {
			where = append(where, m.when)
		}
	}
	if step, ok := unjudgedAt(c); ok {
		where = append([]string{fmt.Sprintf("`%s`: waived by name, no check yet", step)}, where...)
	}
	if len(where) == 0 {
		return "no step: it holds by the way the program is built"
	}
	return strings.Join(where, "; ")
}

// unjudgedAt is the step that a code which no check can judge holds back.
func unjudgedAt(c migration.Code) (migration.Step, bool) {
	for _, step := range migration.Forward {
		if slices.Contains(runbook.UnjudgedAt(step), c) {
			return step, true
		}
	}
	return "", false
}
