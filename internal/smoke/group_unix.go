//go:build unix

package smoke

import (
	"os/exec"
	"syscall"
)

// endWithChildren makes the command's end that of its children too: a shell
// script's curl must not go on after the deadline.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
