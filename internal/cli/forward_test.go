package cli_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/image/imagetest"
	"rehome.dev/rehome/internal/wire"
)

// forwarded calls rehome forward, and gives the exit code and what it said.
func forwarded(t *testing.T, stop chan os.Signal, stderr io.Writer, args ...string) (code cli.Code, out string) {
	t.Helper()
	var stdout strings.Builder
	p := cli.Program{Args: append([]string{"forward"}, args...), Name: "rehome", Stdout: &stdout, Stderr: stderr,
		Getenv: os.Getenv, Zone: time.UTC, Registry: wire.Standard(), Stop: stop}
	return cli.Code(cli.Run(context.Background(), p)), stdout.String()
}

func echoing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// spoken is read while it is written.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// The first signal lets what is open end; then the command is done.
func TestForwardUntilStopped(t *testing.T) {
	stop := make(chan os.Signal, 2)
	var errs spoken
	code := make(chan cli.Code, 1)
	go func() {
		c, _ := forwarded(t, stop, &errs, "127.0.0.1:0=tcp://"+echoing(t), "--status=off", "--linger=0s", "--leads-to=new", "--name=bank")
		code <- c
	}()
	at := ""
	for end := time.Now().Add(10 * time.Second); at == ""; time.Sleep(2 * time.Millisecond) {
		if before, _, ok := strings.Cut(errs.String(), " leads to tcp://"); ok {
			at = before[strings.LastIndexByte("\n"+before, '\n'):]
		}
		if time.Now().After(end) {
			t.Fatalf("it does not listen: %s", errs.String())
		}
	}
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{"hello", "still"} {
		fmt.Fprint(c, text)
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
			t.Fatalf("%q, %v", got, err)
		}
		if text == "hello" {
			stop <- os.Interrupt
		}
	}
	c.Close()
	if got := <-code; got != cli.CodeDone {
		t.Errorf("exit code %d: %s", got, errs.String())
	}
}

// What would be led where is said before anything listens.
func TestForwardTried(t *testing.T) {
	target := echoing(t)
	shut, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut.Close()
	var errs spoken
	code, out := forwarded(t, nil, &errs, "--dry-run", "8080=tcp://"+target+","+shut.Addr().String())
	if code != cli.CodeDone || !strings.Contains(out, target+": takes connections") || !strings.Contains(out, "takes none: connect: connection refused") {
		t.Errorf("exit code %d: %s%s", code, out, errs.String())
	}
	code, out = forwarded(t, nil, &errs, "--dry-run", "-o", "json", "8080=tcp://"+target, "8081=tcp://nobody.invalid:80")
	var got struct {
		OK     bool
		Routes []struct {
			Listen  string
			Targets []struct {
				Address string
				Up      bool
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code != cli.CodeError || got.OK || len(got.Routes) != 2 || !got.Routes[0].Targets[0].Up || len(got.Routes[1].Targets) != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestForwardMistakes(t *testing.T) {
	taken := echoing(t)
	for name, c := range map[string]struct {
		args []string
		code cli.Code
		says []string
	}{
		"nothing":       {nil, cli.CodeUsage, []string{"requires at least 1 arg"}},
		"no route":      {[]string{"8080"}, cli.CodeUsage, []string{`route "8080"`, "hint: write it like 8080=tcp://"}},
		"a key":         {[]string{"8080=tcp://a:1?verify=no"}, cli.CodeUsage, []string{"verify is not known"}},
		"a side":        {[]string{"--leads-to=away", "8080=tcp://a:1"}, cli.CodeUsage, []string{`old or new, not to "away"`}},
		"itself":        {[]string{"18098=tcp://127.0.0.1:18098"}, cli.CodeError, []string{"leads to the forwarder itself", "hint: name the entry before the move"}},
		"itself, tried": {[]string{"--dry-run", "18098=tcp://127.0.0.1:18098"}, cli.CodeError, []string{"leads to the forwarder itself"}},
		"a taken port":  {[]string{taken + "=tcp://127.0.0.1:9"}, cli.CodeError, []string{"the port is taken", "hint: ss -ltnp"}},
		"image, where":  {[]string{"image"}, cli.CodeUsage, []string{"hint: name a repository with --push"}},
		"image, agents": {[]string{"image", "--dry-run", "--agent=x"}, cli.CodeUsage, []string{"say which with --arch"}},
		"image, none":   {[]string{"image", "--dry-run", "--arch=amd64", "--agent=/nowhere/agent"}, cli.CodeError, []string{"/nowhere/agent", "hint: make install"}},
	} {
		var errs spoken
		code, _ := forwarded(t, nil, &errs, c.args...)
		if code != c.code {
			t.Errorf("%s: exit code %d: %s", name, code, errs.String())
		}
		for _, want := range c.says {
			if !strings.Contains(errs.String(), want) {
				t.Errorf("%s does not say %q: %s", name, want, errs.String())
			}
		}
	}
}

// agentsBeside puts static programs of nothing beside this one, as make install does.
func agentsBeside(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		var text bytes.Buffer
		h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Ehsize: 64, Phentsize: 56, Shentsize: 64}
		copy(h.Ident[:], elf.ELFMAG+"\x02\x01\x01")
		if err := binary.Write(&text, binary.LittleEndian, h); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(filepath.Dir(self), "rehome-agent-linux-"+arch)
		if err := os.WriteFile(at, text.Bytes(), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(at) })
	}
}

// The image is in the registry under the digest that a dry run has said, and the line
// for the policy names it.
func TestForwardImage(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REHOME_AGENT", "")
	agentsBeside(t)
	registry := imagetest.NewRegistry(t)
	var errs spoken
	code, dry := forwarded(t, nil, &errs, "image", "--dry-run", "-o", "json")
	if code != cli.CodeDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var said struct {
		Digest, Pushed, Line string
		DryRun               bool
		Platforms            []struct{ Platform string }
	}
	if err := json.Unmarshal([]byte(dry), &said); err != nil {
		t.Fatal(err)
	}
	if !said.DryRun || said.Pushed != "" || len(said.Platforms) != 2 || said.Platforms[0].Platform != "linux/amd64" {
		t.Errorf("%s", dry)
	}
	ref := registry.Host + "/rehome-agent@" + said.Digest
	code, out := forwarded(t, nil, &errs, "image", "--push", registry.Host+"/rehome-agent:1")
	if code != cli.CodeDone || !strings.Contains(out, "Pushed "+ref+"\n") || !strings.Contains(out, "  agent: "+ref+"\n") {
		t.Errorf("exit code %d: %s%s", code, out, errs.String())
	}
	code, _ = forwarded(t, nil, &errs, "image", "--push", "127.0.0.1:1/rehome-agent:1")
	if code != cli.CodeError || !strings.Contains(errs.String(), "hint: ") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
