package sweep

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Range looks at what every commit of a range of revisions adds (gitrevisions(7)):
// main..HEAD, or one revision with its whole past. A secret that a later commit of the
// range takes away again is found: who has the repository has it. Of a merge only what
// no parent has is looked at. dir is in the repository, and only what is below it
// counts; names are those from the top of the repository.
func Range(ctx context.Context, dir, revisions string, o Options) (Result, error) {
	if revisions == "" || strings.HasPrefix(revisions, "-") {
		return Result{}, fmt.Errorf("%q is no range of revisions", revisions)
	}
	g := git{ctx, dir}
	out, err := g.output("rev-list", "--parents", "--reverse", "--topo-order", "--end-of-options", revisions, "--")
	if err != nil {
		return Result{}, err
	}
	var commits []commit
	for line := range strings.Lines(out) {
		if ids := strings.Fields(line); len(ids) > 0 {
			commits = append(commits, commit{ids[0], ids[1:]})
		}
	}
	return g.sweep(o, func(d *differ) error { return d.commits(commits) })
}

// Staged looks at what the index adds to the last commit: what git commit would take.
func Staged(ctx context.Context, dir string, o Options) (Result, error) {
	g := git{ctx, dir}
	against := "HEAD"
	if _, err := g.output("rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err != nil {
		if _, err := g.output("rev-parse", "--git-dir"); err != nil {
			return Result{}, err
		}
		empty, err := g.output("hash-object", "-t", "tree", "/dev/null") // there is no commit yet
		if err != nil {
			return Result{}, err
		}
		against = strings.TrimSpace(empty)
	}
	return g.sweep(o, func(d *differ) error { return d.staged(against) })
}

// Top is the directory of the work tree in which dir is.
func Top(ctx context.Context, dir string) (string, error) {
	out, err := git{ctx, dir}.output("rev-parse", "--show-toplevel")
	return strings.TrimSuffix(out, "\n"), err
}

// git runs git in a directory. It changes nothing, asks nobody and fetches nothing.
type git struct {
	ctx context.Context
	dir string
}

// silence is how long git may take for its next word.
const silence = 2 * time.Minute

func (g git) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false"}, args...)...)
	cmd.Dir = g.dir
	cmd.Env = append(cmd.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_PAGER=cat")
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (g git) output(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(g.ctx, silence)
	defer cancel()
	var said tail
	cmd := g.command(ctx, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", gitError(args[0], err, said)
	}
	return string(out), nil
}

// tail keeps the first words of what a program complains about.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[:min(len(p), 500-min(500, len(t.text)))]...)
	return len(p), nil
}

// GitError is what git said.
type GitError struct {
	Command string
	Said    string // its first line, "" where it said nothing
	err     error
}

func (e *GitError) Error() string {
	if e.Said != "" {
		return "git " + e.Command + ": " + e.Said
	}
	return "git " + e.Command + ": " + e.err.Error()
}

func (e *GitError) Unwrap() error { return e.err }

func gitError(command string, err error, said tail) error {
	first, _, _ := strings.Cut(strings.TrimSpace(string(said.text)), "\n")
	return &GitError{command, strings.TrimPrefix(first, "fatal: "), err}
}

// talk is a git that is running: what it writes, and how it ended.
type talk struct {
	in   io.WriteCloser
	out  *bufio.Reader
	end  func() error // after all has been read
	stop func()       // at once; nothing where it has ended
}

// start runs git with pipes. If its next word does not come in time it is
// ended.
func (g git) start(args ...string) (*talk, error) {
	ctx, cancel := context.WithCancel(g.ctx)
	cmd := g.command(ctx, args...)
	var said tail
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, gitError(args[0], err, said)
	}
	t := &talk{in: in, out: bufio.NewReaderSize(&watched{out, cancel}, 64<<10)}
	t.end = sync.OnceValue(func() error {
		defer cancel()
		err := cmd.Wait()
		if err != nil && g.ctx.Err() == nil {
			return gitError(args[0], err, said)
		}
		return g.ctx.Err()
	})
	t.stop = func() {
		cancel()
		_ = t.end() // it was ended from here
	}
	return t, nil
}

// watched ends a program that is silent for too long.
type watched struct {
	r   io.Reader
	end func()
}

func (w *watched) Read(p []byte) (int, error) {
	t := time.AfterFunc(silence, w.end)
	defer t.Stop()
	return w.r.Read(p)
}

// objects reads blobs from git cat-file --batch, one after the other.
type objects struct{ *talk }

// open gives a blob's size and content, which is read to its end before the next one.
func (o objects) open(id string) (int64, *blob, error) {
	if _, err := io.WriteString(o.in, id+"\n"); err != nil {
		return 0, nil, fmt.Errorf("ask git for an object: %w", err)
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("read an object's head: %w", err)
	}
	f := strings.Fields(line)
	if len(f) != 3 || f[1] != "blob" {
		return 0, nil, fmt.Errorf("git has no blob %s here: the repository may be a partial one", id)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return 0, nil, fmt.Errorf("read an object's head: %w", err)
	}
	return size, &blob{io.LimitReader(o.out, size), o.out}, nil
}

// blob is one object's content, with the newline behind it.
type blob struct {
	io.Reader
	behind *bufio.Reader
}

// close skips what has not been read of it.
func (b *blob) close() error {
	if _, err := io.Copy(io.Discard, b.Reader); err != nil {
		return err
	}
	_, err := b.behind.Discard(1)
	return err
}

// held reads a whole blob.
func (b *blob) held(size int64) ([]byte, error) {
	data := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := data.ReadFrom(b.Reader); err != nil {
		return nil, err
	}
	return data.Bytes(), b.close()
}
