package smoke

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The variables that the command gets beside its own environment.
const (
	EnvURL  = "REHOME_SMOKE_URL"  // where to ask
	EnvHost = "REHOME_SMOKE_HOST" // what to send as Host, where it is not empty
	EnvVia  = "REHOME_SMOKE_VIA"  // migration.ViaPortForward or ViaProduction
)

// What of a failed command's output is kept.
const (
	keptLines = 20
	keptWidth = 300
	keptBytes = 64 << 10
)

// killAfter is how long a command that was asked to end may take to.
const killAfter = 2 * time.Second

// command runs argv. It passes when it exits with 0 within its time; the last
// lines of what it wrote tell why it did not. A command that cannot be started
// is an error.
func (r *Runner) command(ctx context.Context, argv []string, baseURL, host, via string) ([]string, error) {
	limit := cmp.Or(r.CommandTimeout, DefaultCommandTimeout)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(limited, argv[0], argv[1:]...)
	cmd.Dir = r.Dir
	cmd.Env = append(os.Environ(), EnvURL+"="+baseURL, EnvHost+"="+host, EnvVia+"="+via)
	out := &lastBytes{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = killAfter
	endWithChildren(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil:
		return nil, nil
	case limited.Err() != nil:
		err = fmt.Errorf("not ended within %s", limit)
	case errors.Is(err, exec.ErrWaitDelay):
		err = errors.New("it left processes behind that keep its output open")
	}
	return append([]string{err.Error()}, out.lines()...), nil
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ kept []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p...)
	if n := len(l.kept) - keptBytes; n > 0 {
		l.kept = append(l.kept[:0], l.kept[n:]...)
	}
	return len(p), nil
}

// lines are the last ones that are not empty, indented below what failed.
func (l *lastBytes) lines() []string {
	var out []string
	for line := range strings.Lines(strings.ToValidUTF8(string(l.kept), "?")) {
		if line = strings.TrimRight(line, " \t\r\n"); line == "" {
			continue
		}
		if len(line) > keptWidth {
			line = strings.ToValidUTF8(line[:keptWidth], "") + "…"
		}
		out = append(out, "  "+line)
	}
	return out[max(0, len(out)-keptLines):]
}
