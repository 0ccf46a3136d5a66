// Command rehome moves applications from virtual machines to Kubernetes by a
// runbook, and proves each step.
package main

import (
	"context"
	"os"

	"rehome.dev/rehome/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), cli.System()))
}
