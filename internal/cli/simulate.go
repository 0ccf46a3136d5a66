package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim"
)

// simulated is a simulated procedure: what was decided and done, in virtual
// time, and what the clients saw.
type simulated struct {
	Seed       uint64         `json:"seed"`
	Began      time.Time      `json:"began"`
	Ended      time.Time      `json:"ended"`
	Mode       migration.Mode `json:"mode"`
	Attempt    int            `json:"attempt"`
	Clients    sim.Count      `json:"clients"`
	Lines      []spoken       `json:"transcript"`
	ReportFile string         `json:"report,omitempty"`
}

// spoken is one line of the transcript.
type spoken struct {
	At   time.Time      `json:"at"`
	Mode migration.Mode `json:"mode"`
	Step migration.Step `json:"step"`
	Text string         `json:"text"`
}

type simulateFlags struct {
	report  string
	seed    uint64
	verbose bool
}

func (p *Program) simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Play the whole procedure in virtual time, a failure and its rollback included",
		Long: `Plays the whole procedure of an example in virtual time, without any server: a first
attempt with a bad release that is rolled back, a second one that is refused until the
root cause analysis is attached, and one with a good release, to the retirement. The
decisions are those of rehome run; only what is outside of it is played.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.simulate(cmd.Context(), f) },
	}
	c.Flags().StringVar(&f.report, "report", "", "write the report of it: FILE.html, FILE.md or FILE.json")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "which of the possible worlds")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "every record of the journal, and every decision")
	return c
}

// simulationStart is a Monday morning, so that the same seed gives the same
// transcript on every day.
var simulationStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func (p *Program) simulate(ctx context.Context, f simulateFlags) error {
	form := ""
	if f.report != "" {
		var err error
		if form, err = formOf(f.report); err != nil {
			return err
		}
	}
	t := &transcript{p: p, verbose: f.verbose, live: p.flags.output == "text"}
	s, err := sim.Play(ctx, simulationStart, f.seed, t.event)
	if err != nil {
		return fmt.Errorf("the simulation with seed %d: %w", f.seed, err)
	}
	state, err := s.Engine.State(ctx)
	if err != nil {
		return err
	}
	v := simulated{
		Seed: f.seed, Began: simulationStart, Ended: s.World.Clock.Now(), Mode: state.Mode, Attempt: state.Attempt,
		Clients: s.World.Count(), Lines: t.lines, ReportFile: f.report,
	}
	if f.report != "" {
		recs, err := s.World.Journal.Read(ctx, state.Key, 0)
		if err != nil {
			return err
		}
		if err := writeReport(f.report, form, recs, s.World.Clock.Now()); err != nil {
			return err
		}
	}
	return p.emit(v, func(w io.Writer) { p.clientsText(w, v) })
}

func (p *Program) clientsText(w io.Writer, v simulated) {
	c := v.Clients
	fmt.Fprintf(w, "\n%s after %s of virtual time, at attempt %d\n", v.Mode, span(v.Ended.Sub(v.Began)), v.Attempt)
	fmt.Fprintf(w, "clients sent %d requests: %d answered by the old side, %d by the new one, %d with an error, %d by nobody\n",
		c.Sent, c.By[migration.OldSide], c.By[migration.NewSide], c.Errors, c.Lost)
	if v.ReportFile != "" {
		fmt.Fprintf(w, "report: %s\n", v.ReportFile)
	}
}

// transcript writes what happens, with its virtual time.
type transcript struct {
	p       *Program
	verbose bool
	live    bool // to standard output, while it happens
	lines   []spoken
	waiting string
	waived  int
	pos     migration.Position
}

func (t *transcript) event(e engine.Event) {
	switch {
	case e.Err != nil:
		t.say(e, "trouble: "+e.Err.Error())
	case e.Record != nil:
		t.record(e, *e.Record)
	case e.Decision != nil:
		t.decision(e)
	}
}

func (t *transcript) say(e engine.Event, text string) {
	pos := e.State.Position
	t.lines = append(t.lines, spoken{e.At, pos.Mode, pos.Step, text})
	if t.live {
		fmt.Fprintf(t.p.Stdout, "%s  %-12s %s\n", e.At.UTC().Format("2006-01-02 15:04:05 MST"), pos.Step, text)
	}
}

// record tells a record. Waivers of the same breath are counted, not listed.
func (t *transcript) record(e engine.Event, r migration.Record) {
	if r.Kind == migration.KindWaived && !t.verbose {
		t.waived++
		return
	}
	t.flush(e)
	switch r.Kind {
	case migration.KindOutcome:
		if s := body[migration.Settled](r); s.Outcome == migration.OutcomeDone && s.Result.Smoke == nil && !t.verbose {
			return
		}
	case migration.KindEvidence:
		if ev := body[migration.Evidence](r); ev.Kind == migration.EvidenceJudge && !t.verbose {
			return
		}
	}
	text := t.p.summary(r)
	if r.Actor != migration.Actor {
		text = r.Actor + ": " + text
	}
	t.say(e, text)
	for _, b := range failing(r.Reasons) {
		t.say(e, fmt.Sprintf("  %s: %s", b.Code, b.Text))
	}
	if r.Kind == migration.KindIntent {
		for _, l := range actionDiff(body[migration.Intent](r).Action) {
			t.say(e, "  "+l)
		}
	}
}

func (t *transcript) flush(e engine.Event) {
	if t.waived > 0 {
		t.say(e, fmt.Sprintf("%s: waives %d codes by name that no check of this version can judge", sim.Operator, t.waived))
		t.waived = 0
	}
}

// decision tells what is waited for when that changes, and what blocks.
func (t *transcript) decision(e engine.Event) {
	t.flush(e)
	key := runbook.DecisionName(e.Decision)
	bad := failing(e.Decision.Why())
	for _, r := range bad {
		key += " " + string(r.Code)
	}
	if e.State.Position == t.pos && key == t.waiting {
		return
	}
	t.pos, t.waiting = e.State.Position, key
	_, waits := waitsUntil(e.Decision)
	_, blocks := e.Decision.(runbook.Block)
	if !waits && !blocks && !t.verbose {
		return
	}
	for _, r := range bad {
		t.say(e, fmt.Sprintf("%s on %s: %s", runbook.DecisionName(e.Decision), r.Code, r.Text))
	}
}
