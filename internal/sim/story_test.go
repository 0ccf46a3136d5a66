package sim

import (
	"context"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/runbook"
)

func TestPlay(t *testing.T) {
	var last string
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := Play(ctx, time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 1, func(e engine.Event) {
		if e.Err != nil {
			t.Logf("%s err %v", e.At.Format(time.DateTime), e.Err)
		}
		if e.Decision == nil {
			return
		}
		line := string(e.State.Mode) + " " + string(e.State.Step) + " " + runbook.DecisionName(e.Decision)
		if line != last {
			t.Logf("%s %s %v", e.At.Format(time.DateTime), line, texts(e.Decision))
		}
		last = line
	})
	if s != nil {
		t.Logf("%+v", s.World.Count())
	}
	if err != nil {
		t.Fatal(err)
	}
}
