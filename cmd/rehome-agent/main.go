// Command rehome-agent takes the facts of an application on the machine on which
// it runs. rehome carries it there, runs it and removes it again.
package main

import (
	"context"
	"os"

	"rehome.dev/rehome/internal/agent"
)

func main() {
	os.Exit(agent.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
