package vm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Files reads files of machines. It keeps one connection to each machine on which
// it has read, and makes it anew when it is lost. It is safe for concurrent use.
type Files struct {
	settings Settings

	mu   sync.Mutex
	kept map[Reach]*machine
}

// NewFiles prepares the reading. It reaches nobody yet.
func NewFiles(s Settings) *Files {
	s.limits = s.limits.filled()
	return &Files{settings: s, kept: map[Reach]*machine{}}
}

// Open reads a file, named by its whole path, of the machine ssh://user@host:port
// from a byte on: most bytes of it, or with 0 all. An offset behind the end gives
// nothing. fs.ErrNotExist says that there is no such file, and is never said of one
// that this user may not see (fs.ErrPermission). A reader ends with io.EOF only
// where the machine has given everything, and with an error when ctx ends; closing
// it ends the reading.
func (f *Files) Open(ctx context.Context, host, file string, offset, most int64) (io.ReadCloser, error) {
	reach, err := ParseReach(host)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(file, "/") || strings.ContainsAny(file, "\n\x00") || offset < 0 || most < 0 {
		return nil, fmt.Errorf("%q from byte %d is nothing that can be read", file, offset)
	}
	if reach.Local {
		return nil, fmt.Errorf("%s is this machine, which needs no ssh", host)
	}
	command := reading(offset, most, f.settings.Sudo)
	for {
		m, kept, err := f.machine(ctx, reach)
		if err != nil {
			return nil, err
		}
		r, err := m.read(ctx, command, file, func() { f.drop(reach, m) })
		if err == nil {
			return r, nil
		}
		if _, answered := errors.AsType[*fileError](err); !answered {
			f.drop(reach, m)
			if kept && ctx.Err() == nil {
				continue // it was lost since it was used last
			}
		}
		return nil, &Error{Machine: m.reach.title(), Err: err}
	}
}

// machine gives the connection that is kept, or a new one.
func (f *Files) machine(ctx context.Context, r Reach) (m *machine, kept bool, err error) {
	f.mu.Lock()
	m = f.kept[r]
	f.mu.Unlock()
	if m != nil {
		return m, true, nil
	}
	ring := &keyring{settings: f.settings, unlocked: map[string]ssh.Signer{}}
	if m, err = ring.dial(ctx, r); err != nil {
		return nil, false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if other := f.kept[r]; other != nil {
		m.close() // somebody else was faster
		return other, true, nil
	}
	f.kept[r] = m
	return m, false, nil
}

// drop closes a connection that is of no use any more.
func (f *Files) drop(r Reach, m *machine) {
	f.mu.Lock()
	if f.kept[r] == m {
		delete(f.kept, r)
	}
	f.mu.Unlock()
	m.close()
}

// Close gives all connections up. What is read later makes new ones.
func (f *Files) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r, m := range f.kept {
		m.close()
		delete(f.kept, r)
	}
}

// The exit codes with which the command says what tail does not say the same
// everywhere.
const (
	exitNowhere = 44
	exitHidden  = 45
)

// readScript reads the name of the file from its standard input. Where the file
// does not show itself, the nearest directory above it that does tells whether
// this user could have seen it.
const readScript = `IFS= read -r f;
if [ ! -e "$f" ]; then
  d=$f; while d=$(dirname "$d"); [ ! -d "$d" ]; do :; done;
  if [ -x "$d" ]; then exit 44; fi; exit 45;
fi;
if [ ! -r "$f" ]; then exit 45; fi;
tail -c +FROM "$f"`

// reading is the command; see carrier for how the login's shell is got round.
func reading(offset, most int64, sudo bool) string {
	script := strings.Join(strings.Fields(strings.ReplaceAll(readScript, "FROM", strconv.FormatInt(offset+1, 10))), " ")
	if most > 0 {
		script += " | head -c " + strconv.FormatInt(most, 10)
	}
	if sudo {
		inner := strings.NewReplacer(`"`, `\"`, `$`, `\$`).Replace(script)
		script = elevating(true) + `exec "$@" /bin/sh -c "` + inner + `"`
	}
	return "exec /bin/sh -c '" + script + "'"
}

// fileError is what the machine itself says of a file.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// remoteFile is a file that is being read.
type remoteFile struct {
	ctx     context.Context
	session *ssh.Session
	out     *bufio.Reader
	said    *tail
	stop    func() bool
	ended   error
}

// read begins to read and waits for the first byte, or for the end. When ctx ends,
// the connection is given up: its other end may be gone.
func (m *machine) read(ctx context.Context, command, file string, giveUp func()) (*remoteFile, error) {
	r := &remoteFile{ctx: ctx, said: &tail{max: 4 << 10}, stop: context.AfterFunc(ctx, giveUp)}
	err := r.begin(m, command, file)
	if err == nil {
		if _, err = r.out.Peek(1); err != nil {
			err = r.end(err)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

func (r *remoteFile) begin(m *machine, command, file string) error {
	s, err := m.client.NewSession()
	if err != nil {
		return r.why(fmt.Errorf("open a session: %w", err))
	}
	r.session = s
	s.Stdin, s.Stderr = strings.NewReader(file+"\n"), r.said
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	r.out = bufio.NewReader(out)
	if err := s.Start(command); err != nil {
		return r.why(fmt.Errorf("start a shell: %w", err))
	}
	return nil
}

// Read gives what the machine sends.
func (r *remoteFile) Read(b []byte) (int, error) {
	n, err := r.out.Read(b)
	if err != nil {
		err = r.end(err)
	}
	return n, err
}

// end is how the reading ended: by io.EOF alone where the machine says that it was
// all.
func (r *remoteFile) end(err error) error {
	if r.ended != nil {
		return r.ended
	}
	if errors.Is(err, io.EOF) {
		if werr := r.session.Wait(); werr != nil {
			err = r.verdict(werr)
		}
	}
	r.ended = r.why(err)
	return r.ended
}

// why puts the end of the context before what it has caused.
func (r *remoteFile) why(err error) error {
	if r.ctx.Err() != nil && !errors.Is(err, io.EOF) {
		return context.Cause(r.ctx)
	}
	return err
}

// verdict is what the command's end means.
func (r *remoteFile) verdict(err error) error {
	exit, ended := errors.AsType[*ssh.ExitError](err)
	switch {
	case !ended:
		return ErrLost
	case exit.ExitStatus() == exitNowhere:
		return &fileError{fs.ErrNotExist}
	case exit.ExitStatus() == exitHidden:
		return &fileError{withHint(fs.ErrPermission, "log in as a user who may read it, or let the policy's ssh.sudo do it")}
	}
	if said := lastLines(r.said.String(), 2); said != "" {
		return &fileError{errors.New(said)}
	}
	return &fileError{fmt.Errorf("the reading ended there with exit code %d", exit.ExitStatus())}
}

// Close ends the reading.
func (r *remoteFile) Close() error {
	r.stop()
	if r.session != nil {
		_ = r.session.Close()
	}
	return nil
}
