package runbook

import (
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// doneKey identifies an action within an attempt: the step, the target, and
// what for.
func doneKey(step migration.Step, a migration.Action) string {
	detail := migration.ActionName(a)
	switch a := a.(type) {
	case migration.SwapRecords:
		detail = string(a.Purpose)
	case migration.Apply:
		detail = "apply:" + a.Digest
	case migration.Scale:
		detail = fmt.Sprintf("scale:%d", a.Replicas)
	case migration.TurnReturnPath:
		detail = "turn:" + string(a.To)
	case migration.TryReturnPath:
		detail = "try:" + a.Digest
	case migration.RunDrill:
		detail = "drill:" + drillOf{a.Drill, a.Workload}.key()
	}
	return string(step) + "|" + string(a.Target()) + "|" + detail
}

func stepOfKey(key string) migration.Step {
	step, _, _ := strings.Cut(key, "|")
	return migration.Step(step)
}

func smokeKey(env migration.Env, via string) string { return string(env) + "/" + via }

// generationPrefix stands before a name to hold its generation record.
const generationPrefix = "_rehome."

func generationName(name string) string { return generationPrefix + name }

func isGeneration(r migration.RRset) bool {
	return r.Type == "TXT" && strings.HasPrefix(r.Name, generationPrefix)
}

// generation is the record that makes a change of a name unrepeatable
// (DNS-REPLAY): the journal's next sequence number is in it, so that no two
// changes of a migration have the same one.
func generation(s State, name string) migration.RRset {
	return migration.RRset{
		Name: generationName(name), Type: "TXT", TTL: s.Policy.TTL,
		Data: []string{fmt.Sprintf("%q", fmt.Sprintf("rehome %s generation %d", s.Key, s.Head.Seq+1))},
	}
}
