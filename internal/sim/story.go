package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// Operator is the person of the stories, after the runbook's own cutover lead.
const Operator = "angua"

// Story is one migration as a person drives it through the world.
type Story struct {
	World  *World
	Engine *engine.Engine
	key    string
}

// Begin declares the migration and waives by name what is not judged yet.
func Begin(ctx context.Context, o Options, notify func(engine.Event)) (*Story, error) {
	w := New(o)
	// the old side has been serving for long enough to have a baseline
	w.Pass(o.Policy.BaselineFor)
	s := &Story{World: w, key: o.Spec.Name}
	s.Restart(notify)
	if err := s.Declare(ctx, o.Spec); err != nil {
		return nil, err
	}
	return s, s.say(ctx, func(st runbook.State) []engine.Saying {
		var out []engine.Saying
		for _, wv := range Waivers(st, Operator, w.Clock.Now().Add(60*24*time.Hour)) {
			out = append(out, engine.Saying{Kind: migration.KindWaived, Body: wv})
		}
		return out
	})
}

// Restart makes a new engine over the same world, as a new process would.
func (s *Story) Restart(notify func(engine.Event)) {
	s.Engine = engine.New(s.World.Ports(), s.key, "rehome@golem/1", notify)
}

// Declare gives the migration's file, or an edited one, to the journal.
func (s *Story) Declare(ctx context.Context, spec migration.Spec) error {
	s.World.opts.Spec = spec
	return s.say(ctx, func(st runbook.State) []engine.Saying {
		body := migration.Declared{Spec: spec, Policy: s.World.opts.Policy, File: s.key + ".yaml"}
		if st.Head.Seq > 0 {
			body.Change = runbook.Edited(st.Spec, spec)
		}
		return []engine.Saying{{Kind: migration.KindDeclared, Body: body}}
	})
}

// RCA attaches a root cause analysis to the open incident.
func (s *Story) RCA(ctx context.Context, text string) error {
	return s.say(ctx, func(st runbook.State) []engine.Saying {
		inc, open := st.OpenIncident()
		if !open {
			return nil
		}
		sum := sha256.Sum256([]byte(text))
		return []engine.Saying{{Kind: migration.KindRCA, Body: migration.RCA{
			Incident: inc.ID, By: Operator, At: s.World.Clock.Now(), SHA256: hex.EncodeToString(sum[:]), Bytes: len(text), Summary: text,
		}}}
	})
}

func (s *Story) say(ctx context.Context, what func(runbook.State) []engine.Saying) error {
	return s.Engine.Said(ctx, Operator, func(st runbook.State) ([]engine.Saying, error) { return what(st), nil })
}

// Play tells the whole procedure: a first attempt with a bad release that is
// rolled back, a second one that is refused, the root cause analysis, and the
// second attempt with a good release, to the retirement of the VM.
func Play(ctx context.Context, start time.Time, seed uint64, notify func(engine.Event)) (*Story, error) {
	s, err := Begin(ctx, ExampleOptions(BadImage, start, seed), notify)
	if err != nil {
		return nil, err
	}
	if err := s.until(ctx, migration.ModeRolledBack); err != nil {
		return s, fmt.Errorf("first attempt: %w", err)
	}
	if err := s.refused(ctx); err != nil {
		return s, err
	}
	if err := s.RCA(ctx, "the release answered one request in twenty with 500: a connection pool of one for two replicas"); err != nil {
		return s, err
	}
	if err := s.Declare(ctx, Example(GoodImage)); err != nil {
		return s, err
	}
	if err := s.until(ctx, migration.ModeRetired); err != nil {
		return s, fmt.Errorf("second attempt: %w", err)
	}
	return s, nil
}

// until runs to the end of an attempt, and demands which end it is.
func (s *Story) until(ctx context.Context, want migration.Mode) error {
	d, err := s.Engine.Run(ctx, true)
	if err != nil {
		return err
	}
	st, err := s.Engine.State(ctx)
	if err != nil {
		return err
	}
	if st.Mode != want {
		return fmt.Errorf("ended as %s at %s, wanted %s: %v", st.Mode, st.Step, want, texts(d))
	}
	return nil
}

// refused sees that a second attempt is not made before the analysis.
func (s *Story) refused(ctx context.Context) error {
	d, err := s.Engine.Run(ctx, true)
	if err != nil {
		return err
	}
	if _, blocked := d.(runbook.Block); !blocked {
		return fmt.Errorf("a second attempt without a root cause analysis was not refused: %s", runbook.DecisionName(d))
	}
	return nil
}

func texts(d runbook.Decision) []string {
	var out []string
	for _, r := range d.Why() {
		out = append(out, string(r.Code)+": "+r.Text)
	}
	return out
}
