package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/migration"
)

// moreFormats annotates a command with the formats that it knows beside those of
// every command.
const moreFormats = "formats"

// formatsOf are the values of -o that a command takes.
func formatsOf(cmd *cobra.Command) []string {
	return append([]string{"text", "json", "yaml"}, strings.Fields(cmd.Annotations[moreFormats])...)
}

// listed is a list of two or more in words.
func listed(all []string) string {
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// emit writes a result as it was asked for; text writes it for people.
func (p *Program) emit(v any, text func(w io.Writer)) error {
	switch p.flags.output {
	case "json":
		e := json.NewEncoder(p.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		b, err := yaml.Marshal(v)
		if err != nil {
			return err
		}
		_, err = p.Stdout.Write(b)
		return err
	}
	text(p.Stdout)
	return nil
}

// The meanings of colours. Without a terminal there are none.
var (
	styleGood = lipgloss.NewStyle().Foreground(lipgloss.Green)
	styleBad  = lipgloss.NewStyle().Foreground(lipgloss.Red)
	styleWarn = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleHead = lipgloss.NewStyle().Bold(true)
)

func (p *Program) paint(s lipgloss.Style, text string) string {
	if !p.Colour {
		return text
	}
	return s.Render(text)
}

// verdictMark is a verdict in one coloured word.
func (p *Program) verdictMark(v migration.Verdict) string { return p.paintVerdict(v, v.String()) }

// paintVerdict colours a word by the verdict that it stands for.
func (p *Program) paintVerdict(v migration.Verdict, word string) string {
	switch v {
	case migration.Pass:
		return p.paint(styleGood, word)
	case migration.Waived, migration.Unknown:
		return p.paint(styleWarn, word)
	}
	return p.paint(styleBad, word)
}

// reasons writes reasons with code, verdict, text and hint, each line behind
// indent. Reasons that say the same of several codes are written once.
func (p *Program) reasons(w io.Writer, indent string, list []migration.Reason, name string) {
	for _, g := range alike(list) {
		fmt.Fprintf(w, "%s%s %s: %s\n", indent, p.verdictMark(g.Verdict), joined(g.codes), g.Text)
		indent := strings.Repeat(" ", len(indent))
		if !g.Until.IsZero() {
			fmt.Fprintf(w, "%s  until %s\n", indent, p.stamp(g.Until))
		}
		if g.Hint != "" {
			fmt.Fprintf(w, "%s  hint: %s\n", indent, hintText(g.hint(), name))
		}
	}
}

// group are reasons that differ in their code alone.
type group struct {
	migration.Reason
	codes []string
}

// hint names all codes where each reason's own hint named its one.
func (g group) hint() string {
	return strings.ReplaceAll(g.Hint, string(g.Code), strings.Join(g.codes, " "))
}

func alike(list []migration.Reason) []group {
	var out []group
	at := map[string]int{}
	for _, r := range list {
		key := fmt.Sprint(r.Verdict, r.Text, r.Until, strings.ReplaceAll(r.Hint, string(r.Code), "CODE"))
		if i, ok := at[key]; ok {
			out[i].codes = append(out[i].codes, string(r.Code))
			continue
		}
		at[key] = len(out)
		out = append(out, group{r, []string{string(r.Code)}})
	}
	return out
}

// hintText puts the migration's name where a guard could not know it.
func hintText(hint, name string) string { return strings.ReplaceAll(hint, "NAME ", name+" ") }

// failing are the reasons that do not pass.
func failing(list []migration.Reason) []migration.Reason {
	var out []migration.Reason
	for _, r := range list {
		if !r.OK() {
			out = append(out, r)
		}
	}
	return out
}

// advice are the reasons that do not pass and hold nothing up.
func advice(list []migration.Reason) []migration.Reason {
	var out []migration.Reason
	for _, r := range list {
		if r.Advice {
			out = append(out, r)
		}
	}
	return out
}

// span is a length of time for people: without fractions, and without the
// zeros at its end.
func span(d time.Duration) string {
	if d > 0 && d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// where is a position for people.
func where(pos migration.Position) string {
	if pos.Mode == migration.ModeForward {
		return fmt.Sprintf("attempt %d, %s (%d of %d)", pos.Attempt, pos.Step, pos.Step.Index(), len(migration.Forward))
	}
	switch pos.Mode {
	case migration.ModeRollback, migration.ModeAborting:
		return fmt.Sprintf("attempt %d, %s: %s", pos.Attempt, pos.Mode, pos.Step)
	}
	return fmt.Sprintf("attempt %d, %s", pos.Attempt, pos.Mode)
}
