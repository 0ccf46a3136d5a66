// Command pause holds a pod's namespaces open until it is told to end; the lab's
// pause image holds nothing else.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	// As the first process of a shared pid namespace it inherits orphans; an
	// ignored SIGCHLD lets the kernel reap them, wait(2).
	signal.Ignore(syscall.SIGCHLD)
	<-end
}
