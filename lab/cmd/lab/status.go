package main

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/part"
)

func statusCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how each part does; exit code 1 unless all are up",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "PART\tSTATE\tDETAIL")
			up := true
			for _, p := range slices.Concat(stages(lab)...) {
				s := p.Status(cmd.Context())
				up = up && s.State == part.StateUp
				fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name(), s.State, s.Detail)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if !up {
				return errNotUp
			}
			return nil
		},
	}
}
