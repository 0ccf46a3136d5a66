//go:build lab

package canary

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/lab/canary"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// The exit codes of rehome.
const (
	done    = 0
	failed  = 1
	blocked = 3
	waiting = 4
)

const (
	staging    = "royal-bank-staging"
	production = "royal-bank"
)

// suite is the application with its secrets, and everything that was seen of rehome.
type suite struct {
	*demo.World
	t     *testing.T
	lab   *part.Lab
	plant *plant
	set   *canary.Set
	said  string // directory with what each command has printed
	calls int

	mu        sync.Mutex
	told      []canary.Told
	programs  int             // that were executed
	processes map[string]bool // on the whole machine, in which a secret was seen
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{t: t, lab: lab, said: filepath.Join(t.TempDir(), "said"), processes: map[string]bool{}}
	s.must(os.Mkdir(s.said, 0o755))
	s.World, err = demo.NewWorld(t.Context(), lab, filepath.Join(t.TempDir(), "move"), t.Output())
	s.must(err)
	s.plant, err = grow()
	s.must(err)
	s.plant.text("rotated password") // of the file as it is after somebody has changed it
	s.set, err = canary.New(s.plant.secrets)
	s.must(err)
	return s
}

func (s *suite) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// tell notes secrets that were found where none may be.
func (s *suite) tell(told []canary.Told) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, told...)
}

// rehome runs a command to its end, looks at every program that is executed on the
// way, and gives what was printed. One of the exit codes must be it.
func (s *suite) rehome(want []int, args ...string) string {
	s.t.Helper()
	return s.traced(s.Command(context.Background(), args...), want)
}

func (s *suite) traced(cmd *exec.Cmd, want []int) string {
	s.t.Helper()
	return s.tracedUntil(cmd, want, nil)
}

// tracedUntil is traced for a process that is killed when over says so.
func (s *suite) tracedUntil(cmd *exec.Cmd, want []int, over func() bool) string {
	s.t.Helper()
	s.calls++
	file := filepath.Join(s.said, fmt.Sprintf("%02d.txt", s.calls))
	out, err := os.Create(file)
	s.must(err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	began := time.Now()
	ended := make(chan struct{})
	status, err := canary.Run(cmd, func(pid int) { go kill(pid, over, ended) }, func(e canary.Executed) {
		told := append(s.set.In("arguments of "+filepath.Base(cmd.Path), e.Args), s.set.In("variables of "+filepath.Base(cmd.Path), e.Env)...)
		s.tell(told)
		s.mu.Lock()
		s.programs++
		s.mu.Unlock()
	})
	close(ended)
	s.must(err)
	text, err := os.ReadFile(file)
	s.must(err)
	s.t.Logf("%4.1f s, %d: %s", time.Since(began).Seconds(), status.ExitStatus(), shown(cmd.Args))
	for _, code := range want {
		if status.Exited() && status.ExitStatus() == code || over != nil && status.Signaled() {
			return string(text)
		}
	}
	s.t.Fatalf("ended with %d (%v), wanted %v:\n%s", status.ExitStatus(), status, want, text[max(0, len(text)-2000):])
	return ""
}

// shown are the arguments of rehome, without those that say where it runs.
func shown(args []string) string {
	for i, a := range args {
		if filepath.Base(a) == "rehome" {
			args = args[i+1:]
			break
		}
	}
	text := strings.Join(args, " ")
	return text[:min(len(text), 120)]
}

// kill ends a process group when it is over, or after two minutes.
func kill(pid int, over func() bool, ended <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(2 * time.Minute); ; {
		select {
		case <-ended:
			return
		case <-late:
			_ = syscall.Kill(-pid, syscall.SIGKILL)
			return
		case <-tick.C:
			if over != nil && over() {
				_ = syscall.Kill(-pid, syscall.SIGKILL)
				return
			}
		}
	}
}

// nobody runs rehome as a user who may not read what is private.
func (s *suite) nobody(want []int, args ...string) string {
	s.t.Helper()
	program, err := os.ReadFile(s.lab.StatePath("bin", "rehome"))
	s.must(err)
	dir, err := os.MkdirTemp("", "nobody-")
	s.must(err)
	defer os.RemoveAll(dir)
	s.must(os.Chmod(dir, 0o777))
	s.must(os.WriteFile(filepath.Join(dir, "rehome"), program, 0o755))
	cmd := exec.Command(filepath.Join(dir, "rehome"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "REHOME_STATE="+dir+"/state")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out := s.traced(cmd, want)
	told, _, err := s.set.Files(dir)
	s.must(err)
	s.tell(told)
	return out
}

func (s *suite) kubectl(stdin string, args ...string) string {
	s.t.Helper()
	var in []byte
	if stdin != "" {
		in = []byte(stdin)
	}
	out, err := cluster.Kubectl(s.t.Context(), s.lab, in, args...)
	s.must(err)
	return strings.TrimSpace(out)
}

// forget deletes what a test has made, after the test.
func (s *suite) forget(args ...string) {
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := cluster.Kubectl(ctx, s.lab, nil, append([]string{"delete", "--ignore-not-found", "--wait=false"}, args...)...); err != nil {
			s.t.Error(err)
		}
	})
}

// eventually looks until it is so.
func (s *suite) eventually(within time.Duration, check func(context.Context) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	s.must(part.Poll(ctx, 100*time.Millisecond, check))
}
