package main

import (
	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/client"
)

// clientCommand leaves its flags to the client: it says the same where it is run
// without this program.
func clientCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "client [flags]",
		Short:              "Send steady load from this network namespace and count every answer",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return client.Main(cmd.Context(), args, cmd.OutOrStdout())
		},
	}
}
