package cli_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/wire"
)

// canary is the secret of the scripts' TSIG key. Nothing may ever show it.
const canary = "Y2FuYXJ5LXRoYXQtbm8tb25lLW1heS1zZWU="

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"rehome":         func() { os.Exit(cli.Run(context.Background(), cli.System())) },
		"kubectl-rehome": func() { os.Exit(cli.Run(context.Background(), cli.System())) },
		"holder":         holder,
		"listener":       listener,
	})
}

// TestScripts plays sessions as people and scripts have them. "exec rehome" is the
// program as it is shipped, in a process of its own; "exits CODE rehome" calls it
// in this one, where a world, once the script has made one, stands behind its
// adapters.
func TestScripts(t *testing.T) {
	data, err := filepath.Abs("testdata") // calls change the directory
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(data, "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(e *testscript.Env) error { return setUp(e, filepath.Join(data, "move")) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"world":    makeWorld,
			"pass":     pass,
			"foreign":  foreignRecord,
			"drill":    drill,
			"reaches":  reaches,
			"edit":     edit,
			"damage":   damage,
			"clean":    clean,
			"keep":     keep,
			"wait-for": func(ts *testscript.TestScript, _ bool, args []string) { waitFor(ts, args[0]) },
		},
	})
}

func setUp(e *testscript.Env, move string) error {
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("REHOME_STATE", filepath.Join(e.WorkDir, "state"))
	e.Setenv("REHOME_AS", "angua")
	e.Setenv("TZ", "UTC")
	e.Setenv("KUBECONFIG", filepath.Join(e.WorkDir, "no-kubeconfig"))
	e.Values[sessionKey{}] = &session{registry: wire.Standard()}
	if err := os.WriteFile(filepath.Join(e.WorkDir, "tsig.key"), []byte(canary+"\n"), 0o600); err != nil {
		return err
	}
	for _, name := range []string{"royal-bank-api.yaml", "policy.yaml"} {
		b, err := os.ReadFile(filepath.Join(move, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(e.WorkDir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

type sessionKey struct{}

// session is what a script has made so far.
type session struct {
	registry wire.Registry
	world    *world
	said     strings.Builder // everything that rehome has said
}

func of(ts *testscript.TestScript) *session { return ts.Value(sessionKey{}).(*session) }

// chdir is held while a call inside this process needs its own directory.
var chdir sync.Mutex

// call runs the program in this process, and gives its exit code.
func call(ts *testscript.TestScript, args []string) int {
	chdir.Lock()
	defer chdir.Unlock()
	back, err := os.Getwd()
	ts.Check(err)
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer func() { ts.Check(os.Chdir(back)) }()
	s := of(ts)
	var out, errs strings.Builder
	code := cli.Run(context.Background(), cli.Program{
		Args: args, Name: "rehome", Stdout: &out, Stderr: &errs, Getenv: ts.Getenv, Zone: time.UTC, Registry: s.registry, NameCost: 1,
	})
	s.said.WriteString(out.String() + errs.String())
	_, _ = ts.Stdout().Write([]byte(out.String()))
	_, _ = ts.Stderr().Write([]byte(errs.String()))
	return code
}

// exits N rehome ARGS... demands that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || args[1] != "rehome" {
		ts.Fatalf("usage: exits CODE rehome ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := call(ts, args[2:]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// edit FILE OLD NEW replaces a text in a file.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	b := ts.ReadFile(args[0])
	if !strings.Contains(b, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(b, args[1], args[2])), 0o600))
}

// keep VARIABLE PREFIX keeps what stands behind the prefix in the last output.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	_, rest, ok := strings.Cut(ts.ReadFile("stdout"), args[1])
	if !ok {
		ts.Fatalf("no %q in the output", args[1])
	}
	ts.Setenv(args[0], strings.Fields(rest)[0])
}

// clean demands that the key's secret is nowhere: in nothing that was said, and
// in no file but its own.
func clean(ts *testscript.TestScript, _ bool, _ []string) {
	if strings.Contains(of(ts).said.String(), canary[:20]) {
		ts.Fatalf("the secret was said")
	}
	looked := 0
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "tsig.key" {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), canary[:20]) {
			ts.Fatalf("the secret is in %s", path)
		}
		looked++
		return err
	}))
	if looked < 3 || of(ts).said.Len() == 0 {
		ts.Fatalf("there was nothing to look at")
	}
}

// waitFor waits until another process has made a file.
func waitFor(ts *testscript.TestScript, file string) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(file)); err == nil {
			return
		}
	}
	ts.Fatalf("%s was not made", file)
}
