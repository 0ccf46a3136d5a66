//go:build lab

package e2e

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a rehome that runs beside the test.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	said  *transcript
	ended chan struct{}
}

// start starts rehome and goes on. What it says is in its own transcript and in
// the move's.
func (m *move) start(args ...string) *process {
	m.t.Helper()
	_, _ = io.WriteString(m.said, "\n$ rehome "+strings.Join(args, " ")+" &\n")
	p := &process{t: m.t, cmd: m.Command(context.Background(), args...), said: &transcript{}, ended: make(chan struct{})}
	out := io.MultiWriter(m.said, p.said)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	m.must(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	m.t.Cleanup(p.kill)
	m.running = p
	return p
}

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Errorf("kill rehome: %v", err)
	}
	<-p.ended
}

func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// ends waits for the process to end by itself, with that exit code.
func (p *process) ends(within time.Duration, want int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("%s has not ended within %s", p.cmd.Args, within)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		p.t.Fatalf("rehome ended with exit code %d, wanted %d:\n%s", got, want, p.said)
	}
}

// resumed starts rehome again after a kill, as soon as the lease of the killed
// one has ended.
func (m *move) resumed() *process {
	m.t.Helper()
	began := time.Now()
	for {
		p := m.start("run", m.File(), "--wait")
		head := m.head()
		for !p.gone() && m.head() == head && time.Since(began) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		if !p.gone() {
			m.t.Logf("goes on %.1f s after the kill", time.Since(began).Seconds())
			return p
		}
		if code := p.cmd.ProcessState.ExitCode(); code != failed || !strings.Contains(p.said.String(), "another process is driving this migration") {
			m.t.Fatalf("the resumed rehome ended with exit code %d:\n%s", code, p.said)
		}
		time.Sleep(250 * time.Millisecond)
	}
}
