package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/wire"
)

// Program is one call of the command line, with everything that it takes from
// its process. Tests give it another world.
type Program struct {
	Args     []string // without the program's name
	Name     string   // rehome, or kubectl-rehome
	Stdout   io.Writer
	Stderr   io.Writer
	Terminal bool // standard error can be rewritten in place
	Width    int  // of that terminal
	Colour   bool // of standard output
	Getenv   func(string) string
	Zone     *time.Location
	Stop     <-chan os.Signal // the first asks to stop, the second demands it
	Keyboard *os.File         // where a person types secrets; nil is nobody
	Stdin    io.Reader        // what a command reads that is told to; nil is nothing
	Registry wire.Registry
	NameCost int // of the names of converted Secrets; 0 is the standard one, less is for tests

	flags globals
}

// globals are the flags that every command takes.
type globals struct {
	state  string
	as     string
	output string
}

// System is the call that this process is.
func System() Program {
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	terminal := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" }
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil {
		width = 80
	}
	return Program{
		Args: os.Args[1:], Name: filepath.Base(os.Args[0]), Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: terminal(os.Stderr), Width: width, Colour: terminal(os.Stdout) && os.Getenv("NO_COLOR") == "",
		Getenv: os.Getenv, Zone: time.Local, Stop: stop, Keyboard: os.Stdin, Stdin: os.Stdin, Registry: wire.Standard(),
	}
}

// Run carries out the call and gives the exit code of the process.
func Run(ctx context.Context, p Program) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.Stderr = &lines{w: p.Stderr}
	return int(finish(p.Stderr, p.execute(ctx)))
}

// lines keeps what is said at the same time apart: a signal is answered while
// progress is written.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// stateDir is where journal and archive are kept.
func (p *Program) stateDir() (string, error) {
	if p.flags.state != "" {
		return p.flags.state, nil
	}
	if dir := p.Getenv("REHOME_STATE"); dir != "" {
		return dir, nil
	}
	if dir := p.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "rehome"), nil
	}
	if home := p.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "rehome"), nil
	}
	return "", usage("there is no place for the journal: neither REHOME_STATE nor HOME is set").with("name a directory with --state")
}

// actor is the person in whose name this call speaks.
func (p *Program) actor() (string, error) {
	name := p.flags.as
	if name == "" {
		name = p.Getenv("REHOME_AS")
	}
	if name == "" {
		u, err := user.Current()
		if err != nil {
			return "", usage("who are you? the system does not know this user: %w", err).with("say it with --as NAME or REHOME_AS")
		}
		name = u.Username
	}
	switch {
	case name == migration.Actor:
		return "", usage("%q is what the program calls itself in the journal", name).with("give a person's name with --as")
	case strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return "", usage("%q is not a name", name).with("give a name of one line with --as")
	}
	return name, nil
}

// holder names this process to others.
func (p *Program) holder() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s/%d", name, host, os.Getpid())
}

func (p *Program) now() time.Time { return p.Registry.Clock.Now() }

// stamp is a time for people, with its zone.
func (p *Program) stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(p.Zone).Format("2006-01-02 15:04:05 MST")
}

// say writes a line of progress.
func (p *Program) say(format string, args ...any) { fmt.Fprintf(p.Stderr, format+"\n", args...) }

// print writes a line of the result.
func (p *Program) print(format string, args ...any) { fmt.Fprintf(p.Stdout, format+"\n", args...) }
