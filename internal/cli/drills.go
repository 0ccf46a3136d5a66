package cli

import (
	"context"
	"fmt"
	"io"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// leftOut is a drill that the file leaves out, with the reason.
type leftOut struct {
	Drill  migration.StagingDrill `json:"drill"`
	Reason string                 `json:"reason"`
}

func leftOutOf(s migration.Spec) []leftOut {
	var out []leftOut
	for _, d := range migration.StagingDrills() {
		if why, skipped := s.Skipped(d); skipped {
			out = append(out, leftOut{d, why})
		}
	}
	return out
}

// leftOut writes which drills nobody makes, and why.
func (p *Program) leftOut(w io.Writer, list []leftOut) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "%s\n", p.paint(styleWarn, fmt.Sprintf("drills left out by the file, %d:", len(list))))
	for _, l := range list {
		fmt.Fprintf(w, "  %s: %s\n", l.Drill, l.Reason)
	}
}

// repeat journals that the drills which did not pass are to be made again.
func (p *Program) repeat(ctx context.Context, e *engine.Engine) error {
	s, err := e.State(ctx)
	if err != nil {
		return err
	}
	list := runbook.DrillsToRepeat(s)
	if len(list) == 0 {
		p.say("no drill is to be made again: each one that was made has passed")
		return nil
	}
	actor, err := p.actor()
	if err != nil {
		return err
	}
	err = e.Said(ctx, actor, func(runbook.State) ([]engine.Saying, error) {
		return []engine.Saying{{Kind: migration.KindAgain, Body: migration.Said{Text: joined(list)}}}, nil
	})
	if err == nil {
		p.say("made again: %s", joined(list))
	}
	return err
}
