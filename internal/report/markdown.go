package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"

	"rehome.dev/rehome/internal/migration"
)

// Markdown writes the report for people, and for tickets and repositories.
func Markdown(w io.Writer, r Report) error {
	var p page
	p.line("# %s", heading(r))
	p.line("%s", plain(r.Outcome.Text))
	p.outcome(r)
	p.waivers(r)
	p.assessments(r)
	p.drills(r)
	p.incidents(r)
	for _, a := range r.Attempts {
		p.attempt(a)
	}
	p.changes(r)
	p.judgements(r)
	p.lost(r)
	p.left(r)
	p.line("## Journal")
	p.line("%s", plain(r.Chain.text()))
	if _, err := w.Write(p.text.Bytes()); err != nil {
		return fmt.Errorf("write the report as Markdown: %w", err)
	}
	return nil
}

func heading(r Report) string {
	return fmt.Sprintf("%s: %s", plain(r.Migration), strings.ReplaceAll(string(r.Outcome.Result), "-", " "))
}

// page collects Markdown. Everything that came from outside goes through plain.
type page struct{ text bytes.Buffer }

// line writes a block: a paragraph, a heading.
func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n\n", args...) }

func (p *page) item(format string, args ...any) { fmt.Fprintf(&p.text, "- "+format+"\n", args...) }

func (p *page) end() { p.text.WriteByte('\n') }

func (p *page) row(cells ...string) {
	p.text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func (p *page) table(heads ...string) {
	p.row(heads...)
	p.text.WriteString("|" + strings.Repeat("---|", len(heads)) + "\n")
}

// plain makes any text harmless in Markdown: no markup, no HTML, one line, and
// nothing that a terminal would obey.
func plain(s string) string {
	var b strings.Builder
	letters := []rune(s)
	word := func(i int) bool {
		return i >= 0 && i < len(letters) && (unicode.IsLetter(letters[i]) || unicode.IsDigit(letters[i]))
	}
	for i, c := range letters {
		switch {
		case c == '&':
			b.WriteString("&amp;")
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case strings.ContainsRune("\\`*[]|~", c), c == '_' && !(word(i-1) && word(i+1)):
			b.WriteRune('\\')
			b.WriteRune(c)
		case !unicode.IsPrint(c):
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// bare is text within a fenced block, where only lines could end it.
func bare(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, s)
}

func (p *page) outcome(r Report) {
	o := r.Outcome
	if !r.Chain.Verified {
		p.line("**%s**", plain(r.Chain.text()))
	}
	p.table("", "")
	p.row("Names", plain(strings.Join(o.Names, ", ")))
	p.row("Images", plain(strings.Join(o.Images, ", ")))
	p.row("Attempts", fmt.Sprint(o.Attempts))
	p.row("Began", stamp(o.Began))
	p.row("Last record", fmt.Sprintf("%s, after %s", stamp(o.Last), o.Took))
	p.row("Policy", plain(o.Policy))
	if r.Lost != nil {
		p.row("Requests lost", plain(r.Lost.summary()))
	}
	p.row("Report made", stamp(r.Generated))
	p.end()
}

func (p *page) waivers(r Report) {
	p.line("## Waived by name")
	if len(r.Waivers) == 0 {
		p.line("Nothing was waived.")
	}
	for _, g := range r.grouped() {
		ended := ""
		if g.Ended {
			ended = ", which has passed"
		}
		p.line("%s Waived by **%s** for %s, until %s%s: %s", g.What(), plain(g.By), g.Scope(), stamp(g.Until), ended, plain(g.Reason))
		for _, w := range g.Waivers {
			p.item("`%s`: %s%s", plain(string(w.Code)), plain(w.Guards), usedText(w))
		}
		p.end()
	}
	p.leftOut(r)
	p.line("## Numbers weaker than the runbook's")
	if len(r.Shortened) == 0 {
		p.line("None: the policy has the runbook's numbers, or stricter ones.")
		return
	}
	for _, s := range r.Shortened {
		p.item("%s", plain(s))
	}
	p.end()
}

// usedText names the steps that rested on a waiver.
func usedText(w Waiver) string {
	if len(w.Used) == 0 {
		return " (not needed so far)"
	}
	names := make([]string, len(w.Used))
	for i, s := range w.Used {
		names[i] = string(s)
	}
	return " (at " + plain(strings.Join(names, ", ")) + ")"
}

func (p *page) incidents(r Report) {
	p.line("## Incidents")
	if len(r.Incidents) == 0 {
		p.line("None.")
	}
	for _, inc := range r.Incidents {
		p.line("### %s", plain(inc.ID))
		p.line("%s, attempt %d at %s, turned back by %s: %s", stamp(inc.At), inc.Attempt, plain(string(inc.Step)), plain(inc.By), plain(inc.Summary))
		for _, f := range inc.Files {
			p.item("saved: %s", plain(f))
		}
		if len(inc.Files) > 0 {
			p.end()
		}
		if inc.RCA == nil {
			p.line("**Root cause analysis: none yet.** No further attempt without it.")
			continue
		}
		p.line("Root cause analysis by %s, %s: %s", plain(inc.RCA.By), stamp(inc.RCA.At), plain(inc.RCA.Summary))
		file := ""
		if inc.RCA.File != "" {
			file = plain(inc.RCA.File) + ", "
		}
		p.line("%s%d bytes, SHA-256 `%s`", file, inc.RCA.Bytes, bare(inc.RCA.SHA256))
	}
}

func (p *page) attempt(a Attempt) {
	p.line("## Attempt %d: %s", a.Number, strings.ReplaceAll(string(a.Mode), "-", " "))
	p.line("From %s to %s, %s: %s acting, %s waiting. Images: %s", stamp(a.Began), stamp(a.Ended), a.Took, a.Acting, a.Waiting, plain(strings.Join(a.Images, ", ")))
	p.table("Step", "Entered", "Left", "Took", "Acting", "Waiting")
	for _, s := range a.Stays {
		p.row(plain(string(s.Step)), stamp(s.Entered), stamp(s.Left), s.Took.String(), s.Acting.String(), s.Waiting.String())
	}
	p.end()
	if len(a.Words) > 0 {
		p.line("### What people said in attempt %d", a.Number)
		for _, w := range a.Words {
			p.item("%s, **%s** %s (record %d)", stamp(w.At), plain(w.By), plain(w.Text), w.Record)
		}
		p.end()
	}
	p.line("### Evidence of attempt %d", a.Number)
	for _, s := range a.Stays {
		p.stay(s)
	}
}

func (p *page) stay(s Stay) {
	if len(s.Actions) == 0 && len(s.Evidence) == 0 {
		return
	}
	p.line("**%s**: %s", plain(string(s.Step)), plain(s.Title))
	for _, d := range s.Actions {
		text := fmt.Sprintf("%s: %s, %s", stamp(d.At), plain(d.What), d.Outcome)
		if !d.Settled.IsZero() {
			text += " in " + d.Took.String()
		}
		if d.Detail != "" {
			text += "; " + plain(d.Detail)
		}
		p.item("%s", text)
	}
	if len(s.Actions) > 0 {
		p.end()
	}
	if len(s.Evidence) == 0 {
		return
	}
	p.table("Code", "Verdict", "What was found", "Source", "When")
	for _, e := range s.Evidence {
		p.row(plain(string(e.Code)), verdict(e.Verdict), plain(e.found()), plain(e.source()), stamp(e.At))
	}
	p.end()
}

func verdict(v migration.Verdict) string {
	if v == migration.Pass {
		return v.String()
	}
	return "**" + v.String() + "**"
}

// found is the finding with what was required and observed, where the guard
// tells them apart.
func (e Evidence) found() string {
	text := e.Text
	if e.Verdict == migration.Waived {
		// Who waived it and why leads the report; here it would drown the rest.
		text, _, _ = strings.Cut(text, " — waived by ")
	}
	if e.Required != "" {
		text += "; required: " + e.Required
	}
	if e.Observed != "" {
		text += "; observed: " + e.Observed
	}
	return text
}

// source is where the finding came from. What has no source of its own was
// decided from the declared file and the journal.
func (e Evidence) source() string {
	if e.Source == "" {
		return fmt.Sprintf("record %d", e.Record)
	}
	return fmt.Sprintf("%s; record %d", e.Source, e.Record)
}
