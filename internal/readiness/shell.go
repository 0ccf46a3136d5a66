package readiness

import (
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// quote makes one word for a shell of what a machine calls something.
func quote(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:@%+,=", r)
	})
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// probe is the command that takes the machine's facts again.
func (m machine) probe() string {
	cmd := "rehome probe"
	switch {
	case m.declared.Reach != "" && m.declared.Reach != "local":
		cmd += " --host " + quote(m.declared.Reach)
	case m.Target.Host != "" && m.Target.Host != "local" && m.declared.Reach == "":
		cmd += " --host " + quote("ssh://"+hostOf(m.Target.Host))
	}
	switch {
	case m.Target.Unit != "":
		return cmd + " --unit " + quote(m.Target.Unit)
	case m.Target.PID > 0:
		return fmt.Sprintf("%s --pid %d", cmd, m.Target.PID)
	case m.Target.Port > 0:
		return fmt.Sprintf("%s --port %d", cmd, m.Target.Port)
	case m.declared.Unit != "":
		return cmd + " --unit " + quote(m.declared.Unit)
	}
	return cmd + " --unit UNIT"
}

// proc is the directory of the main process below /proc.
func (m machine) proc() string {
	if p, ok := m.main(); ok {
		return fmt.Sprintf("/proc/%d", p.PID)
	}
	if len(m.Processes) > 0 {
		return fmt.Sprintf("/proc/%d", m.Processes[0].PID)
	}
	return "/proc/PID"
}

// unit is the unit's name as one word for a shell; empty where there is none.
func (m machine) unit() string {
	switch {
	case m.Unit != nil && m.Unit.Name != "":
		return quote(m.Unit.Name)
	case m.Target.Unit != "":
		return quote(m.Target.Unit)
	case m.declared.Unit != "":
		return quote(m.declared.Unit)
	}
	return ""
}

// Commands that show the evidence of an item on the machine. None prints the
// value of a variable, an argument or a setting.
func showDescriptors(m machine) string { return "ls -l " + m.proc() + "/fd" }
func showVariables(m machine) string {
	return "cut -zs -d= -f1 " + m.proc() + `/environ | tr '\0' '\n'; ls -l ` + m.proc() + "/fd"
}
func showSignals(m machine) string { return "grep -E '^Sig(Blk|Ign|Cgt)' " + m.proc() + "/status" }
func showListeners(machine) string {
	return "ss -lntup"
}
func showPeers(machine) string    { return "ss -ntup state established" }
func showUnits(machine) string    { return "systemctl list-units --type=service --state=running" }
func showCards(machine) string    { return "ip -brief address" }
func showHosts(machine) string    { return "cat /etc/hosts" }
func showMounts(m machine) string { return "findmnt --task " + strings.TrimPrefix(m.proc(), "/proc/") }
func showShared(machine) string   { return "ipcs -m -p; ls -l /dev/shm" }
func showGroups(machine) string   { return "ip maddress show" }
func showRights(m machine) string { return "grep -E '^(Uid|CapEff|CapAmb)' " + m.proc() + "/status" }
func showSysctls(machine) string {
	return "cat /etc/sysctl.conf /etc/sysctl.d/*.conf /etc/modules-load.d/*.conf"
}
func showSchedules(machine) string {
	return "systemctl list-timers --all; ls -l /etc/cron.* /var/spool/cron"
}
func showBoot(m machine) string {
	if m.unit() == "" {
		return "ps -o lstart,etime -p " + strings.TrimPrefix(m.proc(), "/proc/")
	}
	return "systemctl show -p ExecMainStartTimestamp -p ActiveEnterTimestamp " + m.unit()
}
func showProxies(machine) string {
	return "grep -rnowE 'ip_hash|sticky|stick-table|stickysession|balance source|cookie' /etc/nginx /etc/haproxy /etc/apache2 /etc/httpd"
}

func showUsage(m machine) string {
	if m.unit() == "" {
		return "grep -E '^(VmRSS|VmHWM|Threads)' " + m.proc() + "/status"
	}
	return "systemctl show -p CPUUsageNSec -p MemoryCurrent -p MemoryPeak " + m.unit()
}

func showDirectories(m machine) string {
	var dirs []string
	for _, t := range m.Trees {
		dirs = append(dirs, quote(t.Path))
	}
	if len(dirs) == 0 {
		dirs = append(dirs, "/etc")
	}
	return "ls -lR --time-style=full-iso " + strings.Join(dirs, " ")
}

// showHealth asks the path that was asked, and prints the status alone.
func showHealth(url string) string {
	return `curl -s -o /dev/null -w '%{http_code}\n' ` + quote(url)
}

// showSecret prints the place of a secret: line and key, and nothing behind it.
func showSecret(m machine, p inventory.SecretPlace) string {
	key := p.Key[strings.LastIndexAny(p.Key, ".[]/")+1:]
	if p.File != "" && key != "" {
		return fmt.Sprintf("grep -n -o -m 1 -F -e %s %s", quote(key), quote(p.File))
	}
	return "cut -zs -d= -f1 " + m.proc() + `/environ | tr '\0' '\n'`
}
