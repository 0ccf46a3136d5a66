package canary

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
)

// Executed is one execve(2) of a command or of what it has started.
type Executed struct {
	Args []byte // as /proc/PID/cmdline has them
	Env  []byte // as /proc/PID/environ has it
}

// Of Linux's wait4(2): children of this thread only, and of every kind.
const (
	notOfOtherThreads = 0x20000000
	ofEveryKind       = 0x40000000
)

const options = syscall.PTRACE_O_TRACEEXEC | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK | syscall.PTRACE_O_TRACECLONE | exitKill

const exitKill = 0x100000 // PTRACE_O_EXITKILL: nothing outlives the test

// Run runs a command to its end, and of everything that it starts, to theirs. None of
// their programs begins before seen was told its arguments and variables, so not the
// shortest of them is missed (ptrace(2)). The command's outputs must be files, and its
// context is not looked at: whoever wants it ended kills it. It gives the exit status.
func Run(cmd *exec.Cmd, started func(pid int), seen func(Executed)) (syscall.WaitStatus, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Release() }()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, ofEveryKind, nil); err != nil {
		return 0, fmt.Errorf("trace %s: %w", cmd.Path, err)
	}
	if err := syscall.PtraceSetOptions(pid, options); err != nil {
		return 0, fmt.Errorf("trace %s: %w", cmd.Path, err)
	}
	if err := executed(pid, seen); err != nil {
		return 0, err
	}
	if started != nil {
		started(pid)
	}
	if err := syscall.PtraceCont(pid, 0); err != nil && !errors.Is(err, syscall.ESRCH) {
		return 0, fmt.Errorf("trace %s: %w", cmd.Path, err)
	}
	return follow(pid, seen)
}

// follow lets everything go on that has stopped, until all have ended.
func follow(first int, seen func(Executed)) (end syscall.WaitStatus, err error) {
	known := map[int]bool{first: true}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, ofEveryKind|notOfOtherThreads, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ECHILD):
			return end, nil
		case err != nil:
			return end, fmt.Errorf("wait for what is traced: %w", err)
		}
		if !status.Stopped() {
			if pid == first {
				end = status
			}
			continue
		}
		signal := status.StopSignal()
		switch {
		case signal == syscall.SIGTRAP && status.TrapCause() == syscall.PTRACE_EVENT_EXEC:
			if err := executed(pid, seen); err != nil {
				return end, err
			}
			signal = 0
		case signal == syscall.SIGTRAP && status.TrapCause() > 0, signal == syscall.SIGSTOP && !known[pid]:
			signal = 0
		}
		known[pid] = true
		if err := syscall.PtraceCont(pid, int(signal)); err != nil && !errors.Is(err, syscall.ESRCH) {
			return end, fmt.Errorf("let %d go on: %w", pid, err)
		}
	}
}

// executed reads a process that stands still at the beginning of its program.
func executed(pid int, seen func(Executed)) error {
	dir := "/proc/" + strconv.Itoa(pid)
	args, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return fmt.Errorf("read the arguments of a process: %w", err)
	}
	env, err := os.ReadFile(dir + "/environ")
	if err != nil {
		return fmt.Errorf("read the variables of a process: %w", err)
	}
	seen(Executed{args, env})
	return nil
}
