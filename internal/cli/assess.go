package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/assessment"
	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// assessFlags are what assess is told beside its file.
type assessFlags struct {
	policy string
	facts  []string
	save   string
	format string
	out    string
	record bool
	dry    bool
}

func (p *Program) assessCommand() *cobra.Command {
	var f assessFlags
	c := &cobra.Command{
		Use:   "assess FILE",
		Short: "Judge the containerisation checklist from facts of the machines",
		Long: `Takes the facts of the application on every machine that FILE declares, and judges from
them whether it can be moved: the runbook's nine items, and what beyond them stands in the
way. Each finding comes with what was seen, when, how to see it oneself, and what helps.
What nobody could see is unknown, and unknown does not pass.

With --facts it judges what rehome probe took earlier, and says how old that is. Facts that
are older than the policy's evidence.maxAge are unknown.

It changes nothing, in the journal neither: the step assess of rehome run judges the same
way, and again before the switch. Waivers that the journal knows count here too.

A run makes no experiments. With --facts and --record, what only an experiment shows (the
loads and drills of a rehome probe with --load or --drill) is put on record in the journal
of the migration, and nothing is judged: from then on the steps assess and go count it on
its machine, as long after it was made as evidence.maxAge says.

Exit codes: 0 ready, or recorded; 3 blocked.`,
		Example: `  rehome assess royal-bank-api.yaml
  rehome probe --unit royal-bank-api --host ssh://root@bank-vm-1 -o json > facts.json
  rehome assess royal-bank-api.yaml --facts facts.json -o json
  rehome assess royal-bank-api.yaml --format sarif --out assess.sarif
  rehome assess royal-bank-api.yaml --facts facts.json --record --as angua`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.format == "" {
				f.format = assessFormat(f.out)
			}
			if f.format != "" && !slices.Contains(assessment.Formats, f.format) {
				return usage("--format %s: the formats are %s; -o gives text, json and yaml", f.format, strings.Join(assessment.Formats, ", "))
			}
			switch {
			case f.record && len(f.facts) == 0:
				return usage("--record needs --facts").with("take them with: rehome probe %s --load URL --rate N --drill sigterm --yes -o json > facts.json", args[0])
			case f.dry && !f.record:
				return usage("--dry-run needs --record").with("without it nothing is journalled")
			case f.record:
				return p.record(cmd.Context(), args[0], f)
			}
			return p.assess(cmd.Context(), args[0], f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.policy, "policy", "", "the policy's file (default the one that FILE names)")
	flags.StringArrayVar(&f.facts, "facts", nil, "judge these facts instead of taking them; may be given for several machines")
	flags.StringVar(&f.save, "save", "", "keep the facts that were taken in this file")
	flags.StringVar(&f.format, "format", "", "markdown, sarif or junit instead of -o (default by the ending of --out)")
	flags.StringVar(&f.out, "out", "", "the file to write (default standard output)")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(assessment.Formats, cobra.ShellCompDirectiveNoFileComp))
	flags.BoolVar(&f.record, "record", false, "put the loads and drills of --facts on record in the journal")
	flags.BoolVar(&f.dry, "dry-run", false, "say what --record would journal")
	c.MarkFlagsMutuallyExclusive("facts", "save")
	c.MarkFlagsMutuallyExclusive("record", "format")
	c.MarkFlagsMutuallyExclusive("record", "out")
	return c
}

// assessFormat is the format that a file's ending names, or none.
func assessFormat(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".md", ".markdown":
		return "markdown"
	case ".sarif":
		return "sarif"
	case ".xml":
		return "junit"
	}
	return ""
}

func (p *Program) assess(ctx context.Context, file string, f assessFlags) error {
	loaded, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	in := readiness.Input{Spec: loaded.Spec, Policy: loaded.Policy, Attempt: 1}
	if err := p.said(ctx, &in); err != nil {
		return err
	}
	ports, _ := p.Registry.Ports(loaded.Spec, loaded.Policy) // what is missing says so itself
	if len(f.facts) > 0 {
		in.Report, err = readFacts(f.facts)
	} else {
		in.Report, err = p.inventoryOf(ctx, ports, loaded)
	}
	if err != nil {
		return err
	}
	if f.save != "" {
		if err := saveFacts(f.save, in.Report); err != nil {
			return err
		}
		p.say("facts: %s", f.save)
	}
	in.Bases = engine.Bases(ctx, ports.Images, loaded.Spec, loaded.Policy, loaded.File, p.now())
	in.Now = p.now()
	a := readiness.Judge(in)
	if err := p.writeAssessment(a, f); err != nil {
		return err
	}
	if !a.Ready {
		return silent(CodeBlocked)
	}
	return nil
}

// said takes from the journal what people have let pass and what they have
// measured, where it knows the migration.
func (p *Program) said(ctx context.Context, in *readiness.Input) error {
	s, _, err := p.past(ctx, in.Spec.Name)
	if errors.Is(err, engine.ErrNoMigration) {
		return nil
	}
	if err != nil {
		return err
	}
	in.Waivers, in.Recorded, in.Attempt = s.Waivers, s.Measured, s.Attempt
	return nil
}

// watched are machines that tell how far they are.
type watched interface {
	Watched(ctx context.Context, spec migration.Spec, policy migration.Policy, say func(int, inventory.Event)) (inventory.Report, error)
}

// inventoryOf looks at every machine now.
func (p *Program) inventoryOf(ctx context.Context, ports engine.Ports, loaded config.Loaded) (inventory.Report, error) {
	if len(loaded.Spec.VMs) == 0 {
		return inventory.Report{}, failed("%s names no machine", loaded.File).with("fill in spec.vms")
	}
	p.say("taking facts for %s on %s", span(loaded.Policy.ProbeFor), joined(loaded.Spec.Hosts()))
	take := ports.Machines.Inventory
	if w, ok := ports.Machines.(watched); ok {
		show := p.sampling(loaded.Spec.Hosts())
		defer show.end()
		take = func(ctx context.Context, s migration.Spec, pol migration.Policy) (inventory.Report, error) {
			return w.Watched(ctx, s, pol, show.event)
		}
	}
	report, err := take(ctx, loaded.Spec, loaded.Policy)
	if err != nil {
		return report, failed("take the facts: %w", err).with("judge facts that were taken on the machine: rehome assess %s --facts FILE", loaded.File)
	}
	return report, nil
}

// readFacts reads facts files into one report: a machine of each.
func readFacts(files []string) (inventory.Report, error) {
	all := inventory.Report{Format: inventory.Format}
	for _, file := range files {
		one, _, err := readFactsFile(file)
		if err != nil {
			return all, err
		}
		all.Machines = append(all.Machines, one.Machines...)
	}
	return all, nil
}

// readFactsFile reads one of them, and gives its SHA-256.
func readFactsFile(file string) (inventory.Report, string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return inventory.Report{}, "", failed("read the facts: %w", err).with("take them with: rehome probe --unit UNIT --host ssh://user@machine -o json > %s", file)
	}
	r, err := inventory.Decode(data)
	if err != nil {
		return r, "", failed("%s %w", file, err).with("take the facts anew with rehome probe -o json")
	}
	sum := sha256.Sum256(data)
	return r, hex.EncodeToString(sum[:]), nil
}

func (p *Program) writeAssessment(a readiness.Assessment, f assessFlags) error {
	if f.out != "" {
		file, err := os.Create(f.out)
		if err != nil {
			return failed("write the assessment: %w", err).with("name another file")
		}
		err = errors.Join(p.assessmentTo(file, a, f.format, false), file.Close())
		if err != nil {
			return failed("write the assessment: %w", err)
		}
		p.say("%s", assessment.Headline(a))
		p.say("assessment: %s", f.out)
		return nil
	}
	return p.assessmentTo(p.Stdout, a, f.format, p.Colour)
}

func (p *Program) assessmentTo(w io.Writer, a readiness.Assessment, format string, colour bool) error {
	if format != "" {
		return assessment.Write(w, a, format, thisVersion().Version)
	}
	q := *p
	q.Stdout, q.Colour = w, colour
	return q.emit(a, func(w io.Writer) { assessment.Text(w, a, q.paintVerdict) })
}

// saveFacts keeps a report of facts. It holds no secret, but where secrets are.
func saveFacts(file string, r inventory.Report) error {
	data, err := inventory.Encode(r)
	if err != nil {
		return fmt.Errorf("write the facts: %w", err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return failed("write the facts: %w", err).with("name another file")
	}
	return nil
}
