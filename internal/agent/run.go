package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"

	"rehome.dev/rehome/internal/collect/drill"
	"rehome.dev/rehome/internal/inventory"
)

// Exit codes of the agent.
const (
	exitDone   = 0
	exitFailed = 1 // the last event says why
	exitUsage  = 2
)

const usage = `rehome-agent takes the facts of an application on this machine, for rehome.

  rehome-agent probe     reads a request from standard input, writes events to standard output;
                         ends when standard input is closed
  rehome-agent tree      reads a request for a directory's tree from standard input, writes it to standard output;
                         ends when standard input is closed
  rehome-agent tree [--hash] [--partial] DIR
                         the tree of DIR, with what its files hold or with --hash without
  rehome-agent version   shows which one this is
` + podUsage + forwardUsage

// largest bounds a request.
const largest = 1 << 20

var (
	errLost   = errors.New("the connection to whoever asked is gone")
	errKilled = errors.New("the agent was told to end")
)

// Run is the command, args without its name. It gives the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if code, mine := Hidden(args); mine {
		return code
	}
	if code, mine := inPod(ctx, args, stdout, stderr); mine {
		return code
	}
	if len(args) > 0 && args[0] == "tree" {
		return giveTree(ctx, args[1:], stdin, stdout, stderr)
	}
	if len(args) > 0 && args[0] == "forward" {
		return leadOn(ctx, args[1:], stderr)
	}
	if len(args) != 1 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "probe":
		return serve(ctx, stdin, stdout, modest())
	case "version":
		fmt.Fprintf(stdout, "rehome-agent %s %s %s/%s\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitDone
	}
	fmt.Fprint(stderr, usage)
	return exitUsage
}

// Hidden carries out the commands with which a drill calls its own program. Any
// program in which Probe may make a drill asks it first, with its arguments.
func Hidden(args []string) (code int, mine bool) { return drill.Main(args) }

// Version is what this program was built from.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// serve answers one request. Its context ends with the connection.
func serve(ctx context.Context, stdin io.Reader, stdout io.Writer, rest func()) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	out := events{to: json.NewEncoder(stdout), lost: func() { cancel(errLost) }}
	requests := bufio.NewReader(stdin)
	req, err := read(requests)
	if err != nil {
		return out.fail(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, requests) // nothing more is said: it ends with the connection
		cancel(errLost)
	}()
	facts, err := probe(ctx, req, out.send, rest)
	switch {
	case errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), context.Canceled):
		return out.fail(errKilled)
	case err != nil:
		return out.fail(err)
	}
	out.send(inventory.Event{Samples: facts.Coverage.Samples, Planned: facts.Coverage.Planned, Facts: &facts})
	if out.broken() {
		return exitFailed
	}
	return exitDone
}

// read takes the request, one line.
func read(r *bufio.Reader) (inventory.Request, error) {
	var req inventory.Request
	line, err := requestLine(r)
	if err != nil {
		return req, err
	}
	if err := json.Unmarshal(line, &req); err != nil {
		return req, fmt.Errorf("read the request: %w", err)
	}
	clear(line) // the key of the digests is in it
	return req, nil
}

func requestLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > largest {
			return nil, fmt.Errorf("read the request: it is longer than %d bytes", largest)
		}
		if err == nil || (errors.Is(err, io.EOF) && len(line) > 0) {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("read the request: %w", err)
		}
	}
}

// events writes one JSON object in a line each.
type events struct {
	mu   sync.Mutex
	to   *json.Encoder
	err  error
	lost func()
}

func (e *events) send(event inventory.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return
	}
	if e.err = e.to.Encode(event); e.err != nil {
		e.lost()
	}
}

func (e *events) broken() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err != nil
}

func (e *events) fail(err error) int {
	e.send(inventory.Event{Err: err.Error(), Hint: hint(err)})
	return exitFailed
}
