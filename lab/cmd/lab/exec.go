package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

func execCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "exec -- COMMAND [ARGUMENT…]",
		Short: "Run a command where rehome runs: it reaches the whole lab and nothing else",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			return enter(lab, args)
		},
	}
}

// enter becomes the command, so that signals and the exit code are its own.
func enter(lab *part.Lab, args []string) error {
	if _, err := os.Stat(part.NetnsPath(network.Ops.Netns)); err != nil {
		return fmt.Errorf("the lab is not up (%w); `lab up` sets it up", err)
	}
	os.Setenv("KUBECONFIG", cluster.Kubeconfig(lab))
	os.Setenv("PATH", os.Getenv("PATH")+":"+filepath.Dir(cluster.KubectlPath(lab)))
	argv := lab.Argv(network.Ops.Netns, true, args...)
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", argv[0], syscall.Exec(program, argv, os.Environ()))
}
