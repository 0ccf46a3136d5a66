// Package haproxytest starts a real HAProxy for tests, which is whose the PROXY
// protocol is. Where Debian's haproxy is installed it needs no root; with root it
// installs the package where it is missing.
//
// It must not know what is tested with it.
package haproxytest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/apt"
)

const (
	program       = "/usr/sbin/haproxy"
	startDeadline = 20 * time.Second
)

// Start returns when a HAProxy with this configuration listens at all of addresses.
// It ends with the test.
func Start(t testing.TB, config string, addresses ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := apt.Install(ctx, "haproxy"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", file)
	said := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(said)
		}
	})
	for _, address := range addresses {
		for end := time.Now().Add(startDeadline); !listens(address); time.Sleep(5 * time.Millisecond) {
			select {
			case <-ended:
				t.Fatal("haproxy has ended")
			default:
			}
			if time.Now().After(end) {
				t.Fatalf("haproxy does not listen at %s", address)
			}
		}
	}
}

func listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}
