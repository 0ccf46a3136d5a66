package drill

import (
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// outcome is what an experiment showed.
type outcome struct {
	verdict  migration.Verdict
	text     string
	remedy   string
	evidence []string
}

func pass(text string, evidence ...string) outcome {
	return outcome{verdict: migration.Pass, text: text, evidence: evidence}
}

func fail(text, remedy string, evidence ...string) outcome {
	return outcome{verdict: migration.Fail, text: text, remedy: remedy, evidence: evidence}
}

func unknown(text, remedy string, evidence ...string) outcome {
	return outcome{verdict: migration.Unknown, text: text, remedy: remedy, evidence: evidence}
}

// cannot is an experiment that an error has ended.
func cannot(what string, err error) outcome {
	return unknown(fmt.Sprintf("It could not be made: %s: %v.", what, err), "mend that and make the drill again")
}

// marred takes a pass away: something is not as it was before. A failure stays one.
func (o outcome) marred(text, remedy string, err error) outcome {
	o.evidence = append([]string{err.Error()}, o.evidence...)
	o.text = text + " " + o.text
	if o.verdict == migration.Pass {
		o.verdict, o.remedy = migration.Unknown, remedy
	}
	return o
}

// mostEvidence is what a person reads.
const mostEvidence = 50

func bounded(evidence []string) []string {
	if len(evidence) <= mostEvidence {
		return evidence
	}
	return append(evidence[:mostEvidence:mostEvidence], fmt.Sprintf("and %d more", len(evidence)-mostEvidence))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
