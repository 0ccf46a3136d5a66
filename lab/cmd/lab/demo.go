package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/part"
)

func demoCommand(open opener) *cobra.Command {
	var dir string
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Move the lab's application with rehome, a bad release and its rollback included",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			turn, err := lab.LockTests(ctx, true)
			if err != nil {
				return err
			}
			defer turn.Close()
			if err := up(ctx, lab); err != nil {
				return err
			}
			if !keep {
				defer func() { _ = down(context.WithoutCancel(ctx), lab) }()
			}
			w, err := newDemoWorld(cmd, lab, dir)
			if err != nil {
				return err
			}
			return demo.Run(ctx, lab, w)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "folder for the migration's files, its state and its reports (default out/demo in the repository)")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the lab up afterwards")
	return cmd
}

func newDemoWorld(cmd *cobra.Command, lab *part.Lab, dir string) (*demo.World, error) {
	if dir == "" {
		root, err := part.ModuleRoot()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(root, "out", "demo")
	}
	return demo.NewWorld(cmd.Context(), lab, dir, cmd.OutOrStdout())
}
