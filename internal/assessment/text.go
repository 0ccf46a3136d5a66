package assessment

import (
	"fmt"
	"io"
	"strings"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// Paint colours a word by what it means; a caller without a terminal gives one
// that does nothing.
type Paint func(v migration.Verdict, word string) string

// mostEvidence is how much evidence of one finding a person is shown at once.
const mostEvidence = 4

// Text writes an assessment so that it can be read aloud: the answer, what was
// waived, the nine items, what else was found, and what to do in which order.
func Text(w io.Writer, a readiness.Assessment, paint Paint) {
	fmt.Fprintln(w, Headline(a))
	fmt.Fprintln(w, Age(a))
	list, passed := sections(a)
	for _, s := range list {
		fmt.Fprintf(w, "\n%s\n", s.title)
		for _, f := range s.findings {
			textFinding(w, f, paint)
		}
	}
	if passed > 0 {
		fmt.Fprintf(w, "\n%s\n", rest(passed))
	}
	textWork(w, a)
}

func textFinding(w io.Writer, f readiness.Finding, paint Paint) {
	word := verdict(f)
	fmt.Fprintf(w, "  %s%s %-15s %s\n", paint(f.Verdict, word), strings.Repeat(" ", max(0, 7-len(word))), f.Code, f.Title)
	const indent = "          "
	if f.Observed != "" {
		fmt.Fprintf(w, "%s%s\n", indent, f.Observed)
	}
	if note := why(f); note != "" {
		fmt.Fprintf(w, "%s%s\n", indent, note)
	}
	if f.Verdict == migration.Pass {
		return
	}
	if f.Required != "" {
		fmt.Fprintf(w, "%srequired: %s\n", indent, f.Required)
	}
	for i, e := range f.Evidence {
		if i == mostEvidence {
			fmt.Fprintf(w, "%s- and %d more: -o json\n", indent, len(f.Evidence)-i)
			break
		}
		fmt.Fprintf(w, "%s- %s\n", indent, e.String())
	}
	if f.Remedy != "" && f.Verdict != migration.Waived {
		fmt.Fprintf(w, "%sremedy: %s\n", indent, f.Remedy)
	}
	if f.Command != "" {
		fmt.Fprintf(w, "%ssee it: %s\n", indent, f.Command)
	}
}

func textWork(w io.Writer, a readiness.Assessment) {
	if len(a.Work) > 0 {
		fmt.Fprintf(w, "\nWhat is needed, in this order (effort: %s)\n", a.Effort)
		for i, work := range a.Work {
			fmt.Fprintf(w, "  %2d. %s [%s; %s]\n", i+1, work.What, work.Effort, codes(work.Codes))
		}
	}
	if r := a.Resources; r != nil {
		fmt.Fprintf(w, "\nResources from the profile under load: %s\n", resources(*r))
	}
}

func codes(list []migration.Code) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = string(c)
	}
	return strings.Join(words, " ")
}

// resources are amounts as a manifest writes them; memory is rounded up to MiB.
func resources(r migration.Resources) string {
	var parts []string
	cpu := func(what string, milli int64) {
		if milli > 0 {
			parts = append(parts, fmt.Sprintf("%s cpu %dm", what, milli))
		}
	}
	memory := func(what string, bytes int64) {
		if bytes > 0 {
			parts = append(parts, fmt.Sprintf("%s memory %dMi", what, (bytes+1<<20-1)>>20))
		}
	}
	cpu("request", r.CPURequestMilli)
	memory("request", r.MemoryRequestBytes)
	cpu("limit", r.CPULimitMilli)
	memory("limit", r.MemoryLimitBytes)
	return strings.Join(parts, ", ")
}
