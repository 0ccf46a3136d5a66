package main

import (
	"syscall"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/cluster/loadbalancer"
	"rehome.dev/rehome/lab/network"
)

func stopCommand(open opener) *cobra.Command {
	var kill, freeze bool
	cmd := &cobra.Command{
		Use:   "stop PROCESS",
		Short: "End one process of the lab, to see what happens: kube-apiserver, prometheus, ns1 …",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			switch {
			case kill:
				return lab.Signal(cmd.Context(), args[0], syscall.SIGKILL)
			case freeze:
				return lab.Signal(cmd.Context(), args[0], syscall.SIGSTOP)
			}
			return lab.Stop(cmd.Context(), args[0])
		},
	}
	cmd.Flags().BoolVar(&kill, "kill", false, "SIGKILL: it has no time to say good-bye")
	cmd.Flags().BoolVar(&freeze, "freeze", false, "SIGSTOP: connections stay open and nobody answers")
	cmd.MarkFlagsMutuallyExclusive("kill", "freeze")
	return cmd
}

func startCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "start PROCESS",
		Short: "Start a process again that was stopped, and wait until it serves",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			return lab.StartByName(cmd.Context(), args[0])
		},
	}
}

func loadBalancerCommand() *cobra.Command {
	var kubeconfig string
	cmd := &cobra.Command{
		Use:    cluster.LoadBalancerProcess,
		Short:  "Give Services of type LoadBalancer their addresses (a process of the lab)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return loadbalancer.Run(cmd.Context(), loadbalancer.Config{
				Kubeconfig: kubeconfig,
				Interface:  "eth0",
				First:      network.LoadBalancerFirst,
				Last:       network.LoadBalancerLast,
				Log:        cmd.ErrOrStderr(),
			})
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "whose cluster")
	cmd.MarkFlagRequired("kubeconfig")
	return cmd
}
