package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// Name is the migration that the demo drives.
const Name = "royal-bank-api"

// World is a folder with a migration's files, a state directory and the rehome
// program, in front of a lab that is up.
type World struct {
	Dir    string // migration, policy, state and reports
	Out    io.Writer
	Branch branch.Branch // what is moved; the head office unless it is At another
	lab    *part.Lab
	rehome string
}

// Images are the digests of the application's two releases, and of rehome's agent.
type Images struct{ Good, Bad, Agent string }

// NewWorld builds rehome with its agent, and writes the lab's migration and policy into dir.
func NewWorld(ctx context.Context, lab *part.Lab, dir string, out io.Writer) (*World, error) {
	root, err := part.ModuleRoot()
	if err != nil {
		return nil, err
	}
	w := &World{Dir: dir, Out: out, Branch: branch.Head, lab: lab, rehome: lab.StatePath("bin", "rehome")}
	if err := build(ctx, lab); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"policy.yaml", Name + ".yaml"} {
		text, err := os.ReadFile(filepath.Join(root, "examples", "lab", name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return nil, err
		}
	}
	images, err := w.Images()
	if err != nil {
		return nil, err
	}
	return w, w.SetPolicy("agent", images.Agent)
}

var building sync.Mutex // several worlds may be made at once

// build gives rehome its agent too, which it finds beside itself.
func build(ctx context.Context, lab *part.Lab) error {
	building.Lock()
	defer building.Unlock()
	for _, program := range []string{"rehome", "rehome-agent"} {
		if err := lab.GoBuild(ctx, "./cmd/"+program, lab.StatePath("bin", program)); err != nil {
			return fmt.Errorf("build %s: %w", program, err)
		}
	}
	return nil
}

// At makes it the migration of another branch.
func (w *World) At(b branch.Branch) error {
	dot := func(name string) string { return strings.TrimSuffix(name, ".") }
	from, to := w.Branch, b
	other := strings.NewReplacer(
		"name: "+dot(from.Service())+"\n", "name: "+dot(to.Service())+"\n",
		"name: "+dot(from.Rehearsal())+"\n", "name: "+dot(to.Rehearsal())+"\n",
		"zone: "+dot(from.Zone)+"\n", "zone: "+dot(to.Zone)+"\n",
		"addresses: ["+from.Old.Address.String()+"]", "addresses: ["+to.Old.Address.String()+"]",
		"amespace: "+from.Namespace+"\n", "amespace: "+to.Namespace+"\n",
		"amespace: "+from.Staging()+"\n", "amespace: "+to.Staging()+"\n",
		`namespace="`+from.Namespace+`"`, `namespace="`+to.Namespace+`"`,
		`job="`+from.Job+`"`, `job="`+to.Job+`"`,
	)
	w.Branch = b
	return w.edit(Name+".yaml", other.Replace)
}

// Images reads which digests the lab has built.
func (w *World) Images() (Images, error) {
	var i Images
	text, err := os.ReadFile(w.lab.RunPath("images.json"))
	if err != nil {
		return i, err
	}
	return i, json.Unmarshal(text, &i)
}

var imageLine = regexp.MustCompile(`(?m)^(\s*image:).*$`)

// UseImage pins the migration's image, as an editor would.
func (w *World) UseImage(ref string) error {
	return w.edit(Name+".yaml", func(s string) string { return imageLine.ReplaceAllString(s, "${1} "+ref) })
}

// DrillAccounts lets the drill under load ask for the accounts.
func (w *World) DrillAccounts() error {
	return w.edit(Name+".yaml", func(s string) string {
		return strings.Replace(s, "\n  drills:\n", "\n  drills:\n    path: /accounts\n", 1)
	})
}

// SetPolicy replaces one value of the policy. The key is a line's, such as lead,
// or that of the first such line below another: watch.for.
func (w *World) SetPolicy(key, value string) error {
	return w.edit("policy.yaml", func(s string) string { return setLine(s, strings.Split(key, "."), value) })
}

func setLine(text string, keys []string, value string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(strings.TrimSpace(line), keys[0]+":") {
			continue
		}
		if keys = keys[1:]; len(keys) > 0 {
			continue
		}
		before, _, _ := strings.Cut(line, ":")
		lines[i] = before + ": " + value
		break
	}
	return strings.Join(lines, "\n")
}

func (w *World) edit(name string, change func(string) string) error {
	path := filepath.Join(w.Dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after := change(string(text))
	if after == string(text) {
		return fmt.Errorf("%s: nothing to change", name)
	}
	return os.WriteFile(path, []byte(after), 0o644)
}

// File is the path of the migration's file.
func (w *World) File() string { return filepath.Join(w.Dir, Name+".yaml") }

// Command is rehome where it reaches the lab and nothing else. It gets its own
// process group, so that it can be killed alone.
func (w *World) Command(ctx context.Context, args ...string) *exec.Cmd {
	argv := w.lab.Argv(network.Ops.Netns, true, append([]string{w.rehome}, args...)...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = w.Dir
	cmd.Env = append(os.Environ(), "REHOME_STATE="+filepath.Join(w.Dir, "state"), "REHOME_AS=angua")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// ExitError says that a command ended otherwise than it should.
type ExitError struct {
	Args []string
	Want int
	Got  int
}

// Error names the command.
func (e *ExitError) Error() string {
	return fmt.Sprintf("rehome %s ended with exit code %d, wanted %d", strings.Join(e.Args, " "), e.Got, e.Want)
}

// Rehome shows and runs one command, and demands its exit code.
func (w *World) Rehome(ctx context.Context, want int, args ...string) error {
	fmt.Fprintf(w.Out, "\n$ rehome %s\n", shown(args))
	cmd := w.Command(ctx, args...)
	cmd.Stdout, cmd.Stderr = w.Out, w.Out
	return exited(cmd.Run(), want, args)
}

// Output runs one command and gives what it printed.
func (w *World) Output(ctx context.Context, want int, args ...string) ([]byte, error) {
	cmd := w.Command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := exited(cmd.Run(), want, args); err != nil {
		return out.Bytes(), fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.Bytes(), nil
}

func exited(err error, want int, args []string) error {
	got := 0
	var ee *exec.ExitError
	switch {
	case errors.As(err, &ee):
		got = ee.ExitCode()
	case err != nil:
		return err
	}
	if got != want {
		return &ExitError{args, want, got}
	}
	return nil
}

func shown(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if strings.ContainsAny(a, " ;*'") {
			out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}
