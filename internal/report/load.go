package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Second is what a client counted of the requests that left within one second.
// Sent is the sum of OK and Errors.
type Second struct {
	T        time.Time      `json:"t"`
	Sent     int            `json:"sent"`
	OK       int            `json:"ok"`
	By       map[string]int `json:"by"`                 // answers, by who gave them
	FailedBy map[string]int `json:"failedBy,omitempty"` // those of By that were not 200
	Errors   map[string]int `json:"errors,omitempty"`   // requests that were not OK, by cause
}

// Load is a client's count over time: what users saw, whatever was measured inside.
type Load []Second

// ReadLoad reads one JSON object per line. The client may still be writing: a
// last line without an end is left out. Another line that cannot be read is an
// error that names it.
func ReadLoad(r io.Reader) (Load, error) {
	var out Load
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the client's count: %w", err)
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		var s Second
		if err := json.Unmarshal(line, &s); err != nil {
			return nil, fmt.Errorf("client's count, line %d: %w", n, err)
		}
		if s.T.IsZero() || s.Sent < 0 || s.OK < 0 || s.OK > s.Sent {
			return nil, fmt.Errorf("client's count, line %d: not a count: t, sent and ok are needed, and ok is at most sent", n)
		}
		out = append(out, s)
	}
}

// Lost are the requests that did not get what they came for, in the time of
// each change of direction, and outside of them. The rows do not overlap and
// sum up to Total.
type Lost struct {
	Rows  []LostRow `json:"rows"`
	Total LostRow   `json:"total"`
}

// LostRow is a client's count from one moment to another.
type LostRow struct {
	What       string         `json:"what"`
	Attempt    int            `json:"attempt,omitempty"`
	From       time.Time      `json:"from,omitzero"`
	To         time.Time      `json:"to,omitzero"`
	Sent       int            `json:"sent"`
	Failed     int            `json:"lost"`
	Unanswered int            `json:"unanswered"`
	FailedBy   map[string]int `json:"failedBy,omitempty"`
	Causes     map[string]int `json:"causes,omitempty"`
}

func (l *LostRow) add(s Second) {
	l.Sent += s.Sent
	l.Failed += s.Sent - s.OK
	answered := 0
	for _, n := range s.By {
		answered += n
	}
	l.Unanswered += max(0, s.Sent-answered)
	l.FailedBy = plus(l.FailedBy, s.FailedBy)
	l.Causes = plus(l.Causes, s.Errors)
}

func plus(a, b map[string]int) map[string]int {
	if a == nil && len(b) > 0 {
		a = map[string]int{}
	}
	for k, n := range b {
		a[k] += n
	}
	return a
}

// WithLoad adds what a client counted meanwhile: the requests lost around each
// switch and each rollback, and the clients' failures in the charts.
func WithLoad(r Report, load Load) Report {
	load = slices.Clone(load)
	slices.SortStableFunc(load, func(a, b Second) int { return a.T.Compare(b.T) })
	rows := r.windows()
	outside := LostRow{What: "outside of them"}
	total := LostRow{What: "total"}
	end := r.Outcome.Last
	for _, w := range rows {
		if w.To.After(end) {
			end = w.To
		}
	}
	for _, s := range load {
		if s.T.Before(r.Outcome.Began.Truncate(time.Second)) || s.T.After(end) {
			continue // before this migration, or after it
		}
		total.add(s)
		if i := slices.IndexFunc(rows, func(w LostRow) bool { return !s.T.Before(w.From) && s.T.Before(w.To) }); i >= 0 {
			rows[i].add(s)
		} else {
			outside.add(s)
		}
	}
	r.Lost = &Lost{Rows: append(rows, outside), Total: total}
	r.Judgements = slices.Clone(r.Judgements)
	for i := range r.Judgements {
		r.Judgements[i].Clients = r.clients(r.Judgements[i], load)
	}
	return r
}

// windows are the times of the switches and rollbacks: a switch from its intent
// to the end of the watch, a rollback from its beginning until one TTL after its
// end, because resolvers may answer with the old records for so long. A window
// ends where the next one begins. Seconds are counted whole.
func (r Report) windows() []LostRow {
	var out []LostRow
	for _, a := range r.Attempts {
		if from, to, ok := r.span(a, migration.ForSwitch); ok {
			out = append(out, LostRow{What: fmt.Sprintf("switch, attempt %d", a.Number), Attempt: a.Number, From: from, To: to})
		}
		if from, to, ok := r.span(a, migration.ForRollback); ok {
			out = append(out, LostRow{What: fmt.Sprintf("rollback, attempt %d", a.Number), Attempt: a.Number, From: from, To: to})
		}
	}
	slices.SortStableFunc(out, func(a, b LostRow) int { return a.From.Compare(b.From) })
	for i := range out {
		out[i].From = out[i].From.Truncate(time.Second)
		out[i].To = out[i].To.Truncate(time.Second).Add(time.Second)
	}
	for i := 1; i < len(out); i++ {
		if out[i-1].To.After(out[i].From) {
			out[i-1].To = out[i].From
		}
	}
	return out
}

// span is when names of one attempt were led over, or back.
func (r Report) span(a Attempt, why migration.Purpose) (from, to time.Time, ok bool) {
	var ttl uint32
	for _, c := range r.Changes {
		if c.Attempt != a.Number || c.Purpose != why {
			continue
		}
		if !ok {
			from, ok = c.At, true
		}
		for _, s := range slices.Concat(c.Before, c.After) {
			ttl = max(ttl, s.TTL)
		}
	}
	to = r.Outcome.Last
	for _, s := range a.Stays {
		switch {
		case why == migration.ForSwitch && s.Step == migration.StepWatch && !s.Left.IsZero():
			to = s.Left
		case why == migration.ForRollback && s.Mode == migration.ModeRollback:
			if s.Step == migration.Back[0] {
				from = s.Entered
			}
			if !s.Left.IsZero() {
				to = s.Left.Add(time.Duration(ttl) * time.Second)
			}
		}
	}
	return from, to, ok
}

// Clients is what a client counted in a moment of a judgement.
type Clients struct {
	At     time.Time `json:"at"`
	Sent   int       `json:"sent"`
	Failed int       `json:"lost"`
}

// clientBins bounds how many moments a chart shows.
const clientBins = 180

// clients gives the counts around one judgement, from a little before the switch
// until the end of its windows, in even bins of whole seconds.
func (r Report) clients(j Judgement, load Load) []Clients {
	var from, to time.Time
	for _, w := range r.Lost.Rows {
		if w.Attempt != j.Attempt {
			continue
		}
		if from.IsZero() {
			from = w.From.Add(-10 * time.Second)
		}
		to = w.To
	}
	bin := max(time.Second, to.Sub(from)/clientBins).Truncate(time.Second)
	var out []Clients
	for _, s := range load {
		if s.T.Before(from) || !s.T.Before(to) {
			continue
		}
		at := from.Add(s.T.Sub(from) / bin * bin)
		if n := len(out); n == 0 || !out[n-1].At.Equal(at) {
			out = append(out, Clients{At: at})
		}
		c := &out[len(out)-1]
		c.Sent += s.Sent
		c.Failed += s.Sent - s.OK
	}
	return out
}

// counts writes a map as "3 by vm, 2 by kubernetes", in a steady order.
func counts(m map[string]int, by string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d %s%s", m[k], by, k))
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}
