package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rehome.dev/rehome/internal/wire"
)

// Reference writes the reference of the command line in Markdown, from the
// commands themselves.
func Reference(w io.Writer) {
	p := Program{Name: "rehome", Registry: wire.Standard()}
	root := p.root()
	root.InitDefaultCompletionCmd()
	fmt.Fprint(w, referenceHead)
	fmt.Fprint(w, "| Code | Means |\n|---|---|\n")
	for code, meaning := range Meanings {
		fmt.Fprintf(w, "| %d | %s |\n", code, meaning)
	}
	fmt.Fprint(w, "\nAn error is said on standard error, as `rehome: error: …` and, where something helps, `rehome: hint: …`.\n")
	fmt.Fprint(w, "\n## Flags of every command\n\n")
	flags(w, root.PersistentFlags())
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		section(w, c)
		if c.Name() == "completion" {
			continue
		}
		for _, below := range c.Commands() {
			section(w, below)
		}
	}
}

// section is that of one command.
func section(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "\n## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" || c.Name() == "completion" {
		text = c.Short + "."
	}
	fmt.Fprintf(w, "%s\n\n    %s\n", text, strings.TrimSuffix(c.UseLine(), " [flags]"))
	if c.Flags().HasAvailableFlags() {
		fmt.Fprintln(w)
		flags(w, c.Flags())
	}
}

const referenceHead = `# Command line

This page is written from the commands themselves, and a test holds it to them.

Results go to standard output, progress to standard error. Every command that reads takes
` + "`-o text|json|yaml`" + `; every command that changes something takes ` + "`--dry-run`" + `. Colours are used
on a terminal only, and never where ` + "`NO_COLOR`" + ` is set. Installed as ` + "`kubectl-rehome`" + ` it is
` + "`kubectl rehome`" + `.

## Exit codes

`

func flags(w io.Writer, set *pflag.FlagSet) {
	fmt.Fprint(w, "| Flag | Does |\n|---|---|\n")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		text := strings.ReplaceAll(f.Usage, "|", `\|`)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" {
			text += " (default `" + f.DefValue + "`)"
		}
		fmt.Fprintf(w, "| %s | %s |\n", name, text)
	})
}
