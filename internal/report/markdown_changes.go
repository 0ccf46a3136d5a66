package report

import (
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

func (p *page) changes(r Report) {
	p.line("## DNS records")
	if len(r.Changes) == 0 {
		p.line("No record was changed.")
	}
	for _, c := range r.Changes {
		p.line("### Attempt %d, %s: %s", c.Attempt, plain(string(c.Purpose)), plain(migration.ZoneKey(c.Zone, c.View)))
		p.line("%s, by %s through %s: %s", stamp(c.At), plain(c.Actor), plain(c.Provider), plain(c.outcome()))
		p.text.WriteString("```diff\n")
		for _, d := range c.Diff {
			p.text.WriteString(bare(d) + "\n")
		}
		p.line("```")
	}
}

// outcome says how the change ended, and after how long.
func (c Change) outcome() string {
	text := c.Outcome.String()
	if c.Settled.IsZero() {
		text = "no outcome in the journal"
	} else {
		text += " in " + c.Took.String()
	}
	if c.Detail != "" {
		text += "; " + c.Detail
	}
	return text
}

func (p *page) judgements(r Report) {
	p.line("## Judgement")
	if len(r.Judgements) == 0 {
		p.line("Nothing was judged: no name was switched.")
	}
	for _, j := range r.Judgements {
		p.line("### Attempt %d", j.Attempt)
		p.line("Baseline of the old side: %d requests, %d errors, %s, taken %s. The journal has %d looks at the new side.",
			j.BaselineRequests, j.BaselineErrors, percent(j.BaselineRate), stamp(j.BaselineAt), len(j.Points))
		p.table("Verdict", "When", "Judged by", "Requests", "Failed or slow", "Share", "Baseline", "Why")
		for _, v := range j.Verdicts {
			p.row(plain(string(v.Kind)), stamp(v.At), plain(v.metric()), fmt.Sprint(v.Requests), fmt.Sprint(v.Errors), percent(v.Rate), percent(v.BaselineRate), plain(v.why()))
		}
		p.end()
		for _, m := range j.Marks {
			p.item("%s: %s", stamp(m.At), plain(m.What))
		}
		if len(j.Marks) > 0 {
			p.end()
		}
	}
}

// metric is what decided the verdict. By latency, the shares are of slow requests.
func (v Verdict) metric() string {
	if v.Metric == "" {
		return "–"
	}
	return strings.ReplaceAll(v.Metric, "_", " ")
}

// why is the verdict's own word, with the numbers behind it.
func (v Verdict) why() string {
	text := v.Why
	if v.EValue > 0 && !strings.Contains(text, "e-value") {
		text += fmt.Sprintf("; e-value %.3g", v.EValue)
	}
	return text
}

func (p *page) lost(r Report) {
	if r.Lost == nil {
		return
	}
	p.line("## Requests lost")
	p.line("%s", lostNote)
	p.table("When", "From", "To", "Sent", "Lost", "Without an answer", "Failed answers", "Causes")
	for _, row := range append(r.Lost.Rows[:len(r.Lost.Rows):len(r.Lost.Rows)], r.Lost.Total) {
		p.row(plain(row.What), stamp(row.From), stamp(row.To), fmt.Sprint(row.Sent), fmt.Sprint(row.Failed), fmt.Sprint(row.Unanswered),
			plain(counts(row.FailedBy, "by ")), plain(counts(row.Causes, "")))
	}
	p.end()
}

const lostNote = "A client's own count. Lost is every request that was not answered 200. A switch is counted until its watch ends, a rollback until one TTL after its end."

// summary is the count in one line.
func (l Lost) summary() string {
	parts := []string{}
	for _, row := range l.Rows {
		parts = append(parts, fmt.Sprintf("%s: %d", row.What, row.Failed))
	}
	return fmt.Sprintf("%d of %d (%s)", l.Total.Failed, l.Total.Sent, strings.Join(parts, "; "))
}

func (p *page) left(r Report) {
	p.line("## Left undone")
	if len(r.Left) == 0 {
		p.line("Nothing.")
		return
	}
	for _, l := range r.Left {
		p.item("%s, attempt %d, %s: **%s**: %s", stamp(l.At), l.Attempt, plain(string(l.Step)), plain(l.What), plain(l.Why))
	}
	p.end()
}
