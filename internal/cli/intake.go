package cli

import (
	"context"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// intake is a file beside what the journal knows of its migration.
type intake struct {
	loaded  config.Loaded
	actor   string
	recs    []migration.Record
	state   runbook.State // of the journal, before the file counts
	declare bool          // the file is new to the journal
	edited  []string      // what of it, when it is an edit
	policy  bool          // the policy's numbers or places changed
	back    migration.Step
}

// takeIn reads the journal of a file's migration, and compares them.
func (p *Program) takeIn(ctx context.Context, j engine.Journal, loaded config.Loaded) (intake, error) {
	actor, err := p.actor()
	if err != nil {
		return intake{}, err
	}
	in := intake{loaded: loaded, actor: actor}
	if in.recs, err = j.Read(ctx, loaded.Spec.Name, 0); err != nil {
		return in, err
	}
	if in.state, err = runbook.Fold(in.recs); err != nil {
		return in, err
	}
	in.compare()
	return in, nil
}

// compare sees what the file changes, and to which step that goes back.
func (in *intake) compare() {
	s := in.state
	if s.Head.Seq == 0 {
		in.declare = true
		return
	}
	in.policy = migration.DigestOf(s.Policy) != migration.DigestOf(in.loaded.Policy)
	in.declare = in.policy || s.Spec.Digest() != in.loaded.Spec.Digest()
	in.edited = runbook.Edited(s.Spec, in.loaded.Spec)
	to, affected := runbook.Affected(s.Spec, in.loaded.Spec, s.Policy, in.loaded.Policy)
	if affected && s.Mode == migration.ModeForward && to.Before(s.Step) {
		in.back = to
	}
}

// declared is the record's body.
func (in *intake) declared() migration.Declared {
	d := in.loaded.Declared()
	d.Change = in.edited
	if in.policy && in.state.Head.Seq > 0 {
		d.Change = append(d.Change[:len(d.Change):len(d.Change)], "policy")
	}
	return d
}

// refuse says why the file cannot be taken where the migration stands.
func (in *intake) refuse(restart bool) error {
	s := in.state
	switch {
	case s.Head.Seq == 0:
		return nil
	case s.Mode == migration.ModeAborted && !restart:
		return blocked("attempt %d of %s was aborted", s.Attempt, s.Key).with("to begin another attempt: rehome run %s --restart", in.loaded.File)
	case restart && s.Mode != migration.ModeAborted:
		return usage("--restart begins again after an abort, but %s is at: %s", s.Key, where(s.Position))
	case !in.declare || s.Mode == migration.ModeAborted:
		return nil
	case s.Mode == migration.ModeForward && s.SwitchBegan() && in.back != "":
		return blocked("the edit of %s would go back to %s, but the names of attempt %d are switched already", joined(in.edited), in.back, s.Attempt).
			with("take the edit back, or lead the names back first: rehome rollback %s", s.Key)
	case s.Mode == migration.ModeRollback || s.Mode == migration.ModeAborting:
		return blocked("%s was edited while the attempt is %s", in.loaded.File, s.Mode).
			with("finish that first: rehome %s %s", map[bool]string{true: "rollback", false: "abort"}[s.Mode == migration.ModeRollback], s.Key)
	case s.Mode == migration.ModeRetired:
		return blocked("%s is complete: its file counts no more", s.Key).with("a move of another application has another metadata.name")
	}
	return nil
}

// tell says on standard error what the file means for the migration.
func (in *intake) tell(p *Program) {
	s := in.state
	switch {
	case !in.declare && s.Mode != migration.ModeAborted:
		return
	case s.Head.Seq == 0:
		p.say("%s declares %s", in.loaded.File, in.loaded.Spec.Name)
	case s.Mode == migration.ModeAborted:
		p.say("%s begins attempt %d of %s", in.loaded.File, s.Attempt+1, s.Key)
	default:
		p.say("%s was edited: %s", in.loaded.File, orNone(in.declared().Change))
		if in.back != "" {
			p.say("the attempt goes back from %s to %s", s.Step, in.back)
		}
	}
	if short := in.loaded.Policy.Shortened(); len(short) > 0 {
		p.say("the policy %s is shorter than the runbook: %s", in.loaded.Policy.Name, joined(short))
	}
}

// append declares the file where that is needed.
func (in *intake) append(ctx context.Context, e *engine.Engine) error {
	if !in.declare && in.state.Mode != migration.ModeAborted {
		return nil
	}
	return e.Said(ctx, in.actor, func(now runbook.State) ([]engine.Saying, error) {
		if now.Head != in.state.Head {
			return nil, blocked("another process has changed %s meanwhile", in.loaded.Spec.Name).with("see rehome status %s and try again", in.loaded.Spec.Name)
		}
		return []engine.Saying{{Kind: migration.KindDeclared, Body: in.declared()}}, nil
	})
}

// ahead is the journal as it would be with the file declared.
func (in *intake) ahead(p *Program) (frozen, error) {
	f := frozen{in.recs}
	if !in.declare && in.state.Mode != migration.ModeAborted {
		return f, nil
	}
	return f.with(in.loaded.Spec.Name, in.actor, in.state, in.declared(), p)
}
