package vm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// standIn builds the program of testdata/agent once, static as the real one is.
var standIn = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "rehome-vm-agent-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "rehome-agent")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./testdata/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := standIn(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func agentFile(t testing.TB) string {
	t.Helper()
	path, err := standIn()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheAgentIsLookedAtBeforeItIsSent(t *testing.T) {
	good := agentFile(t)
	if b, err := (Settings{Agent: good}).binary(runtime.GOARCH); err != nil || len(b.data) == 0 {
		t.Errorf("the agent: %v", err)
	}
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	for _, c := range []struct{ path, arch, want string }{
		{text, runtime.GOARCH, "is no Linux program"},
		{good, other, "the machine is " + other},
		{"/bin/sh", runtime.GOARCH, "is not static"},
		{dir, runtime.GOARCH, "is no program that could be sent"},
		{filepath.Join(dir, "none"), runtime.GOARCH, "no such file"},
	} {
		_, err := (Settings{Agent: c.path}).binary(c.arch)
		if !errors.Is(err, ErrAgent) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v", c.path, c.arch, err)
		}
		if !strings.Contains(Why(err), "CGO_ENABLED=0 GOOS=linux GOARCH="+c.arch) {
			t.Errorf("no hint: %s", Why(err))
		}
	}
}

func TestTheAgentIsFoundByVariableOrBesideTheProgram(t *testing.T) {
	good := agentFile(t)
	env := map[string]string{AgentVariable: good}
	s := Settings{Getenv: func(name string) string { return env[name] }}
	if b, err := s.binary(runtime.GOARCH); err != nil || b.path != good {
		t.Errorf("by the variable: %s, %v", b.path, err)
	}
	env[AgentVariable] = ""
	if _, err := s.binary(runtime.GOARCH); !errors.Is(err, ErrAgent) || !strings.Contains(err.Error(), "rehome-agent-linux-"+runtime.GOARCH) {
		t.Errorf("nowhere: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(filepath.Dir(self), "rehome-agent")
	data, err := os.ReadFile(good)
	if err == nil {
		err = os.WriteFile(beside, data, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(beside)
	if b, err := s.binary(runtime.GOARCH); err != nil || filepath.Base(b.path) != "rehome-agent" {
		t.Errorf("beside the program: %s, %v", b.path, err)
	}
}
