package workload

import (
	"fmt"
	"slices"

	"rehome.dev/rehome/internal/migration"
)

// mends are the drills that prove on the image that a pod keeps nothing of what a
// rule saw on the machines.
var mends = map[Rule][]migration.StagingDrill{
	RuleSessions: {migration.DrillSession, migration.DrillReadOnly},
	RuleStorage:  {migration.DrillReplace, migration.DrillReadOnly},
}

// Owed lets a decision against a declared Deployment pass where the release is
// declared to mend all that speaks for a StatefulSet: the proof is owed to the
// fixes' drills, on the image. What was seen on the machines stays as it is.
func Owed(d Decision, fixes []migration.Fix) Decision {
	if d.Declared != migration.KindDeployment || d.Verdict != migration.Fail {
		return d
	}
	var by *migration.Fix
	for _, f := range d.For {
		i := slices.IndexFunc(fixes, func(fix migration.Fix) bool {
			return fix.Code == migration.CodeStateDisk && slices.Contains(mends[f.Rule], fix.Drill)
		})
		if i < 0 {
			return d
		}
		by = &fixes[i]
	}
	if by == nil {
		return d
	}
	d.Verdict, d.Fix = migration.Pass, by
	d.Remedy = fmt.Sprintf("the release is said to mend it (%s), and the proof on the image is owed to the staging drill %s", by.How, by.Drill)
	return d
}
