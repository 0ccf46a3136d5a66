package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/tree"
)

var most = tree.Bounds{Bytes: 1 << 20, Entries: 100}

// asProcess is the agent as a process of its own.
func asProcess(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "AGENT_TEST=1")
	return cmd
}

func aTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bank.conf"), []byte("password="+canary), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// In a pod there is nobody on standard input: the directory is an argument.
func TestATreeByArgument(t *testing.T) {
	t.Parallel()
	dir := aTree(t)
	for _, c := range []struct {
		args  []string
		holds bool
	}{{[]string{"tree", dir}, true}, {[]string{"tree", "--hash", dir}, false}, {[]string{"tree", "--hash", "--partial", dir}, false}} {
		var out, said bytes.Buffer
		cmd := asProcess(t, c.args...)
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Fatalf("%v: %v, %s", c.args, err, &said)
		}
		if !c.holds && bytes.Contains(out.Bytes(), []byte(canary)) {
			t.Errorf("%v: hashes hold what is hashed", c.args)
		}
		x, err := tree.Decode(&out, most)
		if e, _ := x.At("bank.conf"); err != nil || (string(e.Content) == "password="+canary) != c.holds || e.SHA256 == "" || x.Root != dir {
			t.Errorf("%v: %+v, %v", c.args, x, err)
		}
	}
	var out bytes.Buffer
	cmd := asProcess(t, "tree", dir+"-none")
	cmd.Stdout = &out
	err := cmd.Run()
	_, derr := tree.Decode(&out, most)
	if f, ok := errors.AsType[*tree.Failure](derr); !ok || cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(f.Err, "not there") || f.Help == "" {
		t.Errorf("%v, %v", err, derr)
	}
	for _, args := range [][]string{{"tree", "a", "b"}, {"tree", "--what", "a"}, {"tree", ""}} {
		if asProcess(t, args...).Run(); asProcess(t, args...).Run() == nil {
			t.Errorf("%q is no use of it", args)
		}
	}
}

// Over ssh the request is on standard input, and its end is the reading's.
func TestATreeByRequest(t *testing.T) {
	t.Parallel()
	dir := aTree(t)
	ask := func(request any) (tree.Tree, error) {
		line, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		cmd := asProcess(t, "tree")
		in, _ := cmd.StdinPipe()
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		if cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid)); bytes.Contains(cmdline, []byte(dir)) {
			t.Errorf("the root is an argument: %q", cmdline)
		}
		in.Write(append(line, '\n'))
		x, err := tree.Decode(out, most)
		in.Close()
		io.Copy(io.Discard, out)
		return x, err
	}
	x, err := ask(TreeRequest{Root: []byte(dir), Content: true})
	if e, _ := x.At("bank.conf"); err != nil || string(e.Content) != "password="+canary {
		t.Errorf("%+v, %v", x, err)
	}
	if _, err := ask(TreeRequest{Root: []byte(dir), Content: true, MaxFile: 3}); err == nil || !strings.Contains(err.Error(), "bank.conf: it is too big") || strings.Contains(err.Error(), canary) {
		t.Error(err)
	}
	for _, none := range []any{TreeRequest{}, "x", 7} {
		if _, err := ask(none); err == nil || !strings.Contains(err.Error(), "it names no tree") {
			t.Error(err)
		}
	}
	cmd := asProcess(t, "tree")
	in, _ := cmd.StdinPipe()
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := json.Marshal(TreeRequest{Root: []byte(dir), Quiet: time.Hour})
	in.Write(append(line, '\n'))
	in.Close()
	cmd.Wait()
	if _, err := tree.Decode(&out, most); err == nil || !strings.Contains(err.Error(), "connection") {
		t.Errorf("nobody is there any more: %v", err)
	}
}
