package cluster

import (
	"bytes"
	"context"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// Kubectl runs kubectl as administrator from the host Ops and returns its output.
func Kubectl(ctx context.Context, lab *part.Lab, stdin []byte, args ...string) (string, error) {
	argv := append([]string{KubectlPath(lab), "--kubeconfig", Kubeconfig(lab)}, args...)
	cmd := lab.Command(ctx, network.Ops.Netns, argv...)
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	return part.RunCmd(cmd)
}
