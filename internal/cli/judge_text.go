package cli

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"charm.land/lipgloss/v2"

	"rehome.dev/rehome/internal/analysis"
)

// verdictStyle colours a verdict.
func verdictStyle(k analysis.VerdictKind) lipgloss.Style {
	switch k {
	case analysis.Good:
		return styleGood
	case analysis.Bad:
		return styleBad
	}
	return styleWarn
}

// judgementText is a judgement that can be read aloud.
func (p *Program) judgementText(w io.Writer, v judgement) {
	fmt.Fprintf(w, "%s %s\n", p.paint(verdictStyle(v.Verdict), string(v.Verdict)), v.headline())
	fmt.Fprintf(w, "  %s\n", v.Why)
	fmt.Fprintf(w, "  baseline: %s, %s failed (%s); dispersion %.3g\n", grouped(v.base.Requests), grouped(v.base.Errors), perCent(float64(v.base.Errors)/max(float64(v.base.Requests), 1)), v.Dispersion)
	fmt.Fprintf(w, "  %s, %d missing", count(v.Samples, "sample", "samples"), v.Missing)
	if v.FromZero {
		fmt.Fprint(w, "; counted from the switch on")
	} else {
		fmt.Fprint(w, "; counted from the first sample on")
	}
	fmt.Fprintln(w)
	if !v.Latency {
		fmt.Fprintln(w, "  latency is not judged: the baseline has no buckets")
	}
	p.weaker(w, v.Weaker)
}

// weaker names numbers of the policy that are weaker than the runbook's.
func (p *Program) weaker(w io.Writer, list []string) {
	if len(list) > 0 {
		fmt.Fprintf(w, "  %s\n", p.paint(styleWarn, "the policy is weaker than the runbook: "+joined(list)))
	}
}

// headline says when, and what follows.
func (v judgement) headline() string {
	switch v.Verdict {
	case analysis.Bad:
		return fmt.Sprintf("at t = %s: this policy would have rolled back", seconds(v.T))
	case analysis.Good:
		return fmt.Sprintf("since t = %s", seconds(v.T))
	case analysis.Blind:
		return fmt.Sprintf("at the end, t = %s: nothing was seen since t = %s", seconds(v.T), seconds(v.since))
	}
	if v.Needed == 0 {
		return fmt.Sprintf("at the end, t = %s: no number of requests would settle it", seconds(v.T))
	}
	return fmt.Sprintf("at the end, t = %s: about %s more requests would settle it", seconds(v.T), grouped(v.Needed))
}

func seconds(t float64) string { return strconv.FormatFloat(t, 'f', -1, 64) + " s" }

// perCent is a share for people.
func perCent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

// grouped is a number with its thousands apart.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// replayedText is a replay that can be read aloud.
func (p *Program) replayedText(w io.Writer, v replayed) {
	fmt.Fprintf(w, "%s: %s of its own traffic, %s to %s: %s of %s, each after %s of baseline\n", p.paint(styleHead, v.Migration),
		span(v.To.Sub(v.From)), p.stamp(v.From), p.stamp(v.To), count(v.Windows, "window", "windows"), span(v.window), span(v.over))
	style := styleGood
	if v.RolledBack > 0 {
		style = styleBad
	}
	fmt.Fprintf(w, "  %s\n", p.paint(style, fmt.Sprintf("rolled back: %d of %d judged (by chance, at most %.2g at α %g)", v.RolledBack, v.Judged, v.Allowed, v.Alpha)))
	for _, b := range v.Bad {
		fmt.Fprintf(w, "    %s, %s after its beginning: %s\n", p.stamp(b.From), span(b.At.Sub(b.From)), b.Why)
	}
	if v.RolledBack > 0 {
		fmt.Fprintln(w, "    was the application well at that time? then this is how often the policy errs; if not, it was right")
	}
	fmt.Fprintf(w, "  good: %d\n  unresolved: %d\n", v.Good, v.Unresolved)
	if v.Blind > 0 {
		fmt.Fprintf(w, "  blind: %d\n", v.Blind)
	}
	for _, n := range v.NotJudged {
		fmt.Fprintf(w, "  not judged: %d: %s\n", n.Windows, n.Why)
	}
	fmt.Fprintf(w, "  dispersion of the baselines: %.3g in the middle, %.3g at most\n", v.Dispersion.Median, v.Dispersion.Most)
	fmt.Fprintf(w, "  seen: %s of the time\n", perCent(v.Coverage))
	const shown = 5
	for i, g := range v.Gaps {
		if i == shown {
			fmt.Fprintf(w, "    and %s more\n", count(len(v.Gaps)-shown, "gap", "gaps"))
			break
		}
		fmt.Fprintf(w, "    nothing from %s for %s\n", p.stamp(g.From), span(max(g.To.Sub(g.From), time.Second)))
	}
	p.weaker(w, v.Weaker)
}
