package archive

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// page is the incident for people, in Markdown.
func page(key string, inc migration.Incident) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Incident %s\n\n%s\n\n", line(inc.ID), line(inc.Summary))
	fmt.Fprintf(&b, "- Migration: %s, attempt %d\n", line(key), inc.Attempt)
	fmt.Fprintf(&b, "- Step: %s\n", line(string(inc.Step)))
	fmt.Fprintf(&b, "- Opened: %s\n", at(inc.At))
	fmt.Fprintf(&b, "- By: %s\n\n## What was seen\n\n", line(inc.By))
	if len(inc.Cause) == 0 {
		b.WriteString("No reason was given.\n")
	}
	for _, r := range inc.Cause {
		fmt.Fprintf(&b, "- **%s** %s: %s\n", line(string(r.Code)), r.Verdict, line(r.Text))
		for _, detail := range [][2]string{
			{"required", r.Required}, {"observed", r.Observed}, {"source", r.Source}, {"hint", r.Hint},
		} {
			if detail[1] != "" {
				fmt.Fprintf(&b, "  - %s: %s\n", detail[0], line(detail[1]))
			}
		}
		if !r.At.IsZero() {
			fmt.Fprintf(&b, "  - at: %s\n", at(r.At))
		}
	}
	b.WriteString("\n## Root cause analysis\n\n")
	if inc.RCA == nil {
		b.WriteString("None is attached yet. Until it is, no second attempt begins.\n")
		return b.Bytes()
	}
	fmt.Fprintf(&b, "%s\n\n- By: %s\n- Attached: %s\n", line(inc.RCA.Summary), line(inc.RCA.By), at(inc.RCA.At))
	if inc.RCA.File != "" {
		fmt.Fprintf(&b, "- File: %s\n", line(inc.RCA.File))
	}
	fmt.Fprintf(&b, "- SHA-256: %s (%d bytes)\n", line(inc.RCA.SHA256), inc.RCA.Bytes)
	return b.Bytes()
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// markup is what would be read as Markdown or HTML in the middle of a line.
var markup = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", `\|`,
)

// line is s on one line, as text: what a failing application said must not
// become a part of the page.
func line(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "(none)"
	}
	if strings.ContainsRune("#-+=", rune(s[0])) {
		return `\` + markup.Replace(s)
	}
	return markup.Replace(s)
}
