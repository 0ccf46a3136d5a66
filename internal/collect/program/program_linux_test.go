package program

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

func TestMain(m *testing.M) {
	if os.Getenv("PROGRAM_TEST_WAIT") != "" {
		io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// look takes the programs of one running process.
func look(t *testing.T, cmd *exec.Cmd) ([]inventory.Program, []inventory.Gap) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); io.Copy(io.Discard, out); cmd.Wait() })
	if cmd.Env == nil { // it says when it has begun
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	s := &scope.Scope{Proc: "/proc", Root: "/", PIDs: []int{cmd.Process.Pid}, Main: cmd.Process.Pid, Gaps: &scope.Gaps{}}
	c := New()
	c.Sample(t.Context(), s)
	c.Sample(t.Context(), s)
	var f inventory.Facts
	c.Finish(t.Context(), s, &f)
	return f.Programs, s.Gaps.List()
}

func TestAProgramOfAPackage(t *testing.T) {
	programs, gaps := look(t, exec.Command("/bin/sh", "-c", "echo begun; read x"))
	if len(gaps) > 0 || len(programs) == 0 {
		t.Fatalf("programs %v, gaps %v", programs, gaps)
	}
	i := slices.IndexFunc(programs, func(p inventory.Program) bool { return filepath.Base(p.Path) == "dash" })
	if i < 0 {
		t.Fatalf("programs %+v", programs)
	}
	p := programs[i]
	if !strings.HasPrefix(p.Package, "dash ") || p.Static {
		t.Errorf("program %+v", p)
	}
	libc := slices.IndexFunc(p.Libraries, func(l inventory.Library) bool {
		return strings.HasPrefix(filepath.Base(l.Path), "libc.so") || strings.HasPrefix(filepath.Base(l.Path), "libc-")
	})
	if libc < 0 || !p.Libraries[libc].Mapped || !strings.HasPrefix(p.Libraries[libc].Package, "libc6 ") || p.Libraries[libc].Missing {
		t.Errorf("libraries %+v", p.Libraries)
	}
}

func TestAScriptIsAProgramOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "bank.sh")
	if err := os.WriteFile(script, []byte("echo begun; read x\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "bank.sh")
	cmd.Dir = dir
	programs, _ := look(t, cmd)
	if len(programs) != 2 || programs[0].Path != script || programs[0].Language != "Shell" || programs[0].Package != "" ||
		programs[1].Package == "" || len(programs[1].Libraries) == 0 {
		t.Errorf("programs %+v", programs)
	}
}

func TestAGoProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "PROGRAM_TEST_WAIT=1")
	programs, gaps := look(t, cmd)
	if len(programs) != 1 || programs[0].Language != "Go" || !strings.HasPrefix(programs[0].Runtime, "go1.") || programs[0].Package != "" || len(gaps) > 0 {
		t.Errorf("programs %+v, gaps %v", programs, gaps)
	}
}

func TestALibraryThatIsNowhere(t *testing.T) {
	c := New().(*collector)
	r := &running{key: key{exe: "/bin/x"}, first: process{root: t.TempDir()}, mapped: map[string]bool{"/lib/libgone.so.1": true}}
	got := c.libraries(&scope.Scope{Root: "/"}, r, header{needed: []string{"libgone.so.1", "libnever.so.2"}})
	if len(got) != 2 || !got[0].Missing || !got[0].Mapped || !got[1].Missing || got[1].Path != "libnever.so.2" {
		t.Errorf("libraries %+v", got)
	}
}

func TestAMachineWithoutPackages(t *testing.T) {
	s := &scope.Scope{Root: t.TempDir(), Gaps: &scope.Gaps{}}
	packages(t.Context(), s, []inventory.Program{{Path: "/bin/x"}})
	if len(s.Gaps.List()) != 1 {
		t.Errorf("no package database, and the gaps %v", s.Gaps.List())
	}
}
