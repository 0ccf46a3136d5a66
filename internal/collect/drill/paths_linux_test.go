package drill_test

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

// A path that is not there says nothing of the requests that matter, however long
// its refusal takes.
func TestTheDrillAsksWhatAnswersWell(t *testing.T) {
	t.Parallel()
	d := run(t, "astray", inventory.DrillSIGTERM).drill(t.Context())[0]
	if !d.Passed || d.InFlight == 0 || !strings.Contains(d.How, "clients asked /livez on") {
		t.Errorf("%+v", d)
	}
}

// What answers too fast to be caught is asked by more at once.
func TestTheDrillAsksHarder(t *testing.T) {
	t.Parallel()
	d := run(t, "swift", inventory.DrillSIGTERM).drill(t.Context())[0]
	if d.Err != "" || d.InFlight == 0 || d.Answered != d.InFlight {
		t.Errorf("%+v", d)
	}
}
