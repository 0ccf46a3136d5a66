package cli

import (
	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/wire"
)

// loginFlags are how other machines are logged in to.
type loginFlags struct {
	sudo                        bool
	identity, knownHosts, agent string
}

// readAsRoot is what --sudo does where files are read.
const readAsRoot = "read as root where the login is another user's"

// add declares them; sudo says what is done as root.
func (f *loginFlags) add(c *cobra.Command, sudo string) {
	flags := c.Flags()
	flags.BoolVar(&f.sudo, "sudo", false, sudo)
	flags.StringVar(&f.identity, "identity", "", "file of the private key to log in with (default the ssh agent's and the usual ones)")
	flags.StringVar(&f.knownHosts, "known-hosts", "", "file of the machines that are known (default ~/.ssh/known_hosts)")
}

// addAgent declares which agent is carried there.
func (f *loginFlags) addAgent(c *cobra.Command) {
	c.Flags().StringVar(&f.agent, "agent", "", "the rehome-agent to copy (default $REHOME_AGENT, or the one beside rehome)")
}

// login is what the flags come to.
func (p *Program) login(f loginFlags) wire.MachineSettings {
	s := wire.MachineSettings{
		Identity: f.identity, Sudo: f.sudo, Agent: f.agent, Getenv: p.Getenv, Version: thisVersion().Version, Ask: p.askSecret(),
	}
	if f.knownHosts != "" {
		s.KnownHosts = []string{f.knownHosts}
	}
	return s
}

// clusterFlags are which cluster is meant where no migration names one.
type clusterFlags struct{ kubeconfig, kubecontext string }

func (f *clusterFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster (default $KUBECONFIG, or ~/.kube/config)")
	c.Flags().StringVar(&f.kubecontext, "context", "", "context of the kubeconfig (default its current one)")
}

// clusterSettings are those of the cluster that the flags name.
func (f clusterFlags) clusterSettings() map[string]string {
	settings := map[string]string{}
	if f.kubeconfig != "" {
		settings["kubeconfig"] = f.kubeconfig
	}
	if f.kubecontext != "" {
		settings["context"] = f.kubecontext
	}
	return settings
}
