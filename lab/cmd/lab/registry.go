package main

import (
	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/registry"
)

func registryCommand() *cobra.Command {
	var listen, dir string
	cmd := &cobra.Command{
		Use:    registry.ProcessName,
		Short:  "Keep container images (a process of the lab)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return registry.Run(cmd.Context(), listen, dir, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address and port")
	cmd.Flags().StringVar(&dir, "dir", "", "where the images are kept")
	for _, name := range []string{"listen", "dir"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}
