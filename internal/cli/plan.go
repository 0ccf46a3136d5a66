package cli

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// outlook is the whole procedure as plan shows it.
type outlook struct {
	Migration string             `json:"migration"`
	File      string             `json:"file"`
	Declared  bool               `json:"declared"` // the journal knows it
	At        time.Time          `json:"at"`
	Attempt   int                `json:"attempt"`
	Mode      migration.Mode     `json:"mode"`
	Step      migration.Step     `json:"step"`
	Edited    []string           `json:"edited,omitempty"`
	BackTo    migration.Step     `json:"backTo,omitempty"`
	Waivers   []migration.Waiver `json:"waivers,omitempty"`
	LeftOut   []leftOut          `json:"leftOut,omitempty"` // drills that the file leaves out
	Shortened []string           `json:"shortened,omitempty"`
	Policy    string             `json:"policy"`
	Incident  string             `json:"incident,omitempty"`
	Next      string             `json:"next"`
	Reasons   []migration.Reason `json:"reasons,omitempty"` // of the next decision
	Steps     []step             `json:"steps"`
	Undo      []step             `json:"undo,omitempty"`
	Trouble   string             `json:"trouble,omitempty"` // of the wiring
	Checksum  string             `json:"checksum"`
}

// step is one step of it. Pending are the reasons that do not pass by now.
type step struct {
	Step    migration.Step     `json:"step"`
	Title   string             `json:"title"`
	Status  string             `json:"status"`
	Pending []migration.Reason `json:"pending,omitempty"`
	Advice  []migration.Reason `json:"advice,omitempty"` // holds nothing up
	Changes []change           `json:"changes,omitempty"`
}

func (p *Program) planCommand() *cobra.Command {
	var policy string
	c := &cobra.Command{
		Use:   "plan FILE",
		Short: "Show the whole procedure: where it stands, what blocks, what it would change",
		Long: `Shows where the migration that FILE declares stands, what blocks it, what each step would
change, and what an abort would undo. It looks at everything that can be reached and
changes nothing, in the journal neither. Facts of the machines take their time and are
shown as the journal has them: rehome assess FILE takes them anew.

The checksum at its end binds a run to what was reviewed: rehome run FILE --plan CHECKSUM
refuses when the inputs or the objects to be changed are different by then.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.plan(cmd.Context(), args[0], policy) },
	}
	c.Flags().StringVar(&policy, "policy", "", "the policy's file (default the one that FILE names)")
	return c
}

func (p *Program) plan(ctx context.Context, file, policy string) error {
	loaded, err := config.Load(file, policy)
	if err != nil {
		return err
	}
	j, err := p.reader(ctx)
	if err != nil {
		return err
	}
	defer j.Close()
	in, err := p.takeIn(ctx, j, loaded)
	if err != nil {
		return err
	}
	done := p.slowly("looking at name servers, cluster, metrics and both sides")
	v, next, err := p.outlook(ctx, in)
	done()
	if err != nil {
		return err
	}
	if err := p.emit(v, func(w io.Writer) { p.planText(w, v) }); err != nil {
		return err
	}
	if _, no := next.(runbook.Block); no {
		return silent(CodeBlocked)
	}
	return nil
}

// outlook looks at everything and judges every step.
func (p *Program) outlook(ctx context.Context, in intake) (outlook, runbook.Decision, error) {
	e, fault := p.foresee(in)
	if e == nil {
		return outlook{}, nil, fault
	}
	s, err := e.State(ctx)
	if err != nil {
		return outlook{}, nil, err
	}
	facts := e.Observe(ctx, runbook.PreviewNeeds(s))
	now := p.now()
	s = runbook.Look(s, facts, now)
	next := runbook.Next(s, facts, now)
	v := outlook{
		Migration: s.Key, File: in.loaded.File, Declared: in.state.Head.Seq > 0, At: now,
		Attempt: s.Attempt, Mode: s.Mode, Step: s.Step, BackTo: in.back,
		Waivers: holding(s, now), LeftOut: leftOutOf(s.Spec), Shortened: s.Policy.Shortened(), Policy: s.Policy.Name,
		Next: runbook.DecisionName(next), Reasons: next.Why(),
		Steps: stepsOf(runbook.Preview(s, facts, now)), Checksum: runbook.Checksum(s, facts),
	}
	if in.declare && v.Declared {
		v.Edited = in.declared().Change
	}
	if inc, open := s.OpenIncident(); open {
		v.Incident = inc.ID
	}
	if fault != nil {
		v.Trouble = fault.Error()
	}
	if s.Mode == migration.ModeRolledBack || s.Mode == migration.ModeForward && !s.SwitchBegan() {
		v.Undo = stepsOf(runbook.UndoPreview(s, facts, now))
	}
	return v, next, nil
}

// holding are the waivers that cover something now.
func holding(s runbook.State, now time.Time) []migration.Waiver {
	var out []migration.Waiver
	for _, list := range [][]migration.Waiver{s.Policy.StandingWaivers, s.Waivers} {
		for _, w := range list {
			if w.Covers(w.Code, s.Attempt, now) {
				out = append(out, w)
			}
		}
	}
	return out
}

func stepsOf(list []runbook.Outlook) []step {
	out := make([]step, len(list))
	for i, o := range list {
		out[i] = step{Step: o.Step, Title: o.Title, Status: o.Status, Pending: failing(o.Reasons), Advice: advice(o.Reasons)}
		for _, a := range o.Actions {
			out[i].Changes = append(out[i].Changes, changeOf(o.Step, a))
		}
	}
	return out
}

// slowly says what is being done if it takes longer than a second. It must be
// ended before the result is written.
func (p *Program) slowly(what string) (done func()) {
	said := make(chan struct{})
	t := time.AfterFunc(time.Second, func() {
		defer close(said)
		p.say("%s …", what)
	})
	return func() {
		if !t.Stop() {
			<-said
		}
	}
}
