//go:build lab

package stage

import (
	"testing"

	"rehome.dev/rehome/internal/migration"
)

// TestABankThatIsRight makes every drill on one deployment, in the order in which
// step stage makes them.
func TestABankThatIsRight(t *testing.T) {
	s := newStage(t, nil)
	for _, d := range migration.StagingDrills() {
		if res := s.drill(d); res.Verdict != migration.Pass {
			t.Errorf("%s: %s", d, res.Verdict)
		}
	}
}
