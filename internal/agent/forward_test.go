package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// heardFrom is a standard error that is read while it is written.
type heardFrom struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heardFrom) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heardFrom) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// The command leads from the port of its argument, and ends as a pod is ended: by a
// signal, when what was open has ended.
func TestForward(t *testing.T) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	go func() {
		for {
			c, err := target.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	var said heardFrom
	code := make(chan int, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		code <- Run(ctx, []string{"forward", "--status=off", "--linger=0s", "--drain=20s", "127.0.0.1:0=tcp://" + target.Addr().String()}, nil, io.Discard, &said)
	}()
	var at string
	for end := time.Now().Add(10 * time.Second); at == ""; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not say where it listens: %s", said.String())
		}
		if before, _, ok := strings.Cut(said.String(), " leads to "); ok {
			at = before[strings.LastIndexByte(before, ' ')+1:]
		}
	}
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "hello")
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "again")
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatalf("what was open: %v", err)
	}
	c.Close()
	if got := <-code; got != exitDone {
		t.Errorf("exit code %d: %s", got, said.String())
	}
}

func TestForwardIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":         {[]string{"-h"}, exitDone, "-max-connections"},
		"no route":     {nil, exitUsage, "there is no route"},
		"no flag":      {[]string{"--verify=no", "80=tcp://a:1"}, exitUsage, "verify"},
		"a bad route":  {[]string{"80=a"}, exitUsage, "tcp://"},
		"a bad name":   {[]string{"--name=a b", "80=tcp://a:1"}, exitUsage, "no name"},
		"leads itself": {[]string{"--status=off", "127.0.0.1:18099=tcp://127.0.0.1:18099"}, exitFailed, "leads to the forwarder itself"},
	} {
		var said heardFrom
		code := Run(t.Context(), append([]string{"forward"}, c.args...), nil, io.Discard, &said)
		if code != c.code || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: exit code %d: %s", name, code, said.String())
		}
	}
}
