package vm

import (
	"context"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"
)

// once logs in to a machine, does one thing there, and leaves. Where ctx ends first the
// connection is given up, and the error is why it ended.
func (f *Fleet) once(ctx context.Context, r Reach, do func(*machine) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*f.settings.limits.slack)
	defer cancel()
	ring := &keyring{settings: f.settings, unlocked: map[string]ssh.Signer{}}
	m, err := ring.dial(ctx, r)
	if err != nil {
		return err
	}
	defer m.close()
	defer context.AfterFunc(ctx, m.close)()
	if err := do(m); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &Error{Machine: m.reach.title(), Err: err}
	}
	return nil
}

// shell is a command that runs on a machine.
type shell struct {
	*ssh.Session
	out  io.Reader
	said *tail // on standard error
}

// shell has /bin/sh run text, in which "$@" is what makes a command root's where sudo
// asks for that. Text holds no single quote, see carrier.
func (m *machine) shell(text string, sudo bool, stdin string) (*shell, error) {
	s, err := m.client.NewSession()
	if err != nil {
		return nil, fmt.Errorf("open a session: %w", err)
	}
	run := &shell{Session: s, said: &tail{max: 4 << 10}}
	s.Stdin, s.Stderr = strings.NewReader(stdin), run.said
	if run.out, err = s.StdoutPipe(); err == nil {
		if err = s.Start("exec /bin/sh -c '" + elevating(sudo) + text + "'"); err != nil {
			err = fmt.Errorf("start a shell: %w", err)
		}
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return run, nil
}

// elevating sets "$@" to sudo, which asks nobody, where the login is not root's.
func elevating(sudo bool) string {
	if !sudo {
		return "set --; "
	}
	return "set --; " + strings.ReplaceAll(asRoot, "HOW", "sudo -n") + " "
}
