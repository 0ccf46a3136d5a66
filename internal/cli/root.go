package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// execute parses the call and carries it out. An error that comes before a
// command has begun is wrong usage.
func (p *Program) execute(ctx context.Context) error {
	root := p.root()
	begun := false
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains(formatsOf(cmd), p.flags.output) {
			return usage("-o %s: the formats are %s", p.flags.output, listed(formatsOf(cmd)))
		}
		begun = true
		return nil
	}
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil || begun {
		return err
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return usage("%w", err).with("%s --help", cmd.CommandPath())
}

// root is the whole command tree.
func (p *Program) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "rehome",
		Short:             "Move applications from virtual machines to Kubernetes by a runbook, and prove each step",
		Long:              longRoot,
		SilenceUsage:      true,
		SilenceErrors:     true,
		DisableAutoGenTag: true,
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	if strings.HasPrefix(p.Name, "kubectl-") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl rehome"}
	}
	f := root.PersistentFlags()
	f.StringVar(&p.flags.state, "state", "", "directory with the journal and the archive (default $REHOME_STATE, or rehome in $XDG_STATE_HOME or ~/.local/state)")
	f.StringVar(&p.flags.as, "as", "", "name in which this call speaks (default $REHOME_AS, or the user's)")
	f.StringVarP(&p.flags.output, "output", "o", "text", "format of the result: text, json or yaml")
	_ = root.RegisterFlagCompletionFunc("output", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return formatsOf(cmd), cobra.ShellCompDirectiveNoFileComp
	})
	root.AddGroup(&cobra.Group{ID: "move", Title: "Move:"}, &cobra.Group{ID: "say", Title: "Say:"}, &cobra.Group{ID: "look", Title: "Look:"})
	group := func(id string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("move", p.initCommand(), p.planCommand(), p.runCommand(), p.abortCommand(), p.rollbackCommand(), p.convertCommand(), p.secretsCommand(), p.forwardCommand())
	group("say", p.approveCommand(), p.waiveCommand(), p.rcaCommand())
	group("look", p.statusCommand(), p.listCommand(), p.logCommand(), p.incidentCommand(), p.reportCommand(), p.doctorCommand(), p.probeCommand(), p.assessCommand(), p.scanCommand(), p.judgeCommand(), p.workloadCommand(), p.renderCommand(), p.imageCommand(), p.simulateCommand())
	root.AddCommand(p.versionCommand())
	return root
}

const longRoot = `rehome moves an application from virtual machines to Kubernetes by a runbook of 18
steps, and proves each of them. It changes names only when everything that must hold
was seen to hold, watches what it did, and leads the names back when it was wrong.

  rehome init NAME          write a commented file to begin with
  rehome doctor NAME.yaml   see what can be reached and what is missing
  rehome plan NAME.yaml     see what would be done, and what blocks
  rehome run NAME.yaml      do it, until a person or a time is waited for

Exit codes: 0 done or passed, 1 error, 2 usage, 3 blocked by a guard, 4 waiting for a
time or a person, 5 rolled back.`
