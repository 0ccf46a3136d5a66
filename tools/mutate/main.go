// Command mutate takes out of rehome, one at a time, what its tests are there to
// protect: each guard of the table of steps, the syncing of the journal, the
// compare-and-swaps, the dispersion and their like. Each time the tests beside it must
// turn red. It prints a table, and exits with 1 if something can be taken out unseen.
//
// Nothing is written into the tree: the changed files are laid over it (go help build,
// -overlay). It must not know how the tests work.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	root := flag.String("C", "..", "the `directory` of the repository")
	only := flag.String("run", "", "only what matches this `expression`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	survived, err := run(ctx, *root, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate: error:", err)
		os.Exit(1)
	}
	if survived > 0 {
		fmt.Fprintf(os.Stderr, "mutate: error: %d can be taken out, and no test turns red\n", survived)
		os.Exit(1)
	}
}

// verdict is what became of one mutant.
type verdict struct {
	name   string
	killer string // the first test that turned red; empty: it survived
	took   time.Duration
}

func run(ctx context.Context, root, only string) (survived int, err error) {
	root, err = filepath.Abs(root)
	if err != nil {
		return 0, err
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	t := tester{root: root, dir: dir}
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	count := func(v verdict) {
		if v.killer == "" {
			survived++
			v.killer = "SURVIVES"
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f s\n", v.name, v.killer, v.took.Seconds())
		_ = table.Flush()
	}
	if err := t.guards(ctx, wanted, count); err != nil {
		return survived, err
	}
	for _, e := range edits {
		if !wanted.MatchString(e.name) {
			continue
		}
		v, err := t.edit(ctx, e)
		if err != nil {
			return survived, err
		}
		count(v)
	}
	return survived, nil
}

// tester builds and runs tests of the repository with files laid over it.
type tester struct{ root, dir string }

var red = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// test runs a command and gives the first test that turned red; empty: none did. A
// run that ends red without one, as by a timeout, names that.
func (t tester) test(ctx context.Context, dir string, env []string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err == nil {
		return "", nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	text := out.String()
	if strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]") {
		return "", fmt.Errorf("%s:\n%s", strings.Join(argv, " "), text)
	}
	if m := red.FindStringSubmatch(text); m != nil {
		return m[1], nil
	}
	lines := strings.SplitN(strings.TrimSpace(text), "\n", 2)
	return lines[0], nil
}
