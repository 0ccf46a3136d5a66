package runbook

import "rehome.dev/rehome/internal/migration"

// unjudged lists, by step, the codes that no guard of this version can judge.
// Each is unknown, blocks its step and must be waived by name, with a reason
// and an end: nothing is passed because nobody looked.
var unjudged = map[migration.Step][]migration.Code{
	migration.StepRehearse: {migration.CodeOwner},
	migration.StepDeploy:   {migration.CodeSideEffects},
	migration.StepExpose: {
		migration.CodeTLSReady, migration.CodeLoop, migration.CodeLongConn, migration.CodeClientIP, migration.CodeExternalDNS,
	},
	migration.StepLowerTTL: {migration.CodeShared, migration.CodeViews, migration.CodeDNSSEC},
	migration.StepWatch:    {migration.CodeThrottled},
	migration.StepValidate: {migration.CodeNewErrors},
	migration.StepTicket:   {migration.CodeTicket},
	migration.StepRetire:   {migration.CodeCallerCache},
}

// unjudgedGuards are the guards that say so.
func unjudgedGuards(step migration.Step) []guard {
	var out []guard
	for _, code := range unjudged[step] {
		out = append(out, func(l look) migration.Reason {
			if l.s.holds(code) {
				return passes(code, "it holds on the machines as they are")
			}
			r := migration.Reason{Code: code, Verdict: migration.Unknown, Text: "no check of this version can judge it", Remedy: migration.Blocks}
			return hint(r, "judge it by hand, then: rehome waive NAME %s --reason … --until …", code)
		})
	}
	return out
}

// Unjudged lists the codes that must be waived by name, in the procedure's order.
func Unjudged() []migration.Code {
	var out []migration.Code
	for _, step := range migration.Forward {
		out = append(out, unjudged[step]...)
	}
	return out
}
