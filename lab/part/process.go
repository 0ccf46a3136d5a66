package part

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Process is a daemon of the lab: it runs on when the lab's program ends, writes
// to its own log file, and can be stopped and started again by name. The
// description is kept in the run directory, so Args and Env hold no secret.
type Process struct {
	// Name is unique in the lab: kube-apiserver, ns1, prometheus.
	Name string `json:"name"`
	// Netns is the network namespace it runs in.
	Netns string   `json:"netns,omitempty"`
	Path  string   `json:"path"`
	Args  []string `json:"args,omitempty"`
	// Env is added to the environment of the lab's program.
	Env []string `json:"env,omitempty"`
	Dir string   `json:"dir,omitempty"`
	// OwnMounts gives it a mount namespace of its own.
	OwnMounts bool `json:"ownMounts,omitempty"`
	// Mounts is the file of a mount namespace to run in, see MakeMountNamespace.
	Mounts string `json:"mounts,omitempty"`
	// Resolver gives it the lab's resolv.conf (and a mount namespace for it).
	Resolver bool `json:"resolver,omitempty"`
	// Ready are probes that must all pass, asked from within Netns:
	// tcp://HOST:PORT, http://… and https://… (any answer 200; certificates are
	// not judged), unix:///PATH.
	Ready []string `json:"ready,omitempty"`
	// ReadyWithin bounds the wait for Ready; zero means a minute.
	ReadyWithin time.Duration `json:"readyWithin,omitempty"`
	// StopSignal asks for a clean end; zero means SIGTERM.
	StopSignal syscall.Signal `json:"stopSignal,omitempty"`
	// StopWithin is the patience before SIGKILL; zero means ten seconds.
	StopWithin time.Duration `json:"stopWithin,omitempty"`
}

// Start runs p unless it runs already (a frozen one goes on), and waits until
// its probes pass. An end before that is an error with the end of its log.
func (l *Lab) Start(ctx context.Context, p Process) error {
	id, running := l.lookup(p.Name)
	if running {
		if err := signalAll(family(id), syscall.SIGCONT); err != nil {
			return fmt.Errorf("continue %s: %w", p.Name, err)
		}
	} else {
		var err error
		if id, err = l.spawn(p); err != nil {
			return fmt.Errorf("start %s: %w", p.Name, err)
		}
	}
	if err := l.awaitReady(ctx, p, id); err != nil {
		return fmt.Errorf("%s is not ready: %w\n  log: %s%s", p.Name, err, l.LogPath(p.Name), tail(l.LogPath(p.Name)))
	}
	return nil
}

// StartByName runs a process again that an earlier Start described.
func (l *Lab) StartByName(ctx context.Context, name string) error {
	p, err := l.described(name)
	if err != nil {
		return err
	}
	return l.Start(ctx, p)
}

func (l *Lab) spawn(p Process) (identity, error) {
	if err := l.MakeDirs(); err != nil {
		return identity{}, err
	}
	if err := WriteJSON(l.specPath(p.Name), p, 0o600); err != nil {
		return identity{}, err
	}
	log, err := os.OpenFile(l.LogPath(p.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return identity{}, err
	}
	defer log.Close()
	argv := l.wrap(p)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Dir = p.Dir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return identity{}, err
	}
	go cmd.Wait() // takes the zombie away while this program still runs
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		return identity{}, fmt.Errorf("it ended at once%s", tail(l.LogPath(p.Name)))
	}
	return id, WriteJSON(l.pidPath(p.Name), id, 0o644)
}

func (l *Lab) awaitReady(ctx context.Context, p Process, id identity) error {
	within := p.ReadyWithin
	if within == 0 {
		within = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return Poll(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		if !id.alive() {
			return Permanent(errors.New("it ended"))
		}
		for _, target := range p.Ready {
			if err := Probe(ctx, p.Netns, target); err != nil {
				return err
			}
		}
		return nil
	})
}

// Stop ends a process: its StopSignal first, SIGKILL when its patience is over.
// A process that does not run is no error; an unknown name is.
func (l *Lab) Stop(ctx context.Context, name string) error {
	p, err := l.described(name)
	if err != nil {
		return err
	}
	id, running := l.lookup(name)
	if !running {
		return nil
	}
	sig, within := p.StopSignal, p.StopWithin
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	if within == 0 {
		within = 10 * time.Second
	}
	// A frozen process takes no signal but SIGKILL before it goes on.
	if err := errors.Join(signalAll([]identity{id}, sig), signalAll(family(id), syscall.SIGCONT)); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	gentle, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if awaitEnd(gentle, id) == nil {
		return nil
	}
	return l.Signal(ctx, name, syscall.SIGKILL)
}

// Signal sends sig to the process and its descendants, and for SIGKILL waits for
// their end. A machine in a container is such a family: it survives the program
// that started it.
func (l *Lab) Signal(ctx context.Context, name string, sig syscall.Signal) error {
	if _, err := l.described(name); err != nil {
		return err
	}
	id, running := l.lookup(name)
	if !running {
		return fmt.Errorf("%s does not run", name)
	}
	all := family(id)
	if err := signalAll(all, sig); err != nil {
		return fmt.Errorf("send %s to %s: %w", sig, name, err)
	}
	if sig != syscall.SIGKILL {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, member := range all {
		if err := awaitEnd(ctx, member); err != nil {
			return err
		}
	}
	return nil
}

func signalAll(all []identity, sig syscall.Signal) error {
	var errs []error
	for _, id := range all {
		if err := syscall.Kill(id.PID, sig); err != nil && id.alive() {
			errs = append(errs, fmt.Errorf("process %d: %w", id.PID, err))
		}
	}
	return errors.Join(errs...)
}

func awaitEnd(ctx context.Context, id identity) error {
	return Poll(ctx, 10*time.Millisecond, func(context.Context) error {
		if id.alive() {
			return fmt.Errorf("process %d still runs", id.PID)
		}
		return nil
	})
}

// Running is true when the process that Start made is alive, frozen or not.
func (l *Lab) Running(name string) bool {
	_, running := l.lookup(name)
	return running
}

// PID is the process id of a running process, as the root pid namespace has it.
func (l *Lab) PID(name string) (int, bool) {
	id, running := l.lookup(name)
	return id.PID, running
}

// Processes names everything that was ever started since the lab came up, sorted.
func (l *Lab) Processes() []string {
	entries, err := os.ReadDir(l.procDir())
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ErrUnknownProcess is wrapped where a name was never started.
var ErrUnknownProcess = errors.New("no such process in the lab")

func (l *Lab) described(name string) (Process, error) {
	var p Process
	data, err := os.ReadFile(l.specPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		there := "nothing was started, the lab is not up"
		if names := l.Processes(); len(names) > 0 {
			there = "there are: " + strings.Join(names, ", ")
		}
		return p, fmt.Errorf("%w: %q (%s)", ErrUnknownProcess, name, there)
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("read the description of %s: %w", name, err)
	}
	return p, nil
}

func (l *Lab) lookup(name string) (identity, bool) {
	var id identity
	data, err := os.ReadFile(l.pidPath(name))
	if err != nil || json.Unmarshal(data, &id) != nil {
		return identity{}, false
	}
	return id, id.alive()
}

func (l *Lab) specPath(name string) string {
	return filepath.Join(l.procDir(), filepath.Base(name)+".json")
}

func (l *Lab) pidPath(name string) string {
	return filepath.Join(l.procDir(), filepath.Base(name)+".pid")
}
