package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/wire"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// listener is an application: it answers at a port, which it writes with its PID
// into the file that its first argument names.
func listener() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		text := fmt.Sprintf("pid=%d\nport=%d\n", os.Getpid(), l.Addr().(*net.TCPAddr).Port)
		if err = os.WriteFile(os.Args[1]+".new", []byte(text), 0o600); err == nil {
			err = os.Rename(os.Args[1]+".new", os.Args[1])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "well") })
	panic(http.Serve(l, mux))
}

// agentBinary builds the real agent.
func agentBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rehome-agent")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "rehome.dev/rehome/cmd/rehome-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the agent: %v\n%s", err, out)
	}
	return path
}

// The whole way: the shipped agent, a real sshd, a real process. Nothing of its
// secrets comes back, and nothing of the agent stays.
func TestProbeOverSSH(t *testing.T) {
	const secret = "canary-that-no-one-may-see-3"
	mark := "REHOME_TEST=" + filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	server, agent := sshdtest.Start(t, sshdtest.WithConfig("SetEnv "+mark)), agentBinary(t)
	port := startListener(t, secret)
	probe := func(p cli.Program, args ...string) (int, string, string) {
		var out, errs strings.Builder
		p.Args = append([]string{"probe", "--port", port, "--host", server.URL(), "--host", "ssh://" + server.User + "@127.0.0.1:9",
			"--identity", server.Key, "--known-hosts", server.KnownHosts, "--agent", agent}, args...)
		p.Name, p.Stdout, p.Stderr, p.Zone, p.Registry = "rehome", &out, &errs, time.UTC, wire.Standard()
		p.Getenv = func(string) string { return "" }
		return cli.Run(t.Context(), p), out.String(), errs.String()
	}
	code, out, errs := probe(cli.Program{}, "--for", "1s", "--every", "500ms", "-o", "json")
	if code != int(cli.CodeError) || !strings.Contains(errs, "127.0.0.1:9: it cannot be reached") {
		t.Errorf("one of two machines is away: exit code %d\n%s", code, errs)
	}
	r, err := inventory.Decode([]byte(out))
	if err != nil || len(r.Machines) != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	if f := r.Machines[0]; fmt.Sprint(f.Target.Port) != port || f.Coverage.Samples == 0 || len(f.Processes) == 0 || len(f.Environment) == 0 {
		t.Errorf("the facts: %+v", f)
	}
	if saw, why := r.Machines[1].Saw(inventory.SubjectProcesses); saw || !strings.Contains(why, "it cannot be reached") {
		t.Errorf("of the other machine: %t, %s", saw, why)
	}
	if strings.Contains(out+errs, secret) {
		t.Error("a secret of the process was told")
	}

	stop := make(chan os.Signal, 2)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, _, errs = probe(cli.Program{Stop: stop}, "--for", "1h")
	}()
	var directory string
	await(t, "the agent runs", func() bool {
		directory = agentOf(mark)
		return directory != ""
	})
	stop <- os.Interrupt
	<-ended
	if code != int(cli.CodeError) || !strings.Contains(errs, "stopped by a person") {
		t.Errorf("stopped: exit code %d\n%s", code, errs)
	}
	await(t, "the agent is gone", func() bool { return agentOf(mark) == "" })
	if _, err := os.Lstat(directory); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was left: %v", directory, err)
	}
}

// agentOf is the directory of the agent that runs with a mark in its environment,
// or "".
func agentOf(mark string) string {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		exe, err := os.Readlink(filepath.Join(filepath.Dir(file), "exe"))
		if err != nil || filepath.Base(exe) != "rehome-agent" {
			continue
		}
		if b, _ := os.ReadFile(file); strings.Contains(string(b), mark) {
			return filepath.Dir(exe)
		}
	}
	return ""
}

// startListener starts an application that knows a secret, and gives its port.
func startListener(t *testing.T, secret string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "listening")
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "listener", file, "--token="+secret)
	cmd.Env = append(os.Environ(), "API_KEY="+secret)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); cmd.Wait() })
	var text []byte
	await(t, "the application listens", func() (there bool) {
		b, err := os.ReadFile(file)
		text = b
		return err == nil
	})
	_, port, _ := strings.Cut(strings.TrimSpace(string(text)), "port=")
	return port
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
