package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
)

// rcaSections are the questions that a root cause analysis answers.
var rcaSections = []string{"What happened", "Timeline", "Root cause", "Why it was not seen before", "What changes"}

// maxRCA bounds what is read as an analysis.
const maxRCA = 1 << 20

func (p *Program) rcaCommand() *cobra.Command {
	var file, incident string
	var template, dry bool
	c := &cobra.Command{
		Use:   "rca NAME",
		Short: "Attach the root cause analysis without which no second attempt begins",
		Long: `Attaches a root cause analysis to the open incident of a migration. The text stays in your
file; its hash and the first line of its root cause are journalled. --template prints a
file to fill in.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case template:
				return p.rcaTemplate(cmd.Context(), args[0], incident)
			case file == "":
				return usage("rca needs --file with the written analysis").with("to begin one: rehome rca %s --template > rca.md", args[0])
			}
			return p.rca(cmd.Context(), args[0], incident, file, dry)
		},
	}
	c.Flags().StringVar(&file, "file", "", "the written analysis, in Markdown")
	c.Flags().StringVar(&incident, "incident", "", "of which incident (default the open one)")
	c.Flags().BoolVar(&template, "template", false, "print a file to fill in")
	c.Flags().BoolVar(&dry, "dry-run", false, "check the file and say what would be journalled")
	return c
}

func (p *Program) rcaTemplate(ctx context.Context, name, id string) error {
	s, _, err := p.past(ctx, name)
	if err != nil {
		return err
	}
	inc, err := pickIncident(s, id)
	if err != nil {
		return err
	}
	p.print("# Root cause analysis of incident %s\n", inc.ID)
	for _, section := range rcaSections {
		p.print("## %s\n", section)
		switch section {
		case "What happened":
			p.print("<!-- Known: %s -->\n", strings.ReplaceAll(inc.Summary, "--", "- -"))
		case "Timeline":
			p.print("<!-- %s: turned back at %s, by %s. The rest: rehome log %s -->\n", p.stamp(inc.At), inc.Step, inc.By, name)
		default:
			p.print("")
		}
	}
	return nil
}

func (p *Program) rca(ctx context.Context, name, id, file string, dry bool) error {
	text, summary, err := readRCA(file)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	var rca migration.RCA
	err = p.speak(ctx, name, dry, func(s runbook.State, actor string) ([]engine.Saying, error) {
		inc, err := pickIncident(s, id)
		if err != nil {
			return nil, err
		}
		rca = migration.RCA{Incident: inc.ID, By: actor, At: p.now(), SHA256: hex.EncodeToString(sum[:]), Bytes: len(text), Summary: summary, File: path}
		return []engine.Saying{{Kind: migration.KindRCA, Body: rca}}, nil
	})
	if err != nil {
		return err
	}
	p.print("%s %s the root cause of %s: %s", rca.By, verb(dry, "attaches", "would attach"), rca.Incident, rca.Summary)
	return nil
}

// readRCA reads an analysis whose every section is written, and the first line
// of its root cause.
func readRCA(file string) (text []byte, summary string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, "", failed("the analysis cannot be read: %w", err).with("check the path after --file")
	}
	defer f.Close()
	if text, err = io.ReadAll(io.LimitReader(f, maxRCA+1)); err != nil {
		return nil, "", failed("the analysis cannot be read: %w", err)
	}
	switch {
	case len(strings.TrimSpace(string(text))) == 0:
		return nil, "", failed("%s is empty", file).with("to begin one: rehome rca NAME --template")
	case len(text) > maxRCA:
		return nil, "", failed("%s is larger than %d bytes", file, maxRCA).with("is this the right file?")
	}
	written := sectionsOf(string(text))
	var open []string
	for _, s := range rcaSections {
		if len(written[strings.ToLower(s)]) == 0 {
			open = append(open, s)
		}
	}
	if len(open) > 0 {
		return nil, "", failed("%s: not written yet: %s", file, joined(open)).with("each of them is a heading with text below it; rehome rca NAME --template shows them")
	}
	return text, written["root cause"][0], nil
}

// sectionsOf gives the written lines below each heading, in lower case.
// Comments are not written.
func sectionsOf(text string) map[string][]string {
	out := map[string][]string{}
	section := ""
	for line := range strings.Lines(stripComments(text)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "#"); ok {
			section = strings.ToLower(strings.TrimSpace(strings.TrimLeft(title, "#")))
			continue
		}
		if line != "" {
			out[section] = append(out[section], line)
		}
	}
	return out
}

func stripComments(text string) string {
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(text, "<!--")
		b.WriteString(before)
		if !open {
			return b.String()
		}
		_, text, open = strings.Cut(rest, "-->")
		if !open {
			return b.String()
		}
	}
}

// pickIncident is the one of that name, or the open one, or the last.
func pickIncident(s runbook.State, id string) (migration.Incident, error) {
	if len(s.Incidents) == 0 {
		return migration.Incident{}, failed("%s has no incident", s.Key).with("an incident is opened when an attempt is rolled back")
	}
	var ids []string
	for _, inc := range s.Incidents {
		if inc.ID == id {
			return inc, nil
		}
		ids = append(ids, inc.ID)
	}
	if id != "" {
		return migration.Incident{}, failed("%s has no incident %s", s.Key, id).with("there are: %s", joined(ids))
	}
	if inc, open := s.OpenIncident(); open {
		return inc, nil
	}
	return s.Incidents[len(s.Incidents)-1], nil
}

func (p *Program) incidentCommand() *cobra.Command {
	var id string
	c := &cobra.Command{
		Use:   "incident NAME",
		Short: "Show the incident of a rolled back attempt",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return p.incident(cmd.Context(), args[0], id) },
	}
	c.Flags().StringVar(&id, "id", "", "which one (default the open one, or the last)")
	return c
}

func (p *Program) incident(ctx context.Context, name, id string) error {
	s, recs, err := p.past(ctx, name)
	if err != nil {
		return err
	}
	inc, err := pickIncident(s, id)
	if err != nil {
		return err
	}
	v := struct {
		migration.Incident
		Logs []string `json:"logs,omitempty"`
	}{inc, logsOf(recs, inc.ID)}
	return p.emit(v, func(w io.Writer) {
		fmt.Fprintf(w, "%s  attempt %d, at %s, %s, by %s\n", p.paint(styleHead, inc.ID), inc.Attempt, inc.Step, p.stamp(inc.At), inc.By)
		fmt.Fprintf(w, "%s\n", inc.Summary)
		p.reasons(w, "  ", inc.Cause, name)
		for _, f := range v.Logs {
			fmt.Fprintf(w, "saved: %s\n", f)
		}
		if inc.RCA == nil {
			fmt.Fprintf(w, "no root cause analysis yet; to begin one: rehome rca %s --template > rca.md\n", name)
			return
		}
		fmt.Fprintf(w, "root cause, by %s, %s: %s\n", inc.RCA.By, p.stamp(inc.RCA.At), inc.RCA.Summary)
		fmt.Fprintf(w, "  %s, sha256 %s\n", inc.RCA.File, inc.RCA.SHA256)
	})
}

// logsOf are the files that were saved for an incident.
func logsOf(recs []migration.Record, incident string) []string {
	mine := map[string]bool{}
	var out []string
	for _, r := range recs {
		switch r.Kind {
		case migration.KindIntent:
			i := body[migration.Intent](r)
			if a, ok := i.Action.(migration.SaveLogs); ok && a.Incident == incident {
				mine[i.ID] = true
			}
		case migration.KindOutcome:
			if s := body[migration.Settled](r); mine[s.Intent] {
				out = append(out, s.Result.Files...)
			}
		}
	}
	return out
}
