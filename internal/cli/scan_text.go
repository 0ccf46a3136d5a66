package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"rehome.dev/rehome/internal/sweep"
)

// scanned is what a sweep has found, for those who read it.
type scanned struct {
	Findings []sweep.Finding   `json:"findings"`
	Doubtful []sweep.Finding   `json:"doubtful"`
	LetPass  []sweep.Finding   `json:"letPass"`
	Skipped  []sweep.Skipped   `json:"skipped"`
	Errors   []sweep.Fault     `json:"errors"`
	Unused   []sweep.Allowance `json:"unusedAllowances"`
	Counts   scanCounts        `json:"counts"`
}

type scanCounts struct {
	Files   int   `json:"files"` // that were looked at
	Bytes   int64 `json:"bytes"`
	Commits int   `json:"commits,omitempty"`
}

// sorted puts apart what counts, what a person has to decide, and what is let pass.
func sorted(r sweep.Result, unused []sweep.Allowance) scanned {
	s := scanned{
		Findings: []sweep.Finding{}, Doubtful: []sweep.Finding{}, LetPass: []sweep.Finding{},
		Skipped: append([]sweep.Skipped{}, r.Skipped...), Errors: append([]sweep.Fault{}, r.Faults...), Unused: append([]sweep.Allowance{}, unused...),
		Counts: scanCounts{Files: r.Files, Bytes: r.Bytes, Commits: r.Commits},
	}
	for _, f := range r.Findings {
		switch {
		case f.LetPass():
			s.LetPass = append(s.LetPass, f)
		case f.Doubtful:
			s.Doubtful = append(s.Doubtful, f)
		default:
			s.Findings = append(s.Findings, f)
		}
	}
	return s
}

// scanText is a table that can be read aloud.
func (p *Program) scanText(w io.Writer, s scanned) {
	style := styleGood
	if len(s.Findings) > 0 {
		style = styleBad
	}
	fmt.Fprintln(w, p.paint(style, s.headline()))
	p.placesText(w, "", s.Findings)
	if len(s.Doubtful) > 0 {
		fmt.Fprintf(w, "\n%s\n", p.paint(styleWarn, "For a person to decide: "+count(len(s.Doubtful), "place that may hold a secret", "places that may hold a secret")))
		p.placesText(w, "", s.Doubtful)
	}
	if len(s.LetPass) > 0 {
		fmt.Fprintln(w, "\nLet pass")
		p.placesText(w, "let pass", s.LetPass)
	}
	for _, a := range s.Unused {
		fmt.Fprintf(w, "\n%s of the allow list fits nothing here\n", visible(a.File)+", "+visible(a.KeyPath))
	}
	if len(s.Skipped) > 0 {
		fmt.Fprintf(w, "\nNot looked at: %s\n", skippedText(s.Skipped))
	}
	if len(s.Errors) > 0 {
		fmt.Fprintf(w, "\nCould not be looked at: %s\n", count(len(s.Errors), "path", "paths"))
	}
}

// headline is the answer in one sentence.
func (s scanned) headline() string {
	looked := count(s.Counts.Files, "file", "files") + " (" + size(s.Counts.Bytes) + ")"
	if n := s.Counts.Commits; n > 0 {
		looked = "what " + count(n, "commit adds", "commits add") + " to " + looked
	}
	if len(s.Findings) == 0 {
		return "no secret in " + looked
	}
	files := map[string]bool{}
	for _, f := range s.Findings {
		files[f.File] = true
	}
	return fmt.Sprintf("%s in %s; looked at %s", count(len(s.Findings), "secret", "secrets"), count(len(files), "file", "files"), looked)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// placesText writes places under the name of their file.
func (p *Program) placesText(w io.Writer, how string, all []sweep.Finding) {
	for i := 0; i < len(all); {
		n := i + 1
		for n < len(all) && all[n].File == all[i].File && all[n].Commit == all[i].Commit {
			n++
		}
		in := ""
		if c := all[i].Commit; c != "" {
			in = ", added by commit " + c[:min(len(c), 12)]
		}
		fmt.Fprintf(w, "  %s%s\n", p.paint(styleHead, visible(all[i].File)), in)
		p.rows(w, how, all[i:n])
		i = n
	}
}

func (p *Program) rows(w io.Writer, how string, all []sweep.Finding) {
	where, keys := 0, 0
	for _, f := range all {
		where, keys = max(where, len(position(f))), max(keys, min(len([]rune(f.KeyPath)), 48))
	}
	for _, f := range all {
		key := visible(f.KeyPath)
		fmt.Fprintf(w, "    %-*s  %s%s  %s\n", where, position(f), key, strings.Repeat(" ", max(0, keys-len([]rune(key)))), f.Rule)
		if a := f.Allowance; a != nil {
			word := "was let pass until"
			if how != "" {
				word = how + " until"
			}
			fmt.Fprintf(w, "      %s %s: %s\n", word, a.Until, visible(a.Reason))
		}
	}
}

func position(f sweep.Finding) string {
	switch {
	case f.Line == 0:
		return "the whole file"
	case f.Column == 0:
		return fmt.Sprintf("line %d", f.Line)
	}
	return fmt.Sprintf("line %d, column %d", f.Line, f.Column)
}

// skippedText counts by reason, in the order in which reasons came up.
func skippedText(all []sweep.Skipped) string {
	var reasons []string
	n, first := map[string]int{}, map[string]string{}
	for _, s := range all {
		if n[s.Reason] == 0 {
			reasons = append(reasons, s.Reason)
			first[s.Reason] = s.File
		}
		n[s.Reason]++
	}
	parts := make([]string, len(reasons))
	for i, r := range reasons {
		if n[r] == 1 {
			parts[i] = visible(first[r]) + " (" + r + ")"
		} else {
			parts[i] = fmt.Sprintf("%d paths (%s)", n[r], r)
		}
	}
	return strings.Join(parts, ", ")
}

// visible is a name that cannot speak to a terminal: in quotes where it would.
func visible(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
