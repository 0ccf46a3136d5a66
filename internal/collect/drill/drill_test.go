//go:build linux

package drill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/drill"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// first is a running application, with the facts that others take of it.
type first struct {
	t     *testing.T
	cmd   *exec.Cmd
	base  string
	file  string
	scope *scope.Scope
	facts *inventory.Facts
}

// await polls with a deadline.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// public is a directory in which everybody may write.
func public(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "drill")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// program is the test's own, at a place where everybody may start it.
func program(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "application")
	if out, err := exec.Command("cp", self, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts an application of the kind beside something that it depends on.
func run(t *testing.T, kind string, drills ...inventory.DrillName) *first {
	t.Helper()
	dependency, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dependency.Close() })
	address := freeAddress(t)
	host, portText, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(portText)
	a := &first{t: t, base: "http://" + address, file: filepath.Join(t.TempDir(), "pid")}
	path := "/proc/self/exe"
	if kind == "nobody" {
		a.file = filepath.Join(public(t), "pid")
		path = program(t, filepath.Dir(a.file))
	}
	a.cmd = exec.Command(path, "application", kind, address, dependency.Addr().String(), a.file, "--password="+canary)
	a.cmd.Env = append(os.Environ(), "API_TOKEN="+canary)
	if kind == "nobody" {
		a.cmd.Dir = "/"
		a.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
	})
	await(t, "the application listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	bounds := map[string]time.Duration{"drains": 4 * time.Second, "lies": 4 * time.Second, "drops": 4 * time.Second, "dies": 4 * time.Second,
		"exits-alone": 4 * time.Second, "speaks-otherwise": 4 * time.Second, "nobody": 4 * time.Second, "astray": 4 * time.Second, "swift": 4 * time.Second, "waits-alone": time.Second, "stays": 2 * time.Second}
	dialled, _, _ := net.SplitHostPort(dependency.Addr().String())
	a.scope = &scope.Scope{
		Proc: "/proc", Root: "/", Main: a.cmd.Process.Pid, PIDs: []int{a.cmd.Process.Pid}, Gaps: &scope.Gaps{},
		Request: inventory.Request{Drills: drills, DrillFor: bounds[kind]},
	}
	a.facts = &inventory.Facts{
		Listeners: []inventory.Listener{{Protocol: "tcp", Address: host, Port: port}},
		Peers:     []inventory.Peer{{Direction: inventory.Dialled, Protocol: "tcp", Address: dialled, Port: 5432}},
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if status := a.get(path); status > 0 {
			a.facts.Health = append(a.facts.Health, inventory.HealthAnswer{URL: a.base + path, Path: path, Status: status})
		}
	}
	return a
}

func (a *first) get(path string) int {
	resp, err := http.Get(a.base + path)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// drill makes the drills and looks that the application was left alone and nothing
// has stayed behind, and that no secret came out.
func (a *first) drill(ctx context.Context) []inventory.Drill {
	a.t.Helper()
	before, err := os.ReadFile(a.file)
	if err != nil {
		a.t.Fatal(err)
	}
	var heard []string
	drill.Run(ctx, a.scope, a.facts, func(text string) { heard = append(heard, text) })
	if after, err := os.ReadFile(a.file); err != nil || string(after) != string(before) {
		a.t.Errorf("the application's file was %q and is %q, %v", before, after, err)
	}
	if n, pending := a.processes(), a.pending(); n != 1 || pending != 0 {
		a.t.Errorf("%d processes of the application, signals %x wait: want the first one alone, untouched", n, pending)
	}
	if left, _ := filepath.Glob("/run/rehome-drill-*/plan"); slices.ContainsFunc(left, a.planned) {
		a.t.Errorf("left behind: %s", left)
	}
	out, err := json.Marshal(a.facts)
	if err != nil || strings.Contains(string(out)+strings.Join(heard, " "), canary) {
		a.t.Errorf("a secret in the facts, or %v", err)
	}
	return a.facts.Drills
}

// planned says whether a drill's directory was made for this application.
func (a *first) planned(file string) bool {
	data, _ := os.ReadFile(file)
	return strings.Contains(string(data), fmt.Sprintf(`"pid":%d,`, a.scope.Main))
}

// pending are the signals that wait for the application, but for SIGURG, which the Go
// runtime sends itself.
func (a *first) pending() (set uint64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		a.t.Error(err)
	}
	for line := range strings.Lines(string(status)) {
		if name, value, _ := strings.Cut(line, ":"); name == "SigPnd" || name == "ShdPnd" {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				a.t.Error(err)
			}
			set |= n
		}
	}
	return set &^ (1 << (syscall.SIGURG - 1))
}

// processes counts those with the application's command line.
func (a *first) processes() int {
	n := 0
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range all {
		if data, err := os.ReadFile(f); err == nil && strings.Contains(string(data), a.file) {
			n++
		}
	}
	return n
}

func TestSIGTERM(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]struct {
		passed bool
		detail string
		err    string
	}{
		"drains":           {true, "requests in flight were answered, and it ended in", ""},
		"nobody":           {true, "requests in flight were answered, and it ended in", ""},
		"drops":            {false, "were not answered", ""},
		"dies":             {false, "were not answered", ""},
		"stays":            {false, "did not end within 2s", ""},
		"waits-alone":      {false, "", "did not listen"},
		"exits-alone":      {false, "", "ended before it listened"},
		"speaks-otherwise": {false, "", "speaks no HTTP"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := run(t, kind, inventory.DrillSIGTERM)
			d := a.drill(t.Context())[0]
			if d.Passed != want.passed || !strings.Contains(d.Detail, want.detail) || !strings.Contains(d.Err, want.err) || (d.Err == "") != (want.err == "") {
				t.Fatalf("%+v", d)
			}
			if want.err != "" {
				return
			}
			if d.InFlight == 0 || (d.Answered == d.InFlight) != (kind == "drains" || kind == "nobody" || kind == "stays") || d.Boot <= 0 {
				t.Errorf("%+v", d)
			}
			if !strings.Contains(d.How, "SIGTERM") || !strings.Contains(d.How, "thrown away") || strings.Contains(d.How, "same files") {
				t.Errorf("how: %s", d.How)
			}
			if status := a.get("/livez"); status != 200 {
				t.Errorf("the first instance answers %d afterwards", status)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]struct {
		passed bool
		detail string
		err    string
	}{
		"drains":      {true, "/readyz answers 503 without", ""},
		"lies":        {false, "/readyz answers 200 although", ""},
		"waits-alone": {false, "", "did not listen"},
		"exits-alone": {false, "", "ended before it listened"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := run(t, kind, inventory.DrillHealth)
			d := a.drill(t.Context())[0]
			if d.Passed != want.passed || !strings.Contains(d.Detail, want.detail) || !strings.Contains(d.Err, want.err) || (d.Err == "") != (want.err == "") {
				t.Fatalf("%+v", d)
			}
			if want.err == "" && (len(d.Before) != 2 || len(d.After) != 2 || d.Before[1].Status != 200) {
				t.Errorf("before %+v, after %+v", d.Before, d.After)
			}
		})
	}
}

func TestWhatCannotBeDrilled(t *testing.T) {
	t.Parallel()
	for word, spoil := range map[string]func(*first){
		"no drill":        func(a *first) { a.scope.Request.Drills = []inventory.DrillName{"reboot"} },
		"does not run":    func(a *first) { a.scope.Main = 0 },
		"no TCP port":     func(a *first) { a.facts.Listeners[0].Protocol = "udp" },
		"its sockets":     func(a *first) { a.scope.Unit = &inventory.Unit{TriggeredBy: []string{"a.socket"}} },
		"nothing is know": func(a *first) { a.facts.Peers[0].Port = 53 },
		"answers 200":     func(a *first) { a.facts.Health = nil },
		"of memory":       func(a *first) { a.facts.Usage.MemoryBytes.Max = 1 << 50 },
		"its environment": func(a *first) { a.scope.Main = 1 << 22 },
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			a := run(t, "drains", inventory.DrillHealth)
			spoil(a)
			if d := a.drill(t.Context())[0]; !strings.Contains(d.Err, word) && word != "its environment" || d.Err == "" || d.Passed {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestAStoreOnASocketIsNotTakenAway(t *testing.T) {
	t.Parallel()
	a := run(t, "lies", inventory.DrillHealth)
	a.facts.Peers = nil
	a.facts.Stores = []inventory.Store{{Kind: "postgresql", Where: "/run/postgresql/.s.PGSQL.5432"}}
	if d := a.drill(t.Context())[0]; !strings.Contains(d.Err, "nothing is known that it depends on") {
		t.Errorf("%+v", d)
	}
	a.facts.Drills, a.facts.Stores[0].Where = nil, "127.0.0.1:5432"
	if d := a.drill(t.Context())[0]; d.Err != "" || d.Passed {
		t.Errorf("%+v", d)
	}
}

// A drill that is broken off leaves nothing: the context ends while the second
// instance waits for what it depends on.
func TestCancelled(t *testing.T) {
	t.Parallel()
	a := run(t, "waits-alone", inventory.DrillSIGTERM)
	a.scope.Request.DrillFor = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil && a.processes() < 2 {
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if d := a.drill(ctx)[0]; d.Err == "" || d.Passed {
		t.Errorf("%+v", d)
	}
}
