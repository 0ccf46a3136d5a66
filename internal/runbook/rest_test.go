package runbook

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

func TestRest(t *testing.T) {
	tests := []struct {
		name  string
		mode  migration.Mode
		count int
		want  time.Duration
	}{
		{"first refusal forward", migration.ModeForward, 1, retryAfter},
		{"again forward", migration.ModeForward, 2, 2 * retryAfter},
		{"given up forward", migration.ModeForward, 9, giveUp * retryAfter},
		{"first refusal back", migration.ModeRollback, 1, lookEvery},
		{"still soon back", migration.ModeRollback, patience, lookEvery},
		{"somebody must mend it", migration.ModeRollback, patience + 1, longRest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := look{s: State{Position: migration.Position{Mode: tt.mode}}}
			if got := l.rest(Failure{Count: tt.count}); got != tt.want {
				t.Errorf("rest = %s, want %s", got, tt.want)
			}
		})
	}
}
