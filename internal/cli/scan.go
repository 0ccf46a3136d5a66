package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/sweep"
)

type scanFlags struct {
	git       string
	gitGiven  bool
	staged    bool
	stdinName string
	exclude   []string
	allow     string
	strict    bool
}

func (p *Program) scanCommand() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Find secrets in configuration: where they stand, never what they are",
		Long: `Finds secrets in files and directories, and says in which file, line, column and setting
each stands and by which rule it was taken for one. It never prints a value. It reads the
formats of configuration by their structure, so that a placeholder, a reference to a
secret kept elsewhere, an empty value or a public key is none; then it asks the detector
of gitleaks for the tokens of vendors.

PATH may be - for the standard input. Below a directory everything is looked at but git's
own files, what is binary, and what is no plain file; links are not followed. What was not
looked at is said.

With --git RANGE it looks at what each commit of a range of revisions adds, such as
main..HEAD, and with --staged at what the next commit would: as a check of a pipeline and
before a commit. PATH is then the directory in the repository, one at most.

What is known and accepted stands in .rehomescan.yaml, by file, key path and rule, with a
reason and a last day. From then on it counts again.

What may be a secret or none is listed for a person to decide; --strict counts it too.

Exit codes: 0 nothing found; 3 secrets found; 1 something could not be looked at, and in
the rest nothing was found.`,
		Example: `  rehome scan /etc/royal-bank-api
  rehome render royal-bank-api.yaml --out manifests && rehome scan manifests
  helm template chart | rehome scan - --stdin-name chart.yaml
  rehome scan --staged
  rehome scan --git origin/main..HEAD -o sarif > scan.sarif`,
		Annotations: map[string]string{moreFormats: "sarif"},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.gitGiven = cmd.Flags().Changed("git")
			return p.scan(cmd.Context(), args, f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.git, "git", "", "look at what each commit of this range of revisions adds")
	flags.BoolVar(&f.staged, "staged", false, "look at what the next commit would add")
	flags.StringVar(&f.stdinName, "stdin-name", "stdin", "name of the standard input: its ending says the format")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "leave out names or paths like this, such as *.lock or charts/**/tests; may be repeated")
	flags.StringVar(&f.allow, "allow-list", "", "the list of what is let pass (default "+sweep.AllowFile+", where it is there)")
	flags.BoolVar(&f.strict, "strict", false, "count what is doubtful too")
	return c
}

// ofGit says whether revisions are looked at, and not files as they lie there.
func (f scanFlags) ofGit() bool { return f.gitGiven || f.staged }

func (f scanFlags) check(args []string, named bool) error {
	stdin := slices.Contains(args, "-")
	switch {
	case f.gitGiven && f.staged:
		return usage("--git and --staged are two things: give one of them")
	case f.ofGit() && (len(args) > 1 || stdin):
		return usage("--git and --staged take one PATH at most, the directory in the repository")
	case !f.ofGit() && len(args) == 0:
		return usage("scan needs a PATH").with("a file, a directory, - for the standard input; or --git RANGE, or --staged")
	case named && !stdin:
		return usage("--stdin-name needs the path -")
	case f.stdinName == "":
		return usage("--stdin-name is empty")
	case slices.Contains(f.exclude, ""):
		return usage("--exclude is empty")
	}
	return nil
}

func (p *Program) scan(ctx context.Context, args []string, f scanFlags) error {
	if err := f.check(args, f.stdinName != "stdin"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type swept struct {
		scanned scanned
		err     error
	}
	ended := make(chan swept, 1)
	go func() {
		s, err := p.sweep(ctx, args, f)
		ended <- swept{s, err}
	}()
	select {
	case <-p.Stop: // somebody who does not write to the standard input keeps it from ending
		cancel(errStopped)
		return failed("%w", errStopped).with("nothing was changed; call it again")
	case s := <-ended:
		if s.err != nil {
			return s.err
		}
		return p.told(s.scanned, f.strict)
	}
}

// sweep looks, and sorts what was found.
func (p *Program) sweep(ctx context.Context, args []string, f scanFlags) (scanned, error) {
	show := p.scanProgress()
	defer show.end()
	o := sweep.Options{Exclude: f.exclude, Stdin: p.Stdin, StdinName: f.stdinName, Progress: show.at}
	dir, base := ".", "."
	var r sweep.Result
	var err error
	if f.ofGit() {
		if len(args) == 1 {
			dir = args[0]
		}
		if base, err = sweep.Top(ctx, dir); err != nil {
			base = dir // a bare repository has no directory of files
		}
	}
	allowed, err := allowances(f.allow, base)
	if err != nil {
		return scanned{}, err
	}
	switch {
	case f.staged:
		r, err = sweep.Staged(ctx, dir, o)
	case f.gitGiven:
		r, err = sweep.Range(ctx, dir, f.git, o)
	default:
		r, err = sweep.Files(ctx, args, o)
	}
	if err != nil {
		return scanned{}, scanFailed(err, f)
	}
	var unused []sweep.Allowance
	if allowed != nil {
		if unused, err = allowed.Apply(r.Findings, base, p.now()); err != nil {
			return scanned{}, err
		}
	}
	return sorted(r, unused), nil
}

// allowances is the list that was named, or the usual one where it is there.
func allowances(named, base string) (*sweep.Allowances, error) {
	file := named
	if file == "" {
		file = filepath.Join(base, sweep.AllowFile)
	}
	l, err := sweep.ReadAllowances(file)
	switch {
	case named == "" && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, failed("%w", err).with("--allow-list names a file")
	case err != nil:
		return nil, failed("%w", err).with("an entry of allow has file, keyPath, rule, reason and until, and nothing else; a value never")
	}
	return l, nil
}

// scanFailed adds what helps.
func scanFailed(err error, f scanFlags) error {
	var said *sweep.GitError
	switch {
	case errors.Is(err, sweep.ErrPattern):
		return usage("--exclude: %w", err).with("a name such as *.lock, or a path such as charts/**/tests")
	case errors.Is(err, exec.ErrNotFound):
		return failed("%w", err).with("--git and --staged need git to be installed")
	case errors.As(err, &said) && f.gitGiven:
		return failed("%w", err).with("give a range that this repository has, such as main..HEAD; a pipeline's copy may be too shallow for it (git fetch --unshallow)")
	case errors.As(err, &said):
		return failed("%w", err).with("call it in a repository, or name its directory")
	}
	return failed("%w", err)
}

// told writes the result and gives the exit code.
func (p *Program) told(s scanned, strict bool) error {
	p.scanFaults(s.Errors)
	var err error
	if p.flags.output == "sarif" {
		err = scanSARIF(p.Stdout, s, thisVersion().Version)
	} else {
		err = p.emit(s, func(w io.Writer) { p.scanText(w, s) })
	}
	switch {
	case err != nil:
		return fmt.Errorf("write the result: %w", err)
	case len(s.Findings) > 0 || strict && len(s.Doubtful) > 0:
		return silent(CodeBlocked)
	case len(s.Errors) > 0:
		return silent(CodeError)
	}
	return nil
}

// mostFaults is how many things that could not be looked at are said one by one.
const mostFaults = 20

func (p *Program) scanFaults(all []sweep.Fault) {
	for i, f := range all {
		if i == mostFaults {
			complain(p.Stderr, fmt.Sprintf("%d more could not be looked at", len(all)-i), "-o json has all of them")
			return
		}
		hint := ""
		switch {
		case errors.Is(f, fs.ErrNotExist):
			hint = "name files and directories that are there, or - for the standard input"
		case errors.Is(f, fs.ErrPermission):
			hint = "this user must be able to read it, or leave it out with --exclude"
		}
		complain(p.Stderr, visible(f.File)+": "+f.Reason, hint)
	}
}
