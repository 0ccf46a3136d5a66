package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/internal/wire"
)

// forwardImageFlags are what forward image is told.
type forwardImageFlags struct {
	push, agent, roots string
	archs              []string
	dry                bool
}

func (p *Program) forwardImageCommand() *cobra.Command {
	f := forwardImageFlags{}
	c := &cobra.Command{
		Use:   "image",
		Short: "Build the image of forwarders, and push it to a registry by its digest",
		Long: `Puts the static rehome-agent into an image of nothing else: an empty base without a shell,
user 65532, and the same bytes from the same programs. Forwarders run it, and so do drills that
look from within a pod: it is what the policy's images.agent names. The agents are those that
make install puts beside rehome, one for each architecture. --roots adds CAs that forwarders
trust by themselves; without them, a route within TLS names its own with ca= or pin=.`,
		Example: `  rehome forward image --push registry.golemtrust.am/rehome-agent:1
  rehome forward image --arch amd64 --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.push == "" && !f.dry {
				return usage("where to?").with("name a repository with --push, or only look with --dry-run")
			}
			return p.forwardImage(cmd.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.push, "push", "", "write the image to this repository, and name it by the tag where one is given")
	flags.StringVar(&f.agent, "agent", "", "the rehome-agent to take (default $REHOME_AGENT, or those beside rehome); needs one --arch")
	flags.StringSliceVar(&f.archs, "arch", []string{"amd64", "arm64"}, "architectures of the nodes")
	flags.StringVar(&f.roots, "roots", "", "file of CAs, in PEM, to be trusted as the image's own")
	flags.BoolVar(&f.dry, "dry-run", false, "build it, say its digest, and push nothing")
	_ = c.RegisterFlagCompletionFunc("arch", cobra.FixedCompletions([]string{"amd64", "arm64"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// forwarderImage is the answer of forward image.
type forwarderImage struct {
	*image.Agents
	Pushed string `json:"pushed,omitempty"`
	Line   string `json:"line,omitempty"` // for the policy's file
	Dry    bool   `json:"dryRun,omitempty"`
}

// agentPusher pushes the image of the agent.
type agentPusher interface {
	PushAgents(ctx context.Context, ref string, a *image.Agents) (string, error)
}

func (p *Program) forwardImage(ctx context.Context, f forwardImageFlags) error {
	if len(f.archs) > 1 && (f.agent != "" || p.Getenv("REHOME_AGENT") != "") {
		return usage("one agent is for one architecture, not for %s", listed(f.archs)).with("say which with --arch")
	}
	agents, err := wire.AgentPrograms(p.login(loginFlags{agent: f.agent}), f.archs)
	if err != nil {
		return failed("find the agent: %w", err).with("%s", hintFor(err))
	}
	var roots []byte
	if f.roots != "" {
		if roots, err = os.ReadFile(f.roots); err != nil {
			return failed("read the CAs: %w", err).with("name a file of certificates in PEM with --roots")
		}
	}
	built, err := image.BuildAgents(agents, roots)
	if err != nil {
		return failed("%w", err)
	}
	r := forwarderImage{Agents: built, Dry: f.dry}
	if !f.dry {
		images, ok := p.Registry.Images.(agentPusher)
		if !ok {
			return failed("there is no registry to push to")
		}
		if r.Pushed, err = images.PushAgents(ctx, f.push, built); err != nil {
			return failed("%w", err).with("%s", hintFor(err))
		}
		r.Line = "agent: " + r.Pushed
	}
	return p.emit(r, func(w io.Writer) {
		for _, one := range r.Platforms {
			fmt.Fprintf(w, "%s  %s  %s\n", one.Platform, image.Bytes(one.Compressed), one.Digest)
		}
		if f.dry {
			fmt.Fprintf(w, "Not pushed. Its digest is %s\n", r.Digest)
			return
		}
		fmt.Fprintf(w, "Pushed %s\nFor the policy, below images:\n  %s\n", r.Pushed, r.Line)
	})
}
