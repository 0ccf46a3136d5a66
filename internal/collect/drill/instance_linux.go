package drill

import (
	"bytes"
	"cmp"
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

	"rehome.dev/rehome/internal/inventory"
)

// unseen is for how long no process may be found in its network before it counts as
// ended: one that is just executing a program is in none.
const unseen = 500 * time.Millisecond

// poll is how often is looked whether something has come about.
const poll = 10 * time.Millisecond

// instance is the second instance, from its start to its removal.
type instance struct {
	dir   string // its own, below /run
	unit  string // the transient unit, "" where it is a child
	began time.Time
	// Its network: the kernel's name of it, and the namespace held open, since the
	// kernel would give the name of a closed one to another.
	net     string
	network *os.File
	bare    []string
	child   *os.Process   // nil with a unit
	ended   chan struct{} // closed when the child is gone; nil with a unit
	exit    string        // how the child ended, once it has
}

// begin starts a second instance and waits until its program runs.
func begin(ctx context.Context, p plan, bound time.Duration) (*instance, error) {
	in := &instance{}
	dir, err := os.MkdirTemp("/run", "rehome-drill-")
	if err != nil {
		return nil, err
	}
	in.dir = dir
	started := false
	defer func() {
		if !started {
			in.remove()
		}
	}()
	p.Agent, p.Child = os.Getpid(), p.Unit == ""
	data, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, planFile), data, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, saidFile), nil, 0o600)
	}
	if err != nil {
		return nil, err
	}
	in.began = time.Now()
	if p.Unit != "" {
		err = in.asUnit(ctx, p.Forks, bound)
	} else {
		err = in.asChild()
	}
	if err != nil {
		return nil, fmt.Errorf("start a second instance: %w", err)
	}
	if err := in.awaitProgram(ctx, p.PID); err != nil {
		return nil, fmt.Errorf("start a second instance: %w", err)
	}
	started = true
	return in, nil
}

// self is the agent's program, by a path that holds where its file system is not
// mounted or may not be executed from.
func self() string { return "/proc/" + strconv.Itoa(os.Getpid()) + "/exe" }

// asChild starts it as a child, in namespaces of its own. The thread that does
// must live as long as the child, which dies with it.
func (in *instance) asChild() error {
	in.ended = make(chan struct{})
	begun := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(in.ended)
		cmd := exec.CommandContext(context.Background(), self(), startCommand, in.dir) // ended by remove, its programs too
		cmd.Env = []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC, Setsid: true, Pdeathsig: syscall.SIGKILL}
		err := cmd.Start()
		in.child = cmd.Process
		begun <- err
		if err == nil {
			_ = cmd.Wait()
			in.exit = cmd.ProcessState.String()
		}
	}()
	return <-begun
}

// asUnit lets systemd start it, so that it is ended even if the agent is not there
// to do it. The transient unit has no settings of the first one: those that
// matter are taken from its process, and none of them stands in an argument.
func (in *instance) asUnit(ctx context.Context, forks bool, bound time.Duration) error {
	in.unit = filepath.Base(in.dir) + ".service"
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	argv := transient(in.unit, in.dir, self(), forks, bound)
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("systemd-run: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// transient is the command line that starts the unit. RuntimeMaxSec ends it
// whatever happens; a second instance is never started again.
func transient(unit, dir, program string, forks bool, bound time.Duration) []string {
	kind := "Type=simple"
	if forks {
		kind = "Type=forking"
	}
	return []string{
		"systemd-run", "--quiet", "--no-block", "--unit=" + unit, "--description=second instance for a drill of rehome",
		"-p", kind, "-p", "PrivateNetwork=yes", "-p", "PrivateTmp=yes", "-p", "Restart=no",
		"-p", "RemainAfterExit=no", "-p", "KillMode=control-group", "-p", "TimeoutStopSec=2", "-p", "OOMScoreAdjust=1000",
		"-p", fmt.Sprintf("RuntimeMaxSec=%d", int((bound+time.Second-1)/time.Second)),
		"-p", "StandardInput=null", "-p", "StandardOutput=null", "-p", "StandardError=null",
		"--", program, startCommand, dir,
	}
}

// awaitProgram waits until the starting process has become the second instance.
func (in *instance) awaitProgram(ctx context.Context, first int) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return until(ctx, func() (bool, error) {
		s, found := readSaid(in.dir)
		switch {
		case found && s.Err != "":
			return false, errors.New(s.Err)
		case found:
			in.bare = s.Bare
			return in.hold(s, first)
		case in.isOver():
			return false, errors.New("it ended before it began")
		}
		return false, nil
	})
}

// hold opens the second instance's network, after making sure that it is no other.
// While a thread of it executes the program it has none for a moment: then nothing is
// held yet, and that is no error.
func (in *instance) hold(s said, first int) (bool, error) {
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", s.PID))
	if err != nil {
		if _, ended := statOf(s.PID); !ended {
			return false, nil
		}
		return false, in.whyEnded()
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", network.Fd()))
	for _, other := range []string{"self", strconv.Itoa(first)} {
		theirs, otherErr := os.Readlink("/proc/" + other + "/ns/net")
		err = errors.Join(err, otherErr)
		if theirs == name {
			err = errors.Join(err, errors.New("it is in a network with others"))
		}
	}
	if err != nil || name != s.Net {
		_ = network.Close()
		return false, errors.Join(errors.New("its network could not be told from others"), err)
	}
	in.net, in.network = name, network
	return true, nil
}

// whyEnded is what the starting process said last, where it failed in becoming the
// second instance.
func (in *instance) whyEnded() error {
	if s, found := readSaid(in.dir); found && s.Err != "" {
		return errors.New(s.Err)
	}
	if in.ended == nil {
		return errEnded
	}
	select {
	case <-in.ended:
		return fmt.Errorf("%w, with %s", errEnded, in.exit)
	case <-time.After(time.Second): // what ended was a child of the child
		return errEnded
	}
}

// until asks again and again until it is so.
func until(ctx context.Context, so func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (in *instance) isOver() bool {
	if in.ended == nil {
		return false
	}
	select {
	case <-in.ended:
		return true
	default:
		return false
	}
}

// members are the processes in its network, those that ask it not among them, and
// the descendants of the child: root without the right to trace (CAP_SYS_PTRACE)
// cannot see in which network another user's process is.
func (in *instance) members(but ...int) []int {
	if in.net == "" {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	family := map[int]bool{}
	if in.child != nil && !in.isOver() {
		family[in.child.Pid] = true
	}
	var out []int
	slices.SortFunc(entries, func(a, b os.DirEntry) int { // by number: parents come first, save where numbers began anew
		return cmp.Or(len(a.Name())-len(b.Name()), strings.Compare(a.Name(), b.Name()))
	})
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || slices.Contains(but, pid) {
			continue
		}
		parent, ended := statOf(pid)
		family[pid] = family[pid] || family[parent]
		ns, err := os.Readlink("/proc/" + e.Name() + "/ns/net")
		if (err == nil && ns == in.net || err != nil && family[pid]) && !ended {
			out = append(out, pid)
		}
	}
	return out
}

// statOf gives the parent from proc_pid_stat(5), and whether the process has ended.
// When another thread than the first one executes a program, the first one dies and
// that thread takes its place: for a moment the state is that of a process that
// ended, which has one thread, while here there are more, or none is counted.
func statOf(pid int) (parent int, ended bool) {
	for range 100 {
		data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if err != nil || len(f) < 18 {
			return 0, true
		}
		parent, _ = strconv.Atoi(f[1])
		threads := f[17]
		if f[0] != "Z" && f[0] != "X" || threads != "0" && threads != "1" {
			return parent, false
		}
		if threads == "1" {
			break
		}
	}
	return parent, true
}

// mains are those members whose parent is none: the processes to which a signal goes.
func (in *instance) mains() []int {
	all := in.members()
	var out []int
	for _, pid := range all {
		if parent, _ := statOf(pid); !slices.Contains(all, parent) {
			out = append(out, pid)
		}
	}
	return out
}

var (
	errNeverListened = errors.New("it did not listen")
	errEnded         = errors.New("it ended before it listened")
)

// awaitListener waits until it listens on one of the ports, and says on which.
func (in *instance) awaitListener(ctx context.Context, ports []int) ([]int, error) {
	var open []int
	seen := time.Now()
	err := until(ctx, func() (bool, error) {
		members := in.members()
		if len(members) == 0 {
			if !in.isOver() && time.Since(seen) < unseen {
				return false, nil
			}
			return false, in.whyEnded()
		}
		seen = time.Now()
		open = in.listening(members[0], ports)
		return len(open) > 0, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, errNeverListened
	}
	return open, err
}

func (in *instance) listening(pid int, ports []int) []int {
	var out []int
	for _, name := range []string{"tcp", "tcp6"} {
		rows, err := sockets(fmt.Sprintf("/proc/%d/net/%s", pid, name))
		if err != nil {
			continue
		}
		for _, r := range rows {
			if r.state == tcpListen && slices.Contains(ports, r.port) && !slices.Contains(out, r.port) {
				out = append(out, r.port)
			}
		}
	}
	slices.Sort(out)
	return out
}

// opened are the files that its processes have open.
func (in *instance) opened() []string {
	var out []string
	for _, pid := range in.members() {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if to, err := os.Readlink(dir + "/" + e.Name()); err == nil && strings.HasPrefix(to, "/") && !under(to, []string{"/dev", "/proc", "/sys"}) {
				out = append(out, inventory.Name(to))
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), 200)]
}

// ask lets the agent's own program ask the second instance from inside its network.
// Running tells its PID, so that it is not taken for a part of the application.
func (in *instance) ask(ctx context.Context, o order, running func(pid int)) (answers, error) {
	input, err := json.Marshal(o)
	if err != nil {
		return answers{}, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self(), askCommand)
	cmd.Env, cmd.Stdin, cmd.Stdout = []string{}, bytes.NewReader(input), &out
	if err := startIn(cmd, in.network); err != nil {
		return answers{}, fmt.Errorf("enter its network: %w", err)
	}
	running(cmd.Process.Pid)
	if err := cmd.Wait(); err != nil {
		return answers{}, fmt.Errorf("ask it: %w", err)
	}
	var r answers
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return answers{}, fmt.Errorf("ask it: %w", err)
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// startIn starts the command in a network. The thread that goes there is never
// used for anything else: it ends with its goroutine. The main thread does not go,
// since where it is the kernel says that the whole process is, and it cannot end.
func startIn(cmd *exec.Cmd, ns *os.File) error {
	begun := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			defer runtime.UnlockOSThread()
			begun <- startIn(cmd, ns)
			return
		}
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = cmd.Start()
		}
		begun <- err
	}()
	return <-begun
}

// remove ends everything that is in its network and takes away what was made for
// it. It is called on every way out, with a time of its own.
func (in *instance) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if in.unit != "" {
		_ = exec.CommandContext(ctx, "systemctl", "kill", "--signal=SIGKILL", in.unit).Run()
		_ = exec.CommandContext(ctx, "systemctl", "stop", in.unit).Run()
		_ = exec.CommandContext(ctx, "systemctl", "reset-failed", in.unit).Run()
	}
	if in.child != nil {
		_ = in.child.Kill()
	}
	_ = until(ctx, func() (bool, error) {
		left := in.members()
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(left) == 0 && (in.ended == nil || in.isOver()), nil
	})
	if in.network != nil {
		_ = in.network.Close()
	}
	_ = os.RemoveAll(in.dir)
}
