package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// describe reads what a process is. What was known before stays where it has
// become unreadable because the process ends.
func (c *collector) describe(s *scope.Scope, p *seen) {
	gap := func(what string, err error) {
		if !gone(err) {
			s.Gaps.Add(inventory.SubjectProcesses, what+" of "+p.called(), why(err))
		}
	}
	p.Parent = p.last.parent
	p.Started = c.boot.Add(time.Duration(p.last.started) * tick)
	if status, err := c.fields(p.PID, "status"); err != nil {
		gap("status", err)
	} else {
		c.status(s, p, status)
	}
	if text, err := c.read(p.PID, "cmdline"); err != nil {
		gap("command line", err)
	} else if len(text) > 0 {
		p.command(text)
	}
	if text, err := c.read(p.PID, "limits"); err != nil {
		gap("limits", err)
	} else {
		own := string(text)
		first, _ := c.read(1, "limits")
		p.Limits = limits(own, string(first))
	}
	if exe, err := os.Readlink(c.path(p.PID, "exe")); err != nil {
		gap("executable", err)
	} else {
		exe, p.Replaced = strings.CutSuffix(exe, " (deleted)")
		p.Executable = inventory.Name(exe)
	}
	if root, err := os.Readlink(c.path(p.PID, "root")); err != nil {
		gap("root directory", err)
	} else if root != "/" {
		p.Root = inventory.Name(root)
	}
	if inside, err := c.container(p.PID); err != nil {
		gap("name spaces", err)
	} else {
		p.Container = inside
	}
}

func (c *collector) status(s *scope.Scope, p *seen, status map[string]string) {
	p.Name = inventory.Name(unescape(status["Name"]))
	// The effective user counts: a program may have begun as root.
	if fields := strings.Fields(status["Uid"]); len(fields) > 1 {
		p.UID, _ = strconv.Atoi(fields[1])
		p.User = c.user(s.Root, p.UID)
	}
	caught, ok := status["SigCgt"]
	p.Signals = inventory.Signals{Known: ok, Caught: signals(caught), Ignored: signals(status["SigIgn"]), Blocked: signals(status["SigBlk"])}
	p.Capabilities = capabilities(status["CapEff"])
}

// called is how a gap names a process: by name, so that a hundred workers of one
// program are one gap.
func (p *seen) called() string {
	if p.Name == "" {
		return "process " + strconv.Itoa(p.PID)
	}
	return p.Name
}

// unescape undoes what /proc/PID/status does to a name: \n and \\.
func unescape(name string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(name)
}

// command splits the command line at its NULs and takes out secrets. A process
// that has rewritten its own (postgres: writer) has one argument.
func (p *seen) command(text []byte) {
	var argv []string
	for arg := range bytes.SplitSeq(bytes.TrimRight(text, "\x00"), []byte{0}) {
		argv = append(argv, string(arg))
	}
	clean, found := scan.Arguments(argv)
	for i := range clean {
		clean[i] = inventory.Name(clean[i])
	}
	p.Command, p.secrets = clean, nil
	for _, f := range found {
		key := "argument " + strconv.Itoa(f.Position)
		if f.Key != "" {
			key += " (" + inventory.Name(f.Key) + ")"
		}
		p.secrets = append(p.secrets, inventory.SecretPlace{Key: key, Rule: f.Rule, In: "argument"})
	}
}

// container says whether a process lives in a name space of processes of its
// own, or on a file system of its own. A name space of mounts alone does not make
// one: systemd gives it to each unit with PrivateTmp=.
func (c *collector) container(pid int) (bool, error) {
	theirs, err := os.Readlink(c.path(pid, "ns/pid"))
	if err != nil {
		return false, err
	}
	ours, err := os.Readlink(filepath.Join(c.proc, "self/ns/pid"))
	if err != nil {
		return false, err
	}
	if theirs != ours {
		return true, nil
	}
	theirs, err = os.Readlink(c.path(pid, "ns/mnt"))
	if err != nil {
		return false, err
	}
	ours, err = os.Readlink(filepath.Join(c.proc, "self/ns/mnt"))
	if err != nil || theirs == ours {
		return false, err
	}
	var own, other syscall.Stat_t
	if err := syscall.Stat("/", &own); err != nil {
		return false, err
	}
	if err := syscall.Stat(c.path(pid, "root/"), &other); err != nil {
		return false, err
	}
	root, err := os.Readlink(c.path(pid, "root"))
	return root == "/" && (own.Dev != other.Dev || own.Ino != other.Ino), err
}

// user is the name of a user in the machine's passwd file, its number where it
// stands in none (a directory service may know it).
func (c *collector) user(root string, uid int) string {
	if c.users == nil {
		c.users = map[int]string{}
		text, _ := os.ReadFile(filepath.Join(root, "etc/passwd"))
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(line, ":"); len(f) > 2 {
				if n, err := strconv.Atoi(f[2]); err == nil && c.users[n] == "" {
					c.users[n] = f[0]
				}
			}
		}
	}
	if n := c.users[uid]; n != "" {
		return n
	}
	return strconv.Itoa(uid)
}
