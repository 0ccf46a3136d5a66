package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/tree/disk"
)

// TreeRequest is a line on standard input that asks for a tree. The root is there
// and not in an argument, where everybody would see it and a shell could take it
// apart; its bytes may be any.
type TreeRequest struct {
	Root    []byte        `json:"root"`
	Content bool          `json:"content,omitempty"` // or hashes alone
	Partial bool          `json:"partial,omitempty"`
	Quiet   time.Duration `json:"quiet,omitempty"`
	// Bounds; 0 is the standard one of package disk.
	MaxFile    int64 `json:"maxFile,omitempty"`
	MaxTotal   int64 `json:"maxTotal,omitempty"`
	MaxEntries int   `json:"maxEntries,omitempty"`
}

func (r TreeRequest) options() disk.Options {
	return disk.Options{Content: r.Content, Partial: r.Partial, Quiet: r.Quiet, MaxFile: r.MaxFile, MaxTotal: r.MaxTotal, MaxEntries: r.MaxEntries}
}

// giveTree answers one request for a tree: the one on standard input, or with a
// directory among the arguments the one that they make. What it writes, package
// tree reads.
func giveTree(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	sparing()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer stop()
	req, direct, ok := treeArgs(args)
	if !ok {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !direct {
		requests := bufio.NewReader(stdin)
		var err error
		if req, err = readTreeRequest(requests); err != nil {
			return noTree(stdout, err)
		}
		go func() {
			_, _ = io.Copy(io.Discard, requests) // nothing more is said: it ends with the connection
			cancel(errLost)
		}()
	}
	t, err := disk.Read(ctx, string(req.Root), req.options())
	if err != nil {
		return noTree(stdout, err)
	}
	defer t.Forget()
	if err := tree.Encode(stdout, t); err != nil {
		return exitFailed
	}
	return exitDone
}

// treeArgs reads [--hash] [--partial] DIR, or nothing.
func treeArgs(args []string) (req TreeRequest, direct, ok bool) {
	if len(args) == 0 {
		return req, false, true
	}
	flags := flag.NewFlagSet("tree", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	hash := flags.Bool("hash", false, "")
	flags.BoolVar(&req.Partial, "partial", false, "")
	if flags.Parse(args) != nil || flags.NArg() != 1 || flags.Arg(0) == "" {
		return req, true, false
	}
	req.Root, req.Content = []byte(flags.Arg(0)), !*hash
	return req, true, true
}

func readTreeRequest(r *bufio.Reader) (TreeRequest, error) {
	var req TreeRequest
	line, err := requestLine(r)
	if err != nil {
		return req, err
	}
	if err := json.Unmarshal(line, &req); err != nil || len(req.Root) == 0 {
		return req, errors.New("read the request: it names no tree")
	}
	return req, nil
}

// noTree says why there is none.
func noTree(stdout io.Writer, err error) int {
	f := tree.Failure{Err: err.Error()}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		f.Help = h.Hint()
	}
	_ = tree.EncodeFailure(stdout, f) // where nobody listens, nobody misses it
	return exitFailed
}
