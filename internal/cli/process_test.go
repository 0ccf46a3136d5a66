package cli_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/wire"
)

// A state directory that may not be written is named, with what helps. Root may
// write everything, so another user tries.
func TestNoPermission(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "rehome")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(program, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	work := moveFiles(t)
	for _, path := range []string{filepath.Dir(dir), dir, work} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"run", "royal-bank-api.yaml"}, {"list"}} {
		cmd := exec.CommandContext(t.Context(), program, append(args, "--as", "angua", "--state", filepath.Join(locked, "state"))...)
		cmd.Dir = work
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != int(cli.CodeError) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		for _, want := range []string{"rehome: error: ", "permission denied", "rehome: hint: this user must be able to read and write it; --state"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%v does not say %q:\n%s", args, want, out)
			}
		}
	}
}

// moveFiles are the files of a migration, readable for everybody.
func moveFiles(t *testing.T) string {
	t.Helper()
	work := t.TempDir()
	for _, name := range []string{"royal-bank-api.yaml", "policy.yaml"} {
		b, err := os.ReadFile(filepath.Join("testdata", "move", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return work
}

// signalClock sends a signal when somebody rests in the lead.
type signalClock struct {
	engine.Clock
	at   time.Time
	stop chan os.Signal
}

func (c *signalClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.Now().After(c.at) && c.stop != nil {
		c.stop <- os.Interrupt
		c.stop = nil
		<-ctx.Done() // as a real rest would go on, until it is woken
		return ctx.Err()
	}
	return c.Clock.Sleep(ctx, d)
}

// Ctrl-C in a wait ends it at once, gives the lease back, and says how it goes on.
func TestStop(t *testing.T) {
	work := moveFiles(t)
	l, err := config.Load(filepath.Join(work, "royal-bank-api.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	registry, w := registryOf(l)
	run := func(r cli.Program, args ...string) (int, string, string) {
		var out, errs strings.Builder
		r.Args, r.Name, r.Stdout, r.Stderr, r.Zone = args, "rehome", &out, &errs, time.UTC
		r.Getenv = func(key string) string {
			return map[string]string{"REHOME_STATE": filepath.Join(work, "state"), "REHOME_AS": "angua"}[key]
		}
		return cli.Run(t.Context(), r), out.String(), errs.String()
	}
	file := filepath.Join(work, "royal-bank-api.yaml")
	plain := cli.Program{Registry: registry}
	if code, _, errs := run(plain, "run", file); code != int(cli.CodeBlocked) {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if code, _, errs := run(plain, "waive", "royal-bank-api", "LATENCY-P99", "RESOURCES", "--unjudged", "--reason", "by hand", "--until", "1d"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	stopped := cli.Program{Registry: registry, Stop: make(chan os.Signal, 2), Terminal: true, Width: 100}
	signals := make(chan os.Signal, 2)
	stopped.Stop = signals
	stopped.Registry.Clock = &signalClock{w.Clock, w.Clock.Now().Add(3 * time.Minute), signals}
	code, out, errs := run(stopped, "run", file, "--wait")
	if code != int(cli.CodeWaiting) || !strings.Contains(out, "lead (10 of 18): stopped") || !strings.Contains(out, "to go on: rehome run "+file) {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	if !strings.Contains(errs, "\r\x1b[K") || !strings.Contains(errs, "stopping after what has been begun") {
		t.Errorf("no countdown in place, or no word that it stops:\n%q", errs)
	}
	j, err := wire.OpenJournal(t.Context(), filepath.Join(work, "state"), w.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Acquire(t.Context(), "royal-bank-api", "vimes@watch-house/7", time.Minute); err != nil {
		t.Errorf("the lease was not given back: %v", err)
	}
}
