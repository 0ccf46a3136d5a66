package runbook

import (
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Confirm looks once more, immediately before an intent that cannot be undone
// is carried out, at everything that spoke for it. What it returns stops it.
func Confirm(s State, i migration.Intent, f Facts, now time.Time) []migration.Reason {
	swap, ok := i.Action.(migration.SwapRecords)
	if !ok || swap.Purpose != migration.ForSwitch {
		return nil
	}
	l := look{s: s, f: f, now: now}
	out := failing(append(l.evaluate(goGuards()), l.survey([]survey{asJournalled, nothingOwed})...))
	v := l.f.zone(migration.ZoneKey(swap.Zone, swap.View))
	if v.known && !migration.SetsMatch(v.newest().Sets, swap.Before, false) {
		out = append(out, fails(migration.CodeForeign, "the records are no longer those that the decision saw"))
	}
	return out
}
