package vm

import (
	"context"

	"rehome.dev/rehome/lab/machine"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

func machineOf(lab *part.Lab) machine.Machine {
	return machine.Machine{Lab: lab, Name: processName, Netns: network.VM.Netns, Address: network.VM.Address, From: network.Ops.Netns}
}

// KeyFile is the private key that opens the machine to root.
func KeyFile(lab *part.Lab) string { return machine.KeyFile(lab) }

// KnownHostsFile holds the machine's own key.
func KnownHostsFile(lab *part.Lab) string { return machine.KnownHostsFile(lab) }

// Root is where the machine's file system is seen from outside. What changes in
// the machine changes here.
func Root(lab *part.Lab) string { return machineOf(lab).Root() }

// Run executes a shell command on the machine as root, over ssh from the host Ops,
// and returns what it printed. Without a deadline in ctx it may take a minute.
func Run(ctx context.Context, lab *part.Lab, command string) (string, error) {
	return machineOf(lab).Run(ctx, command)
}
