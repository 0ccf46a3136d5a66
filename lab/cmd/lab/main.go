// Command lab sets up the real parts that rehome is tried on, on one machine and
// out of reach of every other: a Kubernetes node, a virtual machine, name servers,
// a resolver, Prometheus and a client with steady load.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/lab/part"
)

// Exit codes.
const (
	exitFailed      = 1
	exitUnsupported = 2
)

// errNotUp ends `lab status` without a message: the table has said it.
var errNotUp = errors.New("the lab is not up")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(exitCode(newCommand().ExecuteContext(ctx)))
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, errNotUp) {
		return exitFailed
	}
	fmt.Fprintf(os.Stderr, "lab: error: %v\n", err)
	if errors.Is(err, part.ErrUnsupported) {
		fmt.Fprintln(os.Stderr, "lab: hint: `rehome simulate` plays the whole procedure without a lab")
		return exitUnsupported
	}
	return exitFailed
}

func newCommand() *cobra.Command {
	var verbose bool
	root := &cobra.Command{
		Use:               "lab",
		Short:             "Real parts to try rehome on, on this machine and out of reach of others",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.PersistentFlags().BoolVarP(&verbose, "verbose", "v", false, "say each process that starts")
	open := func() (*part.Lab, error) {
		if err := part.Supported(); err != nil {
			return nil, err
		}
		return part.New(part.NewProgress(os.Stderr, verbose))
	}
	root.AddCommand(
		upCommand(open), downCommand(open), statusCommand(open),
		demoCommand(open), envCommand(open), execCommand(open), stopCommand(open), startCommand(open),
		loadBalancerCommand(), clientCommand(), podTargetsCommand(), registryCommand(),
	)
	return root
}
