package runbook

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// TestBegunAgainFindsTheRecordsAnew: after an abort the records are what the
// file says, not what an earlier attempt found before it was corrected.
func TestBegunAgainFindsTheRecordsAnew(t *testing.T) {
	set := migration.RRset{Name: "a.golemtrust.am.", Type: "A", TTL: 300, Data: []string{"192.0.2.1"}}
	for _, tt := range []struct {
		mode migration.Mode
		kept bool
	}{{migration.ModeAborted, false}, {migration.ModeForward, true}} {
		s := State{Head: migration.Head{Seq: 7}, Origin: map[string]migration.RRset{set.Key(): set}}
		s.Attempt, s.Mode, s.Step = 1, tt.mode, migration.StepLowerTTL
		n := declare(s, migration.Declared{}, migration.Record{Migration: "m", At: time.Unix(1, 0), Actor: "angua"})
		if _, kept := n.Origin[set.Key()]; kept != tt.kept {
			t.Errorf("declared again while %s: the record first found is kept %t, want %t", tt.mode, kept, tt.kept)
		}
	}
}
