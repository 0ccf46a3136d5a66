package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// command is how the second instance is started: as the first one was. It exists
// in memory alone, in the process that becomes the second instance.
type command struct {
	path   string
	argv   []string
	env    []string
	dir    string
	uid    int
	gid    int
	groups []int
	umask  int
	nice   int
	limits map[int]unix.Rlimit
}

// notInherited are variables by which systemd speaks with one certain process.
var notInherited = []string{
	"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC", "MAINPID", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID",
}

// like reads how the process was started: of a unit the command from systemd,
// which has it exactly, of any other process what /proc has. Everything else is
// from /proc, since it is what came of the unit's settings and files.
func like(ctx context.Context, pid int, unit string, root bool) (command, error) {
	proc := "/proc/" + strconv.Itoa(pid)
	if top, err := os.Readlink(proc + "/root"); err != nil || top != "/" {
		return command{}, errors.Join(errors.New("it runs in a root directory of its own"), err)
	}
	c := command{limits: map[int]unix.Rlimit{}}
	environ, err := os.ReadFile(proc + "/environ")
	if err != nil {
		return command{}, fmt.Errorf("read its environment: %w", errors.Unwrap(err))
	}
	for _, entry := range split0(environ) {
		// A server that writes over its command line may have run into what is behind it.
		if name, _, ok := strings.Cut(entry, "="); ok && name != "" && !strings.ContainsAny(name, " /:") && !slices.Contains(notInherited, name) {
			c.env = append(c.env, entry)
		}
	}
	if c.dir, err = os.Readlink(proc + "/cwd"); err != nil {
		return command{}, err
	}
	if err := c.identity(proc); err != nil {
		return command{}, err
	}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	if err != nil {
		return command{}, fmt.Errorf("read its priority: %w", err)
	}
	c.nice = 20 - raw // the system call gives it that way, so that it is never negative
	if root {         // the unit starts as root; what the process became is its own doing
		c.uid, c.gid, c.groups = 0, 0, []int{0}
	}
	for _, resource := range []int{unix.RLIMIT_NOFILE, unix.RLIMIT_NPROC, unix.RLIMIT_STACK, unix.RLIMIT_MEMLOCK, unix.RLIMIT_FSIZE, unix.RLIMIT_AS, unix.RLIMIT_CORE} {
		var l unix.Rlimit
		if err := unix.Prlimit(pid, resource, nil, &l); err == nil {
			c.limits[resource] = l
		}
	}
	if unit != "" {
		c.path, c.argv, err = startOf(ctx, unit, c.env)
	} else {
		c.path, c.argv, err = cmdlineOf(proc)
	}
	return c, err
}

func split0(data []byte) []string {
	text := strings.TrimRight(string(data), "\x00")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}

// identity reads user, groups and umask from proc_pid_status(5).
func (c *command) identity(proc string) error {
	data, err := os.ReadFile(proc + "/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		switch {
		case name == "Uid" && len(f) == 4:
			c.uid, err = strconv.Atoi(f[0])
		case name == "Gid" && len(f) == 4:
			c.gid, err = strconv.Atoi(f[0])
		case name == "Groups":
			for _, g := range f {
				n, _ := strconv.Atoi(g)
				c.groups = append(c.groups, n)
			}
		case name == "Umask" && len(f) == 1:
			var mask int64
			mask, err = strconv.ParseInt(f[0], 8, 32)
			c.umask = int(mask)
		}
		if err != nil {
			return fmt.Errorf("%s/status: %w", proc, err)
		}
	}
	return nil
}

// cmdlineOf reads the command line of a process. One that wrote over it, as
// many servers do to say what they are at, cannot be started again.
func cmdlineOf(proc string) (string, []string, error) {
	data, err := os.ReadFile(proc + "/cmdline")
	if err != nil {
		return "", nil, err
	}
	argv := split0(data)
	if len(argv) == 0 || argv[0] == "" {
		return "", nil, errors.New("it has no command line")
	}
	path, err := os.Readlink(proc + "/exe")
	if err != nil {
		return "", nil, err
	}
	if strings.HasSuffix(path, " (deleted)") {
		path = proc + "/exe"
	}
	if _, err := os.Stat(argv[0]); err != nil && len(argv) == 1 && strings.ContainsAny(argv[0], " :") {
		return "", nil, errors.New("it has written over its command line, so that nobody knows how to start it again")
	}
	return path, argv, nil
}

// startOf asks systemd for the one command of the unit. `systemctl show` prints
// arguments without quoting them, the bus gives them one by one.
func startOf(ctx context.Context, unit string, env []string) (string, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "busctl", "--json=short", "get-property", "org.freedesktop.systemd1",
		"/org/freedesktop/systemd1/unit/"+busName(unit), "org.freedesktop.systemd1.Service", "ExecStart").Output()
	if err != nil {
		return "", nil, fmt.Errorf("ask systemd for the command of %s: %w", unit, err)
	}
	return readStart(out, env)
}

// readStart reads the bus's answer, of the signature a(sasbttttuii).
func readStart(answer []byte, env []string) (string, []string, error) {
	var reply struct {
		Data [][]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return "", nil, errors.New("systemd's answer about the command cannot be read")
	}
	if len(reply.Data) != 1 || len(reply.Data[0]) < 2 {
		return "", nil, fmt.Errorf("its unit has %d commands, want one", len(reply.Data))
	}
	var path string
	var argv []string
	if json.Unmarshal(reply.Data[0][0], &path) != nil || json.Unmarshal(reply.Data[0][1], &argv) != nil || len(argv) == 0 {
		return "", nil, errors.New("systemd's answer about the command cannot be read")
	}
	return path, append(argv[:1:1], expand(argv[1:], env)...), nil
}

// expand puts variables in as systemd.service(5) says under "Command lines":
// ${NAME} anywhere in a word, $NAME as a whole word that is split at blanks, $$ is $.
func expand(words, env []string) []string {
	value := func(name string) string {
		for _, e := range slices.Backward(env) {
			if n, v, _ := strings.Cut(e, "="); n == name {
				return v
			}
		}
		return ""
	}
	var out []string
	for _, w := range words {
		if name, found := strings.CutPrefix(w, "$"); found && name != "" && !strings.ContainsAny(name, "${}") {
			out = append(out, strings.Fields(value(name))...)
			continue
		}
		var b strings.Builder
		for w != "" {
			switch end := strings.IndexByte(w, '}'); {
			case strings.HasPrefix(w, "$$"):
				b.WriteByte('$')
				w = w[2:]
			case strings.HasPrefix(w, "${") && end > 0:
				b.WriteString(value(w[2:end]))
				w = w[end+1:]
			default:
				b.WriteByte(w[0])
				w = w[1:]
			}
		}
		out = append(out, b.String())
	}
	return out
}

// busName escapes a unit's name as sd_bus_path_encode(3) does.
func busName(unit string) string {
	var b strings.Builder
	for i := range len(unit) {
		c := unit[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// become is the last act of the process before it is the second instance.
func (c command) become(parent int) error {
	runtime.LockOSThread() // the kernel keeps the death signal by thread
	for resource, l := range c.limits {
		if resource == unix.RLIMIT_NOFILE { // the runtime would put its own limit back
			if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: l.Cur, Max: l.Max}); err != nil {
				return fmt.Errorf("set its limits: %w", err)
			}
		} else if err := unix.Setrlimit(resource, &l); err != nil {
			return fmt.Errorf("set its limits: %w", err)
		}
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, c.nice); err != nil { // the agent's is lower
		return fmt.Errorf("take its priority: %w", err)
	}
	syscall.Umask(c.umask)
	if err := syscall.Setgroups(c.groups); err != nil {
		return fmt.Errorf("take its groups: %w", err)
	}
	if err := syscall.Setresgid(c.gid, c.gid, c.gid); err != nil {
		return fmt.Errorf("take its group: %w", err)
	}
	if err := syscall.Setresuid(c.uid, c.uid, c.uid); err != nil {
		return fmt.Errorf("take its user: %w", err)
	}
	if parent > 0 { // the child dies with the agent; set here, since another user clears it
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil || os.Getppid() != parent {
			return errors.New("the agent is gone")
		}
	}
	if err := os.Chdir(c.dir); err != nil {
		return fmt.Errorf("enter its directory %s: %w", filepath.Base(c.dir), errors.Unwrap(err))
	}
	err := syscall.Exec(c.path, c.argv, c.env)
	return fmt.Errorf("start its program: %w", err)
}
