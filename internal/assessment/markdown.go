package assessment

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// markdown writes a page: the answer, a table of each section, and the details
// of what does not pass.
func markdown(w io.Writer, a readiness.Assessment) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s, judged at %s.\n", cell(Headline(a)), cell(Age(a)), a.At.UTC().Format(time.RFC3339))
	list, passed := sections(a)
	for _, s := range list {
		fmt.Fprintf(&b, "\n## %s\n\n| Verdict | Code | Item | Observed |\n|---|---|---|---|\n", s.title)
		for _, f := range s.findings {
			observed := cell(f.Observed)
			if note := why(f); note != "" {
				observed += " — *" + cell(note) + "*"
			}
			fmt.Fprintf(&b, "| **%s** | `%s` | %s | %s |\n", verdict(f), f.Code, cell(f.Title), observed)
		}
		for _, f := range s.findings {
			if f.Verdict != migration.Pass {
				markdownDetails(&b, f)
			}
		}
	}
	if passed > 0 {
		fmt.Fprintf(&b, "\n%s\n", rest(passed))
	}
	if len(a.Work) > 0 {
		fmt.Fprintf(&b, "\n## What is needed, in this order\n\nEffort: **%s**\n\n", a.Effort)
		for i, work := range a.Work {
			fmt.Fprintf(&b, "%d. %s (%s; `%s`)\n", i+1, cell(work.What), work.Effort, codes(work.Codes))
		}
	}
	if r := a.Resources; r != nil {
		fmt.Fprintf(&b, "\n## Resources\n\nFrom the profile under load: %s.\n", resources(*r))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownDetails(b *strings.Builder, f readiness.Finding) {
	fmt.Fprintf(b, "\n### %s\n", f.Code)
	if f.Required != "" {
		fmt.Fprintf(b, "\nRequired: %s\n", cell(f.Required))
	}
	if len(f.Evidence) > 0 {
		b.WriteByte('\n')
	}
	for _, e := range f.Evidence {
		at := ""
		if !e.At.IsZero() {
			at = ", " + e.At.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(b, "- %s%s\n", cell(e.String()), at)
	}
	if f.Remedy != "" {
		fmt.Fprintf(b, "\nRemedy: %s\n", cell(f.Remedy))
	}
	if f.Command != "" {
		fence := "```"
		for strings.Contains(f.Command, fence) {
			fence += "`"
		}
		fmt.Fprintf(b, "\n%sconsole\n%s\n%s\n", fence, f.Command, fence)
	}
}

// cell makes text safe inside a table and a paragraph: one line, no mark-up of
// its own.
func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`).Replace(s)
}
