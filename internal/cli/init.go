package cli

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/config"
)

type initFlags struct {
	out, host, unit string
	port            int
	dirs            []string
	policy, dry     bool
}

func (p *Program) initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a commented file to begin with",
		Long: `Writes NAME.yaml, a commented migration to fill in, or with --policy a policy. A file that
is there already is not touched.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return p.init(args[0], f) },
	}
	c.Flags().StringVar(&f.out, "out", "", "the file to write, - for standard output (default NAME.yaml)")
	c.Flags().StringVar(&f.host, "host", "", "host of the machine that runs the application today")
	c.Flags().StringVar(&f.unit, "unit", "", "its systemd unit")
	c.Flags().IntVar(&f.port, "port", 0, "its port")
	c.Flags().StringSliceVar(&f.dirs, "config-dir", nil, "a directory with its configuration; may be repeated")
	c.Flags().BoolVar(&f.policy, "policy", false, "write a policy instead of a migration")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "say which file would be written")
	return c
}

func (p *Program) init(name string, f initFlags) error {
	text := config.Starter(name, config.StarterOptions{Host: f.host, Unit: f.unit, Port: f.port, ConfigDirs: f.dirs})
	next := "rehome plan "
	if f.policy {
		text, next = config.PolicyStarter(name), "name it in spec.policy of a migration, or with --policy: "
	}
	path := f.out
	switch path {
	case "-":
		_, err := p.Stdout.Write(text)
		return err
	case "":
		path = name + ".yaml"
	}
	if f.dry {
		if _, err := os.Lstat(path); err == nil {
			return exists(path)
		}
		p.print("would write %s, %d bytes", path, len(text))
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return exists(path)
	case err != nil:
		return failed("write the starter: %w", err).with("name another file with --out")
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return failed("write the starter: %w", err)
	}
	p.print("%s is written; fill in what stands between < and >, then: %s%s", path, next, path)
	return nil
}

func exists(path string) error {
	return failed("%s is there already and is not overwritten", path).with("name another file with --out, or - for standard output")
}
