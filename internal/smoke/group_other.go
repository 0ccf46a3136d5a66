//go:build !unix

package smoke

import "os/exec"

// endWithChildren ends the command alone: there are no process groups here.
func endWithChildren(*exec.Cmd) {}
