package report

import (
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// Drill is one experiment that was made in staging, as it ended. Record is where
// the journal says so.
type Drill struct {
	Attempt  int                    `json:"attempt"`
	Step     migration.Step         `json:"step"`
	Drill    migration.StagingDrill `json:"drill"`
	Workload string                 `json:"workload"`
	Code     migration.Code         `json:"code"` // the guard that it discharges
	Verdict  migration.Verdict      `json:"verdict"`
	Text     string                 `json:"text"`
	Evidence []string               `json:"evidence"`
	Remedy   string                 `json:"remedy,omitempty"`
	Began    time.Time              `json:"began"`
	Took     Span                   `json:"tookSeconds"`
	Digest   string                 `json:"digest"` // of the workload that it was made on
	Record   uint64                 `json:"record"`
}

// LeftOut is a drill that the file leaves out, with the reason.
type LeftOut struct {
	Drill  migration.StagingDrill `json:"drill"`
	Code   migration.Code         `json:"code"`
	Reason string                 `json:"reason"`
	By     string                 `json:"by"` // who declared the file
}

// drilled keeps what an experiment has shown.
func (t *teller) drilled(b migration.Settled, r migration.Record) {
	d := b.Result.Drill
	if d == nil {
		return
	}
	t.drills = append(t.drills, Drill{
		Attempt: r.Position.Attempt, Step: r.Position.Step, Drill: d.Drill, Workload: d.Workload, Code: runbook.DrillCode(d.Drill),
		Verdict: d.Verdict, Text: d.Text, Evidence: listed(d.Evidence), Remedy: d.Remedy, Began: d.Began, Took: Span(d.Took), Digest: d.Digest, Record: r.Seq,
	})
}

// leftOut are the drills that the file leaves out as it was declared last.
func (t *teller) leftOut() []LeftOut {
	var out []LeftOut
	for _, d := range migration.StagingDrills() {
		if why, skipped := t.state.Spec.Skipped(d); skipped {
			out = append(out, LeftOut{Drill: d, Code: runbook.DrillCode(d), Reason: why, By: t.state.DeclaredBy})
		}
	}
	return out
}

// Seen is what was shown, with its evidence.
func (d Drill) Seen() string { return strings.Join(d.Evidence, "; ") }

// Where is the step of the attempt in which a drill was made.
func (d Drill) Where() string { return fmt.Sprintf("attempt %d, %s", d.Attempt, d.Step) }

func (p *page) leftOut(r Report) {
	if len(r.LeftOut) == 0 {
		return
	}
	p.line("Drills that the file leaves out: nobody made these experiments.")
	for _, l := range r.LeftOut {
		p.item("`%s` (`%s`), declared by **%s**: %s", plain(string(l.Drill)), plain(string(l.Code)), plain(l.By), plain(l.Reason))
	}
	p.end()
}

func (p *page) drills(r Report) {
	p.line("## Drills in staging")
	if len(r.Drills) == 0 {
		p.line("None was made.")
		return
	}
	p.table("Drill", "Verdict", "What was done and seen", "Evidence", "Guards", "Made", "Took", "Remedy")
	for _, d := range r.Drills {
		p.row(plain(string(d.Drill)+" of "+d.Workload), verdict(d.Verdict), plain(d.Text), plain(d.Seen()), "`"+plain(string(d.Code))+"`",
			plain(d.Where())+", "+stamp(d.Began)+fmt.Sprintf(", record %d", d.Record), d.Took.String(), plain(d.Remedy))
	}
	p.end()
}
