//go:build lab

package legacy_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/lab/legacy"
)

// said is what a rehome printed, and how it ended.
type said struct {
	stdout, stderr string
	code           int
}

// run runs rehome to its end. Whatever it says must be without a secret.
func (w *world) run(t *testing.T, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.rehome, args...)
	cmd.Dir = t.TempDir()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("rehome %v: %v", args, err)
	}
	out := said{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	w.withoutSecrets(t, "the output of rehome "+args[0], out.stdout+out.stderr)
	return out
}

// probe takes the facts of a target on the machine as a user, over ssh, and returns
// them with the file that they are in.
func (w *world) probe(t *testing.T, user string, args ...string) (inventory.Facts, string) {
	t.Helper()
	args = append([]string{"probe", "--host", "ssh://" + user + "@" + legacy.Address.String(),
		"--identity", w.KeyFile(), "--known-hosts", w.KnownHostsFile(), "-o", "json"}, args...)
	out := w.run(t, args...)
	// A load that this machine could not make, because others take its processors, is
	// refused rather than believed: then it is made again.
	for try := 1; try < 5 && out.code == 1 && strings.Contains(out.stderr, "the load says nothing"); try++ {
		out = w.run(t, args...)
	}
	if out.code != 0 {
		t.Fatalf("rehome %v ended with %d:\n%s", args, out.code, out.stderr)
	}
	report, err := inventory.Decode([]byte(out.stdout))
	if err != nil {
		t.Fatalf("the facts: %v", err)
	}
	if len(report.Machines) != 1 {
		t.Fatalf("the facts of %d machines", len(report.Machines))
	}
	file := filepath.Join(t.TempDir(), "facts.json")
	if err := os.WriteFile(file, []byte(out.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	return report.Machines[0], file
}
