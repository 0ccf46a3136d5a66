package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/lab/part"
)

// Relays are measured one after the other, rounds times, so that whatever else the
// machine does meets all alike.
const (
	forwardRounds = 5
	forwardFor    = 300 * time.Millisecond
	// held are the connections that are open at once. One that socat holds is a process.
	held      = 4000
	heldSocat = 200
)

// A relay is a way to the echo: none, rehome's, or another program of which Debian has
// a package.
type relay struct {
	name    string
	address string
	process int // 0 is none
}

// A forwarded is what was measured through one relay: medians.
type forwarded struct {
	relay
	bulk    float64 // bytes per second, one connection, both ways
	trips   float64 // round trips of 64 bytes per second, one connection
	dials   float64 // connections made, asked and closed per second
	standby int64   // bytes of memory that are its own (RssAnon), with no connection
	each    float64 // bytes of it for each connection that is open
	count   int     // how many those were
}

// forwarding compares rehome forward with no relay, socat and HAProxy on this machine.
func forwarding(ctx context.Context, dir string, progress io.Writer) (string, error) {
	root, err := part.ModuleRoot()
	if err != nil {
		return "", err
	}
	agent := filepath.Join(dir, "rehome-agent-forward")
	if err := goBuild(ctx, root, "-s -w", agent, "./cmd/rehome-agent"); err != nil {
		return "", err
	}
	echo, err := echoServer(ctx)
	if err != nil {
		return "", err
	}
	relays, stop, err := startRelays(ctx, dir, agent, echo)
	defer stop()
	if err != nil {
		return "", err
	}
	fmt.Fprintln(progress, "bench: leading connections on,", forwardRounds, "rounds through each of", len(relays), "relays")
	var all []forwarded
	for _, r := range relays {
		all = append(all, forwarded{relay: r, standby: anonymous(r.process)})
	}
	rounds := make([][3][]float64, len(all))
	for range forwardRounds {
		for i, r := range relays {
			for j, measure := range []func(context.Context, string) (float64, error){bulk, trips, dials} {
				v, err := measure(ctx, r.address)
				if err != nil {
					return "", fmt.Errorf("through %s: %w", r.name, err)
				}
				rounds[i][j] = append(rounds[i][j], v)
			}
		}
	}
	for i := range all {
		all[i].bulk, all[i].trips, all[i].dials = middle(rounds[i][0]), middle(rounds[i][1]), middle(rounds[i][2])
		if err := all[i].hold(ctx); err != nil {
			return "", err
		}
	}
	return forwardTable(all), nil
}

func middle(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// startRelays starts each that this machine has; stop ends them.
func startRelays(ctx context.Context, dir, agent, echo string) (relays []relay, stop func(), err error) {
	relays = []relay{{name: "none", address: echo}}
	var processes []*exec.Cmd
	stop = func() {
		for _, p := range processes {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	}
	_, echoPort, err := net.SplitHostPort(echo)
	if err != nil {
		return relays, stop, err
	}
	for _, r := range []struct {
		name string
		args func(port string) []string
	}{
		{"rehome forward", func(port string) []string {
			return []string{agent, "forward", "--status=off", "127.0.0.1:" + port + "=tcp://" + echo}
		}},
		{"haproxy", func(port string) []string { return haproxyFor(dir, port, echo) }},
		{"socat", func(port string) []string {
			return []string{"socat", "TCP-LISTEN:" + port + ",bind=127.0.0.1,reuseaddr,fork,backlog=1024", "TCP:127.0.0.1:" + echoPort}
		}},
	} {
		port, err := freePort(ctx)
		if err != nil {
			return relays, stop, err
		}
		args := r.args(port)
		if _, err := exec.LookPath(args[0]); err != nil {
			continue // the table says which are there
		}
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		if err := cmd.Start(); err != nil {
			return relays, stop, fmt.Errorf("start %s: %w", r.name, err)
		}
		processes = append(processes, cmd)
		one := relay{r.name, "127.0.0.1:" + port, cmd.Process.Pid}
		if err := awaitRelay(ctx, one); err != nil {
			return relays, stop, err
		}
		relays = append(relays, one)
	}
	return relays, stop, nil
}

// haproxyFor is a HAProxy in its mode of bytes, as its manual has it.
func haproxyFor(dir, port, echo string) []string {
	file := filepath.Join(dir, "haproxy.cfg")
	text := fmt.Sprintf("global\n  maxconn %d\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"+
		"listen relay\n  bind 127.0.0.1:%s\n  option splice-auto\n  server echo %s\n", held+100, port, echo)
	_ = os.WriteFile(file, []byte(text), 0o600) // it will not start without
	return []string{"/usr/sbin/haproxy", "-db", "-q", "-f", file}
}

func freePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func awaitRelay(ctx context.Context, r relay) error {
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var c net.Conn
		if c, err = dialEcho(ctx, r.address); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("start %s: %w", r.name, err)
}

// anonymous is the memory that is a process's own and its children's, in bytes
// (proc_pid_status(5), RssAnon).
func anonymous(pid int) int64 {
	if pid == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var total int64
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "RssAnon:" {
			kilo, _ := strconv.ParseInt(fields[1], 10, 64)
			total += kilo << 10
		}
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			total += anonymous(n)
		}
	}
	return total
}

// hold opens connections, has each of them say something, and weighs the relay.
func (f *forwarded) hold(ctx context.Context) error {
	if f.process == 0 {
		return nil
	}
	most := held
	if f.name == "socat" {
		most = heldSocat
	}
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	before := anonymous(f.process)
	for range most {
		c, err := dialEcho(ctx, f.address)
		if err != nil {
			return fmt.Errorf("hold connections through %s: %w", f.name, err)
		}
		open = append(open, c)
	}
	f.count = most
	f.each = float64(max(0, anonymous(f.process)-min(before, f.standby))) / float64(most)
	return nil
}

func forwardTable(all []forwarded) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Leading connections on, as bytes over the loopback interface; medians of %d rounds, and in brackets the ratio to no relay.\n\n", forwardRounds)
	b.WriteString("| Relay | one connection, both ways | round trips | new connections | memory, standing by | each open connection |\n|---|---:|---:|---:|---:|---:|\n")
	direct := all[0]
	for _, f := range all {
		standby, each := "–", "–"
		if f.process != 0 {
			standby = fmt.Sprintf("%.1f MB", mega(f.standby))
			each = fmt.Sprintf("%.1f kB of %d", f.each/1e3, f.count)
		}
		fmt.Fprintf(&b, "| %s | %.0f MB/s (%.2f) | %.0f/s (%.2f) | %.0f/s (%.2f) | %s | %s |\n", f.name,
			f.bulk/1e6, f.bulk/direct.bulk, f.trips, f.trips/direct.trips, f.dials, f.dials/direct.dials, standby, each)
	}
	return b.String()
}

var errEcho = errors.New("the echo says something else")
