package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/internal/runbook"
)

// standing is where a migration stands, as far as the journal knows.
type standing struct {
	Migration string               `json:"migration"`
	Attempt   int                  `json:"attempt"`
	Mode      migration.Mode       `json:"mode"`
	Step      migration.Step       `json:"step"`
	Title     string               `json:"title"`
	Since     time.Time            `json:"since"`
	File      string               `json:"file"`
	By        string               `json:"declaredBy"`
	Policy    string               `json:"policy"`
	Shortened []string             `json:"shortened,omitempty"`
	Pending   []change             `json:"pending,omitempty"`
	Assessed  *runbook.Assessed    `json:"assessed,omitempty"`
	Measured  []readiness.Recorded `json:"measured,omitempty"`
	Drills    []runbook.Drilled    `json:"drills,omitempty"`
	LeftOut   []leftOut            `json:"leftOut,omitempty"` // drills that the file leaves out
	TTLLow    time.Time            `json:"ttlLowSince,omitzero"`
	LeadUntil time.Time            `json:"leadUntil,omitzero"`
	Switched  time.Time            `json:"switched,omitzero"`
	Verdict   string               `json:"verdict,omitempty"`
	HoldUntil time.Time            `json:"holdUntil,omitzero"`
	Incident  string               `json:"incident,omitempty"`
	Waivers   []migration.Waiver   `json:"waivers,omitempty"`
	Approvals []migration.Approval `json:"approvals,omitempty"`
	Left      []migration.Left     `json:"left,omitempty"`
	Records   uint64               `json:"records"`
	Last      time.Time            `json:"lastRecord"`
}

func standingOf(s runbook.State, recs []migration.Record, now time.Time) standing {
	v := standing{
		Migration: s.Key, Attempt: s.Attempt, Mode: s.Mode, Step: s.Step, Title: runbook.Title(s.Step), Since: s.Since,
		File: s.File, By: s.DeclaredBy, Policy: s.Policy.Name, Shortened: s.Policy.Shortened(),
		Drills: runbook.DrillResults(s), LeftOut: leftOutOf(s.Spec),
		Assessed: s.Assessed, Measured: s.Measured, Waivers: holding(s, now), Approvals: s.Approvals, Left: s.Left, Records: s.Head.Seq, Last: recs[len(recs)-1].At,
	}
	for _, i := range s.Pending {
		v.Pending = append(v.Pending, changeOf(i.Step, i.Action))
	}
	if s.TTLLow != nil {
		v.TTLLow = s.TTLLow.Since
		if s.Mode == migration.ModeForward && !migration.StepLead.Before(s.Step) {
			v.LeadUntil = s.TTLLow.Since.Add(max(s.Policy.Lead, time.Duration(s.TTLLow.Highest)*time.Second))
		}
	}
	if s.Switched != nil {
		v.Switched = s.Switched.At
	}
	if s.Live.Judging {
		v.Verdict = fmt.Sprint(s.Live.Judge.Verdict.Kind)
	}
	if s.Hold != nil && s.Mode == migration.ModeForward {
		v.HoldUntil = s.Hold.Since.Add(s.Policy.Hold)
	}
	if inc, open := s.OpenIncident(); open {
		v.Incident = inc.ID
	}
	return v
}

func (p *Program) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status NAME",
		Short: "Show where a migration stands",
		Long:  "Shows where a migration stands, from the journal alone: it reaches nothing. What blocks now\nis shown by rehome plan FILE.",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return p.status(cmd.Context(), args[0]) },
	}
}

func (p *Program) status(ctx context.Context, name string) error {
	s, recs, err := p.past(ctx, name)
	if err != nil {
		return err
	}
	v := standingOf(s, recs, p.now())
	return p.emit(v, func(w io.Writer) { p.statusText(w, v) })
}

func (p *Program) statusText(w io.Writer, v standing) {
	now := p.now()
	pos := migration.Position{Attempt: v.Attempt, Mode: v.Mode, Step: v.Step}
	fmt.Fprintf(w, "%s  %s\n", p.paint(styleHead, v.Migration), where(pos))
	p.waivers(w, v.Waivers)
	p.leftOut(w, v.LeftOut)
	if len(v.Shortened) > 0 {
		fmt.Fprintf(w, "%s\n", p.paint(styleWarn, fmt.Sprintf("policy %s is shorter than the runbook: %s", v.Policy, joined(v.Shortened))))
	}
	row := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", what, fmt.Sprintf(format, args...))
	}
	if !over(v.Mode) {
		row("step", "%s, since %s (%s)", v.Title, p.stamp(v.Since), span(now.Sub(v.Since)))
	}
	row("file", "%s, declared by %s", v.File, v.By)
	if a := v.Assessed; a != nil {
		row("assessed", "%s, %s", p.stamp(a.At), assessedText(*a))
		for _, f := range a.Findings {
			if f.Verdict != migration.Pass && f.Verdict != migration.Waived {
				row("", "%s %s: %s", p.verdictMark(f.Verdict), f.Code, f.Observed)
			}
		}
	}
	for _, r := range v.Measured {
		row("measured", "%s of %s at %s, recorded by %s: %s", r.Kind(), r.Host, p.stamp(r.Made), r.By, r.Shows())
	}
	for _, d := range v.Drills {
		row("drill", "%s %s of %s, %s: %s", p.verdictMark(d.Verdict), d.Drill, d.Workload, p.stamp(d.Began), d.Text)
	}
	if !v.LeadUntil.IsZero() {
		row("lead", "until %s, %s", p.stamp(v.LeadUntil), ahead(v.LeadUntil, now))
	}
	if !v.Switched.IsZero() {
		row("switched", "%s", p.stamp(v.Switched))
	}
	if v.Verdict != "" {
		row("judgement", "%s", v.Verdict)
	}
	if !v.HoldUntil.IsZero() {
		row("hold", "until %s, %s", p.stamp(v.HoldUntil), ahead(v.HoldUntil, now))
	}
	for _, c := range v.Pending {
		row("pending", "%s", c.What)
	}
	for _, a := range v.Approvals {
		row("approval", "attempt %d by %s until %s", a.Attempt, a.By, p.stamp(a.Until))
	}
	for _, l := range v.Left {
		row("left", "%s: %s", l.What, l.Why)
	}
	if v.Incident != "" {
		row("incident", "%s, without root cause analysis", v.Incident)
	}
	row("journal", "%d records, the last %s", v.Records, p.stamp(v.Last))
}

// ahead is how far away a time is.
func ahead(t, now time.Time) string {
	if !t.After(now) {
		return "which is over"
	}
	return "in " + span(t.Sub(now))
}

func (p *Program) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the migrations of this state directory",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return p.list(cmd.Context()) },
	}
}

func (p *Program) list(ctx context.Context) error {
	j, err := p.reader(ctx)
	if err != nil {
		return err
	}
	defer j.Close()
	keys, damage := j.List(ctx)
	all := []standing{}
	for _, k := range keys {
		recs, err := j.Read(ctx, k, 0)
		s, ferr := runbook.Fold(recs)
		if err = errors.Join(err, ferr); err != nil {
			damage = errors.Join(damage, err)
		}
		if len(recs) > 0 {
			all = append(all, standingOf(s, recs, p.now()))
		}
	}
	err = p.emit(all, func(w io.Writer) {
		if len(all) == 0 && damage == nil {
			p.say("no migration yet; it begins with: rehome init NAME")
		}
		for _, v := range all {
			pos := migration.Position{Attempt: v.Attempt, Mode: v.Mode, Step: v.Step}
			fmt.Fprintf(w, "%-24s %-36s since %s\n", v.Migration, where(pos), p.stamp(v.Since))
		}
	})
	return errors.Join(damage, err)
}

func (p *Program) logCommand() *cobra.Command {
	var verify bool
	c := &cobra.Command{
		Use:   "log NAME",
		Short: "Show every record of a migration's journal",
		Long: `Shows the journal of a migration, record by record. The chain of hashes is verified each
time; --verify says so at the end. Of a damaged journal the intact records are shown, the
first bad one is named, and the exit code is 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.log(cmd.Context(), args[0], verify) },
	}
	c.Flags().BoolVar(&verify, "verify", false, "verify the chain from the file and say how many records are intact")
	return c
}

func (p *Program) log(ctx context.Context, name string, verify bool) error {
	j, err := p.reader(ctx)
	if err != nil {
		return err
	}
	defer j.Close()
	recs, damage := records(ctx, j, name)
	if damage != nil && len(recs) == 0 {
		return damage
	}
	err = p.emit(recs, func(w io.Writer) {
		for _, r := range recs {
			p.logLine(w, r)
		}
	})
	if err != nil {
		return err
	}
	if damage != nil {
		return failed("%w", damage).with("the %d records before it are intact; put the journal back from a copy, and observe before you go on", len(recs))
	}
	if !verify {
		return nil
	}
	n, err := j.Verify(ctx, name)
	if err != nil {
		return err
	}
	p.say("%d records, every one intact and chained; the last has the digest %s", n, recs[len(recs)-1].Digest)
	return nil
}

func (p *Program) logLine(w io.Writer, r migration.Record) {
	fmt.Fprintf(w, "%4d  %s  %-10s %-9s %s\n", r.Seq, p.stamp(r.At), r.Actor, r.Kind, p.summary(r))
	for _, l := range failing(r.Reasons) {
		fmt.Fprintf(w, "      %s %s: %s\n", l.Verdict, l.Code, l.Text)
	}
	if r.Kind != migration.KindIntent {
		return
	}
	var i migration.Intent
	if json.Unmarshal(r.Body, &i) == nil {
		p.diff(w, "      ", actionDiff(i.Action))
	}
}
