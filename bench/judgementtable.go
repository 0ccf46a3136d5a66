package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"rehome.dev/rehome/internal/analysis"
)

// rivals are the columns of the others, and how many there are for each limit.
const (
	rivals = "Flagger, 1 | Flagger, 10 | Argo Rollouts, 0 | Argo Rollouts, 3"
	others = 4
)

// falseTable says how often a healthy service was rolled back: of the rivals the
// share of windows at 99 % successes, then at the limit fitted to the baseline.
func falseTable(rows []falseRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Healthy service | windows | rehome rolls back | 95 %% limit of the share | may be | %s |\n", rivals)
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	var independent, bursts falseRow
	for _, r := range rows {
		b.WriteString(r.line())
		if r.allowed > analysis.DefaultConfig().Alpha {
			bursts = bursts.with(r, "all with errors in bursts")
		} else {
			independent = independent.with(r, "all with independent errors")
		}
	}
	b.WriteString(independent.line() + bursts.line())
	return b.String()
}

// with adds another population up.
func (r falseRow) with(other falseRow, name string) falseRow {
	sum := falseRow{windows: r.windows + other.windows, bad: append([]int{}, other.bad...)}
	sum.name, sum.allowed = name, max(r.allowed, other.allowed)
	for k, n := range r.bad {
		sum.bad[k] += n
	}
	return sum
}

func (r falseRow) line() string {
	limit := upper(r.bad[0], r.windows)
	verdict := "kept"
	if limit > r.allowed {
		verdict = "**exceeded**"
	}
	line := fmt.Sprintf("| %s | %d | %d | %.3g %% | %.3g %%: %s |", r.name, r.windows, r.bad[0], 100*limit, 100*r.allowed, verdict)
	for k := 1; k <= others; k++ {
		line += fmt.Sprintf(" %s / %s |", percent(r.bad[k], r.windows), percent(r.bad[k+others], r.windows))
	}
	return line + "\n"
}

func percent(part, whole int) string {
	return fmt.Sprintf("%.3g %%", 100*float64(part)/float64(max(whole, 1)))
}

// delayTable says how long a regression lasted until it was rolled back: medians in
// seconds, of the rivals at both limits.
func delayTable(rows []delayRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Regression | requests/s | sample | bound | rehome, median | ÷ bound | in 9 of 10 | %s |\n", rivals)
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, d := range rows {
		if d.onset == 0 {
			b.WriteString(d.line())
		}
	}
	b.WriteString("\nThe same at a moment between the first and the tenth minute:\n\n")
	b.WriteString("| Regression | requests/s | sample | bound | rehome, median | ÷ bound | in 9 of 10 |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, d := range rows {
		if d.onset > 0 {
			b.WriteString(d.line())
		}
	}
	return b.String()
}

func (d delayRow) line() string {
	ours, bound := d.delays[0], d.bound()
	line := fmt.Sprintf("| %g → %g %% | %g | %s | %.1f s | %s | %.2f | %s |", 100*d.from, 100*d.to, d.perSecond, d.every,
		bound, seconds(halfway(ours)), halfway(ours)/bound, seconds(ours[len(ours)*9/10]))
	for k := 1; k+others < len(d.delays); k++ {
		line += fmt.Sprintf(" %s / %s |", seconds(halfway(d.delays[k])), seconds(halfway(d.delays[k+others])))
	}
	return line + "\n"
}

func halfway(sorted []float64) float64 { return sorted[len(sorted)/2] }

// seconds is a dash where more than half were never seen in the whole watch.
func seconds(s float64) string {
	if math.IsInf(s, 1) {
		return "–"
	}
	return fmt.Sprint(time.Duration(s * float64(time.Second)))
}
