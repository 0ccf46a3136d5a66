package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/signal"
	"syscall"
	"time"
)

// podUsage is what the agent does in a pod, beside the application.
const podUsage = `
  in a pod, as an ephemeral container:
  rehome-agent wait TIME        does nothing for that long, so that commands can be run beside it
  rehome-agent dial HOST:PORT…  connects over TCP and hangs up, one answer in a line each
  rehome-agent resolve NAME…    the addresses of names, as this pod finds them
  rehome-agent sockets          the TCP connections of this pod
`

const (
	dialTime = 5 * time.Second
	// longestWait bounds what a forgotten container costs.
	longestWait = time.Hour
	// podEnd is the last line: what is before it is whole.
	podEnd = "end"
)

// inPod carries out the commands of a pod.
func inPod(ctx context.Context, args []string, stdout, stderr io.Writer) (code int, mine bool) {
	if len(args) == 0 {
		return 0, false
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer stop()
	rest := args[1:]
	var err error
	switch {
	case args[0] == "wait" && len(rest) == 1:
		err = wait(ctx, rest[0])
	case args[0] == "dial" && len(rest) > 0:
		err = dialAll(ctx, rest, stdout)
	case args[0] == "resolve" && len(rest) > 0:
		err = resolveAll(ctx, rest, stdout)
	case args[0] == "sockets" && len(rest) == 0:
		err = sockets("/proc/net", stdout)
	default:
		return 0, false
	}
	if err != nil {
		fmt.Fprintln(stderr, "rehome-agent:", err)
		return exitFailed, true
	}
	return exitDone, true
}

func wait(ctx context.Context, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > longestWait {
		return fmt.Errorf("wait: %q is no time up to %s", text, longestWait)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return nil
}

// Dialled is the answer to one address that was dialled.
type Dialled struct {
	Address string `json:"address"`
	Err     string `json:"err,omitempty"`
	Micros  int64  `json:"micros"`
}

// dialAll dials all of them at once, and tells in their order. Nothing is sent.
func dialAll(ctx context.Context, addresses []string, stdout io.Writer) error {
	answers := make([]chan Dialled, len(addresses))
	for i, a := range addresses {
		answers[i] = make(chan Dialled, 1)
		go func() { answers[i] <- dialOne(ctx, a) }()
	}
	out := json.NewEncoder(stdout)
	for _, c := range answers {
		if err := out.Encode(<-c); err != nil {
			return err
		}
	}
	return ended(stdout)
}

func dialOne(ctx context.Context, address string) Dialled {
	began := time.Now()
	conn, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", address)
	d := Dialled{Address: address, Micros: time.Since(began).Microseconds()}
	if err != nil {
		d.Err = plain(err)
		return d
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Reset and not closed: a connection that waits for its last packets would be
		// taken for one of the application's.
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
	return d
}

// plain is why, without what the caller knows: refused, no such host, no answer.
func plain(err error) string {
	var name *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "no such host"
	case errors.As(err, &name):
		return "the name cannot be resolved: " + name.Err
	case errors.As(err, &op) && op.Timeout():
		return fmt.Sprintf("no answer within %s", dialTime)
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}

// Resolved is one name with its addresses, none where there are none.
type Resolved struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
}

func resolveAll(ctx context.Context, names []string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*dialTime)
	defer cancel()
	answers := make([]chan Resolved, len(names))
	for i, n := range names {
		answers[i] = make(chan Resolved, 1)
		go func() {
			found, err := net.DefaultResolver.LookupHost(ctx, n)
			if err != nil {
				found = nil
			}
			answers[i] <- Resolved{n, found}
		}()
	}
	out := json.NewEncoder(stdout)
	for _, c := range answers {
		if err := out.Encode(<-c); err != nil {
			return err
		}
	}
	return ended(stdout)
}

func ended(stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, podEnd)
	return err
}
