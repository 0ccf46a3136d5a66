// Package assessment writes an assessment for its readers: a table that can be
// read aloud, Markdown for a page, SARIF for a code scanner and JUnit for a
// pipeline. It makes no judgement and looks at nothing.
package assessment

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// Formats are the names under which Write knows its formats, beside the text.
var Formats = []string{"markdown", "sarif", "junit"}

// Write writes a in one of Formats. version is that of the program that judged.
func Write(w io.Writer, a readiness.Assessment, format, version string) error {
	switch format {
	case "markdown":
		return markdown(w, a)
	case "sarif":
		return writeSARIF(w, a, version)
	case "junit":
		return junit(w, a)
	}
	return fmt.Errorf("no format is called %q; there are: %s", format, strings.Join(Formats, ", "))
}

// checklist are the runbook's nine items; everything else was looked at beyond them.
var checklist = []migration.Code{
	migration.CodeConfigEnv, migration.CodeLogsStdout, migration.CodeStateDisk, migration.CodeHealth, migration.CodeSIGTERM,
	migration.CodeSecrets, migration.CodeData, migration.CodeResources, migration.CodeBaseImage,
}

func listed(f readiness.Finding) bool { return slices.Contains(checklist, f.Code) }

// section is one group of findings under a heading.
type section struct {
	title    string
	findings []readiness.Finding
}

// sections puts first what a person decided to let pass, then the checklist, then
// the rest; what passes beyond the checklist is only counted.
func sections(a readiness.Assessment) (out []section, passed int) {
	var waived, nine, beyond []readiness.Finding
	for _, f := range a.Findings {
		switch {
		case f.Verdict == migration.Waived:
			waived = append(waived, f)
		case listed(f):
			nine = append(nine, f)
		case f.Verdict == migration.Pass:
			passed++
		default:
			beyond = append(beyond, f)
		}
	}
	for _, s := range []section{{"Waived by name", waived}, {"The runbook's checklist", nine}, {"Beyond the checklist", beyond}} {
		if len(s.findings) > 0 {
			out = append(out, s)
		}
	}
	return out, passed
}

// Headline is the answer in one sentence.
func Headline(a readiness.Assessment) string {
	var blocks, owed, waived, advice int
	for _, f := range a.Findings {
		switch {
		case f.Verdict == migration.Waived:
			waived++
		case f.Blocks:
			blocks++
		case f.Fix != nil:
			owed++
		case f.Verdict == migration.Fail:
			advice++
		}
	}
	answer := "ready"
	if !a.Ready {
		answer = "not ready"
	}
	parts := []string{}
	for _, c := range []struct {
		n         int
		one, many string
	}{{blocks, "item blocks", "items block"}, {waived, "item is waived", "items are waived"},
		{owed, "fix is owed to a drill", "fixes are owed to drills"}, {advice, "piece of advice", "pieces of advice"}} {
		switch c.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+c.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.many))
		}
	}
	if len(parts) == 0 {
		return a.Migration + ": " + answer
	}
	return a.Migration + ": " + answer + " — " + strings.Join(parts, ", ")
}

// Age says when the facts were taken, and how long ago that is.
func Age(a readiness.Assessment) string {
	if a.Oldest.IsZero() {
		return "there are no facts"
	}
	text := fmt.Sprintf("facts of %s, %s old", a.Oldest.UTC().Format(time.RFC3339), old(a.At.Sub(a.Oldest)))
	if a.Expired {
		text += ": too old to be judged"
	}
	return text
}

// old is an age for people, with its largest unit or two.
func old(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// why is what stands beside a finding that was let pass or is owed.
func why(f readiness.Finding) string {
	switch {
	case f.Waiver != nil:
		return fmt.Sprintf("waived by %s until %s: %s", f.Waiver.By, f.Waiver.Until.UTC().Format(time.RFC3339), f.Waiver.Reason)
	case f.Fix != nil:
		return fmt.Sprintf("fix declared (%s), owed to the staging drill %s", f.Fix.How, f.Fix.Drill)
	}
	return ""
}

// verdict is the word for a finding; what fails without blocking is advice.
func verdict(f readiness.Finding) string {
	switch {
	case f.Verdict == migration.Fail && f.Fix != nil && !f.Blocks:
		return "owed"
	case f.Verdict == migration.Fail && !f.Blocks:
		return "advice"
	}
	return f.Verdict.String()
}

// rest says that more was looked at than is shown.
func rest(passed int) string {
	if passed == 1 {
		return "1 more item beyond the checklist was looked at and passes."
	}
	return fmt.Sprintf("%d more items beyond the checklist were looked at and pass.", passed)
}
