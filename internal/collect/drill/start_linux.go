package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Main carries out the hidden commands with which the agent calls itself: one
// becomes the second instance, one asks it from inside its network. Mine is false
// for any other arguments; otherwise the process ends with the code.
func Main(args []string) (code int, mine bool) {
	switch {
	case len(args) == 2 && args[0] == startCommand:
		start(args[1])
		return 1, true
	case len(args) == 1 && args[0] == askCommand:
		if err := ask(os.Stdin, os.Stdout); err != nil {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// The files in a drill's own directory. No secret is in one.
const (
	planFile = "plan" // for the starting process: plan
	saidFile = "said" // what it says: said
)

// plan is what the starting process is told; the rest it reads from the first instance.
type plan struct {
	PID   int    `json:"pid"`
	Unit  string `json:"unit,omitempty"`
	Root  bool   `json:"root,omitempty"`  // the unit starts its program as root
	Forks bool   `json:"forks,omitempty"` // the program goes on in a child: Type=forking
	Agent int    `json:"agent"`           // the process that makes the drill
	Child bool   `json:"child,omitempty"` // of the agent, and dies with it
	// Hide are files of the first instance that the second one must not find.
	Hide []string `json:"hide,omitempty"`
}

// said is one line of the starting process: that it is about to become the second
// instance, or why it cannot.
type said struct {
	PID  int      `json:"pid"`
	Net  string   `json:"net,omitempty"`  // its network, as the kernel calls it
	Bare []string `json:"bare,omitempty"` // places without a layer
	Err  string   `json:"err,omitempty"`
}

// start turns the process into the second instance. It returns only on failure,
// which stands in the file by then.
func start(dir string) {
	out, err := os.OpenFile(filepath.Join(dir, saidFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	say := func(s said) {
		s.PID = os.Getpid()
		s.Net, _ = os.Readlink("/proc/self/ns/net")
		line, _ := json.Marshal(s)
		_, _ = out.Write(append(line, '\n'))
	}
	say(said{Err: prepare(dir, say).Error()})
}

// prepare gives an error always: where there is none it does not come back.
func prepare(dir string, say func(said)) error {
	data, err := os.ReadFile(filepath.Join(dir, planFile))
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	c, err := like(context.Background(), p.PID, p.Unit, p.Root)
	if err != nil {
		return err
	}
	if err := apart(p.PID, p.Agent); err != nil {
		return err
	}
	if err := raiseLoopback(); err != nil {
		return err
	}
	// Privileged ports are free here without rights that the user does not have.
	_ = os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0)
	bare, err := layer(dir)
	if err != nil {
		return err
	}
	hide(p.Hide, bare)
	// Where memory is short, the second instance goes, never the first.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return fmt.Errorf("let the kernel prefer it when memory is short: %w", err)
	}
	say(said{Bare: bare})
	if p.Child {
		return c.become(p.Agent)
	}
	return c.become(0)
}

// apart makes sure that the process is in namespaces of its own before anything
// is changed in them.
func apart(from ...int) error {
	for _, ns := range []string{"net", "mnt"} {
		mine, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			return err
		}
		for _, other := range from {
			theirs, err := os.Readlink("/proc/" + strconv.Itoa(other) + "/ns/" + ns)
			if err != nil || theirs == mine {
				return errors.Join(errors.New("it could not be set apart from the machine"), err)
			}
		}
	}
	return nil
}

// raiseLoopback brings the interface lo up, see netdevice(7). Where systemd made
// the network it is up, and a service that is not root's could not do it.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err == nil && request.Uint16()&unix.IFF_UP != 0 {
		return nil
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring up the loopback interface: %w", err)
	}
	return nil
}

// readSaid gives the last thing that the starting process said, if anything.
func readSaid(dir string) (said, bool) {
	f, err := os.Open(filepath.Join(dir, saidFile))
	if err != nil {
		return said{}, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil || !strings.HasSuffix(string(data), "\n") {
		return said{}, false
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	var s said
	return s, json.Unmarshal([]byte(lines[len(lines)-1]), &s) == nil
}
