package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/report"
)

// writers are the formats of a report.
var writers = map[string]func(io.Writer, report.Report) error{
	"html": report.HTML, "md": report.Markdown, "json": report.JSON,
}

func (p *Program) reportCommand() *cobra.Command {
	var form, out, load string
	c := &cobra.Command{
		Use:   "report NAME",
		Short: "Write the report of a migration: one HTML, Markdown or JSON file",
		Long: `Writes the report of a migration from its journal alone: what was waived first, then how
it ended, every step with its evidence, every change, every incident. With --load it says
too what clients saw: how many requests each switch and rollback lost. The HTML is one
file that refers to nothing outside itself.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if form == "" {
				form = "md"
				if out != "" {
					var err error
					if form, err = formOf(out); err != nil {
						return err
					}
				}
			}
			if writers[form] == nil {
				return usage("--format %s: the formats are html, md and json", form)
			}
			return p.report(cmd.Context(), args[0], form, out, load)
		},
	}
	c.Flags().StringVar(&form, "format", "", "html, md or json (default by the file's ending, otherwise md)")
	c.Flags().StringVar(&out, "out", "", "the file to write (default standard output)")
	c.Flags().StringVar(&load, "load", "", "what clients counted, one JSON object a second: {t, sent, ok, by, errors}")
	return c
}

// formOf is the format that a file's ending names.
func formOf(file string) (string, error) {
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".html", ".htm":
		return "html", nil
	case ".md", ".markdown":
		return "md", nil
	case ".json":
		return "json", nil
	}
	return "", usage("%s: a report is .html, .md or .json", file).with("name its format with --format, or end the file's name so")
}

func (p *Program) report(ctx context.Context, name, form, out, load string) error {
	_, recs, err := p.past(ctx, name)
	if err != nil {
		return err
	}
	r, err := report.Build(recs, p.now())
	if err != nil {
		return err
	}
	if load != "" {
		if r, err = counted(r, load); err != nil {
			return err
		}
	}
	if out == "" {
		return writers[form](p.Stdout, r)
	}
	if err := writeFile(out, form, r); err != nil {
		return err
	}
	p.say("report: %s", out)
	return nil
}

// counted adds to a report what clients counted meanwhile.
func counted(r report.Report, file string) (report.Report, error) {
	f, err := os.Open(file)
	if err != nil {
		return r, failed("read what the clients counted: %w", err).with("name the file that the load client wrote")
	}
	defer f.Close()
	load, err := report.ReadLoad(f)
	if err != nil {
		return r, failed("%s: %w", file, err).with("each line is one second: {\"t\":…,\"sent\":…,\"ok\":…,\"by\":{…}}")
	}
	return report.WithLoad(r, load), nil
}

// writeReport writes the report of records into a file.
func writeReport(file, form string, recs []migration.Record, now time.Time) error {
	r, err := report.Build(recs, now)
	if err != nil {
		return err
	}
	return writeFile(file, form, r)
}

func writeFile(file, form string, r report.Report) error {
	f, err := os.Create(file)
	if err != nil {
		return failed("write the report: %w", err).with("name another file")
	}
	if err := errors.Join(writers[form](f, r), f.Close()); err != nil {
		return failed("write the report: %w", err)
	}
	return nil
}
