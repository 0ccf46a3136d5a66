package main

import (
	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/prometheus"
	"rehome.dev/rehome/lab/prometheus/discovery"
)

func podTargetsCommand() *cobra.Command {
	config := discovery.Config{Selector: "app.kubernetes.io/name=royal-bank-api"}
	cmd := &cobra.Command{
		Use:    prometheus.PodsProcess,
		Short:  "Tell Prometheus about the application's pods (a process of the lab)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config.Log = cmd.ErrOrStderr()
			return discovery.Run(cmd.Context(), config)
		},
	}
	cmd.Flags().StringVar(&config.Kubeconfig, "kubeconfig", "", "whose cluster")
	cmd.Flags().StringVar(&config.File, "file", "", "where to write the targets")
	cmd.Flags().StringVar(&config.Port, "port", "", "on which pods serve their metrics")
	for _, name := range []string{"kubeconfig", "file", "port"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}
