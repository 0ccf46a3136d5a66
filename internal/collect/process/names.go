package process

import (
	"fmt"
	"strconv"
)

// signalNames are those of signal(7) on all machines but Alpha, MIPS, PA-RISC and
// SPARC, from 1.
var signalNames = [...]string{"SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL",
	"SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
	"SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS"}

// capabilityNames are those of capabilities(7), from 0.
var capabilityNames = [...]string{"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
	"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE",
	"SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN",
	"SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"}

// signals names the bits of a signal mask; bit 0 is signal 1. Real-time signals
// are counted from the kernel's first one, 32.
func signals(mask string) []string {
	return bits(mask, func(bit int) string {
		if bit < len(signalNames) {
			return signalNames[bit]
		}
		return fmt.Sprintf("SIGRT%d", bit-len(signalNames))
	})
}

// capabilities names the bits of a capability set.
func capabilities(mask string) []string {
	return bits(mask, func(bit int) string {
		if bit < len(capabilityNames) {
			return "CAP_" + capabilityNames[bit]
		}
		return fmt.Sprintf("CAP_%d", bit)
	})
}

func bits(mask string, name func(int) string) []string {
	value, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		return nil
	}
	var names []string
	for bit := range 64 {
		if value&(1<<bit) != 0 {
			names = append(names, name(bit))
		}
	}
	return names
}
