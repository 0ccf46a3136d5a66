package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"stamp":    stamp,
	"percent":  percent,
	"join":     strings.Join,
	"words":    func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "-", " ") },
	"counts":   counts,
	"zone":     migration.ZoneKey,
	"standing": standing,
	"evidence": evidenceText,
	"added":    func(line string) bool { return strings.HasPrefix(line, "+") },
}).Parse(pageSource))

// view is what the page shows beside the report itself.
type view struct {
	Report
	Style    template.CSS
	Groups   []waived
	LostNote string
}

// Heading, ChainText and Charts are asked for by the page.
func (v view) Heading() string {
	return v.Migration + ": " + strings.ReplaceAll(string(v.Outcome.Result), "-", " ")
}
func (v view) ChainText() string          { return v.Chain.text() }
func (v view) Charts(j Judgement) []Chart { return j.charts() }
func (v view) LostSummary() string        { return v.Lost.summary() }

// HTML writes the report as one page that refers to nothing outside itself and
// needs no script.
func HTML(w io.Writer, r Report) error {
	// The style is this package's own file; nothing of the report goes into it.
	v := view{Report: r, Style: template.CSS(pageStyle), Groups: r.grouped(), LostNote: lostNote}
	if err := pageTemplate.Execute(w, v); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

// Found, From and UsedText are how the page words what the Markdown says too.
func (e Evidence) Found() string   { return e.found() }
func (e Evidence) From() string    { return e.source() }
func (w Waiver) UsedText() string  { return usedText(w) }
func (c Change) Ended() string     { return c.outcome() }
func (v Verdict) Because() string  { return v.why() }
func (v Verdict) JudgedBy() string { return v.metric() }
