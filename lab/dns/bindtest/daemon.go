package bindtest

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	labdns "rehome.dev/rehome/lab/dns"
)

// daemon is one named process, which can be started again after it ended.
type daemon struct {
	t     testing.TB
	named labdns.Named
	cmd   *exec.Cmd
	log   bytes.Buffer  // written by the running process, read after it ended
	ended chan struct{} // closed when the process is gone
}

func newDaemon(t testing.TB, n labdns.Named) *daemon {
	t.Helper()
	if err := n.Install(); err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, named: n}
	t.Cleanup(func() {
		d.stop()
		if t.Failed() {
			t.Logf("named at %s:\n%s", n.Listen, d.log.String())
		}
	})
	return d
}

func (d *daemon) start() {
	d.t.Helper()
	args, err := d.named.Args()
	if err != nil {
		d.t.Fatal(err)
	}
	d.cmd = exec.Command(args[0], args[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatalf("start named: %v", err)
	}
	d.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		cmd.Wait()
		close(ended)
	}(d.cmd, d.ended)
}

func (d *daemon) stop() {
	if d.cmd == nil {
		return
	}
	d.cmd.Process.Signal(syscall.SIGCONT)
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(5 * time.Second):
		d.cmd.Process.Kill()
		<-d.ended
	}
	d.cmd = nil
}

func (d *daemon) pause()  { d.cmd.Process.Signal(syscall.SIGSTOP) }
func (d *daemon) resume() { d.cmd.Process.Signal(syscall.SIGCONT) }

// await returns when the server answers for the zone with authority, which a
// secondary does once it has transferred it.
func (d *daemon) await(zone string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), startDeadline)
	defer cancel()
	client := &dns.Client{Timeout: 200 * time.Millisecond}
	for {
		reply, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(zone, dns.TypeSOA), d.named.Listen.String())
		if err == nil && reply.Authoritative && len(reply.Answer) == 1 {
			return
		}
		select {
		case <-d.ended:
			d.t.Fatalf("named at %s ended:\n%s", d.named.Listen, lastLines(d.log.String(), 10))
		default:
		}
		pause(d.t, ctx, "named does not answer for "+zone)
	}
}

// pause is the step of a poll; it fails the test at ctx's end.
func pause(t testing.TB, ctx context.Context, lament string) {
	t.Helper()
	select {
	case <-ctx.Done():
		t.Fatal(lament)
	case <-time.After(10 * time.Millisecond):
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
