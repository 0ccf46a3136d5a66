package main

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

func envPath(lab *part.Lab) string { return lab.RunPath("env.json") }

func environment(lab *part.Lab) part.Env {
	at := func(h network.Host, port uint16) string { return netip.AddrPortFrom(h.Address, port).String() }
	return part.Env{
		Zone: branch.Head.Zone, Record: branch.Head.Service(), Rehearsal: branch.Head.Rehearsal(),
		Primary: at(network.NS1, 53), Secondary: at(network.NS2, 53),
		Resolver: at(network.Resolver, 53), ResolvConf: lab.ResolvConf(),
		TSIGName: "rehome.", TSIGFile: lab.RunPath("tsig.key"),

		Kubeconfig: cluster.Kubeconfig(lab), Kubectl: cluster.KubectlPath(lab), APIServer: cluster.APIServer(),
		Namespace: branch.Head.Namespace, StagingNamespace: branch.Head.Staging(),
		ImagesFile: lab.RunPath("images.json"),

		VM: network.VM.Address.String(), VMEntry: at(network.VM, 8080), SSHUser: "root",
		SSHKeyFile: lab.RunPath("ssh", "id_ed25519"), KnownHostsFile: lab.RunPath("ssh", "known_hosts"),

		Prometheus: "http://" + at(network.Prom, 9090),
		Registry:   at(network.Registry, 5000),

		OpsNetns: network.Ops.Netns, RunDir: lab.Dirs.Run, LogDir: lab.RunPath("log"), Program: lab.Program(),
	}
}

func envCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print addresses and paths as JSON",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			data, err := json.MarshalIndent(environment(lab), "", "  ")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", data)
			return err
		},
	}
}
