package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

func TestMain(m *testing.M) {
	if os.Getenv("AGENT_TEST") != "" {
		// Not os.Exit, where the race detector waits for a second.
		syscall.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// running is an agent as a process of its own, with the application that it looks at.
type running struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	app *exec.Cmd
}

func begin(t *testing.T, request string) *running {
	t.Helper()
	app := exec.Command("sleep", "600")
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { app.Process.Kill(); app.Wait() })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Cmd: exec.Command(self, "probe"), app: app}
	r.Env = append(os.Environ(), "AGENT_TEST=1")
	r.Stderr = os.Stderr
	if r.in, err = r.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.in.Close(); r.Process.Kill(); r.Wait() })
	fmt.Fprintln(r.in, strings.ReplaceAll(request, "APP", fmt.Sprint(app.Process.Pid)))
	return r
}

func (r *running) event(t *testing.T) inventory.Event {
	t.Helper()
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the agent said nothing more: %v", err)
	}
	var e inventory.Event
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return e
}

// ends waits for the end of the agent and gives its exit code.
func (r *running) ends(t *testing.T) int {
	t.Helper()
	done := make(chan error, 1)
	go func() { io.Copy(io.Discard, r.out); done <- r.Wait() }()
	select {
	case <-done:
		return r.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		t.Fatal("the agent does not end")
		return 0
	}
}

func TestItAnswersWithFacts(t *testing.T) {
	r := begin(t, `{"target":{"pid":APP},"everyNanos":20000000,"forNanos":100000000}`)
	for {
		e := r.event(t)
		if e.Err != "" {
			t.Fatal(e.Err)
		}
		if e.Facts == nil {
			continue
		}
		f := *e.Facts
		if len(f.Processes) != 1 || f.Processes[0].PID != r.app.Process.Pid || f.Host.Kernel == "" || f.Coverage.Planned != 5 || f.Taken.Version == "" {
			t.Errorf("facts %+v", f)
		}
		if len(f.Looked) < 15 {
			t.Errorf("it looked at %v alone", f.Looked)
		}
		break
	}
	if code := r.ends(t); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

const long = `{"target":{"pid":APP},"everyNanos":1000000000,"forNanos":3600000000000}`

func TestItEndsWithTheConnection(t *testing.T) {
	r := begin(t, long)
	r.event(t)
	r.in.Close()
	if code := r.ends(t); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if err := r.app.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the application has ended too: %v", err)
	}
}

func TestItEndsWhenItIsTold(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		r := begin(t, long)
		r.event(t)
		if err := r.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		e := r.event(t)
		for e.Err == "" {
			e = r.event(t)
		}
		if !strings.Contains(e.Err, "told to end") || r.ends(t) != exitFailed {
			t.Errorf("%s: %+v", signal, e)
		}
	}
}

func TestWhyThereAreNoFacts(t *testing.T) {
	for request, want := range map[string]string{
		`{"target":{}}`:             "one of unit, PID and port",
		`{"target":{"pid":1}}`:      "the probe itself",
		"nonsense":                  "read the request",
		`{"target":{"port":65530}}`: "no process listens",
	} {
		var out bytes.Buffer
		in, hold := io.Pipe()
		go func() { fmt.Fprintln(hold, request) }()
		code := serve(t.Context(), in, &out, nil)
		hold.Close()
		var e inventory.Event
		if err := json.Unmarshal(bytes.TrimSpace(out.Bytes()), &e); err != nil || code != exitFailed || !strings.Contains(e.Err, want) {
			t.Errorf("%s: exit code %d, %s", request, code, out.String())
		}
		if strings.HasPrefix(request, "{") && e.Hint == "" {
			t.Errorf("%s: no hint", request)
		}
	}
	var out bytes.Buffer
	if code := serve(t.Context(), strings.NewReader(""), &out, nil); code != exitFailed {
		t.Errorf("without a request: exit code %d", code)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"probe", "x"}} {
		var out, said bytes.Buffer
		if code := Run(t.Context(), args, strings.NewReader(""), &out, &said); code != exitUsage || !strings.Contains(said.String(), "rehome-agent probe") {
			t.Errorf("%v: exit code %d, %s", args, code, said.String())
		}
	}
	var out bytes.Buffer
	if code := Run(t.Context(), []string{"version"}, nil, &out, io.Discard); code != exitDone || !strings.HasPrefix(out.String(), "rehome-agent ") {
		t.Errorf("version: %d, %s", code, out.String())
	}
}

func TestTextOfTheProgramAlone(t *testing.T) {
	maps := "00400000-00500000 r-xp 00000000 08:01 7 /tmp/agent\n00500000-00600000 r--p 00100000 08:01 7 /tmp/agent\n" +
		"00600000-00601000 rw-p 00200000 08:01 7 /tmp/agent\nc000000000-c000400000 rw-p 00000000 00:00 0 \n7f00-7f01 r-xp 0 08:01 9 /lib/libc.so\nbroken\n"
	got := textOf([]byte(maps), "/tmp/agent")
	if len(got) != 2 || got[0] != [2]uintptr{0x400000, 0x100000} || got[1] != [2]uintptr{0x500000, 0x100000} {
		t.Errorf("got %x", got)
	}
}

// What is carried to machines is one static file that is loaded where it was
// linked for: otherwise it could not give back memory.
func TestTheProgramIsStatic(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "rehome-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "rehome.dev/rehome/cmd/rehome-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("ld-linux")) {
		t.Error("it needs a loader")
	}
	if most := 10 << 20; len(text) > most {
		t.Errorf("it has %d bytes, more than %d", len(text), most)
	}
}
