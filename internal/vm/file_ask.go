package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"
)

// mostAnswer bounds what a script says.
const mostAnswer = 64 << 10

// Ask has /bin/sh of a machine read a script of this program from its standard input,
// as root where the settings say so, and gives what it prints. Nothing is written
// there by that. A script that prints more than 64 KiB or ends with another exit code
// than 0 is an error. It bounds its own time: where ctx ends first, the connection is
// given up, and what the script has begun there goes on to its end.
func (f *Fleet) Ask(ctx context.Context, r Reach, script string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*f.settings.limits.slack)
	defer cancel()
	ring := &keyring{settings: f.settings, unlocked: map[string]ssh.Signer{}}
	m, err := ring.dial(ctx, r)
	if err != nil {
		return "", err
	}
	defer m.close()
	defer context.AfterFunc(ctx, m.close)()
	answer, err := m.ask(script, f.settings.Sudo)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", &Error{Machine: m.reach.title(), Err: err}
	}
	return answer, nil
}

// asking is the command; what it does is in the script, which no login's shell sees.
func asking(sudo bool) string {
	script := `set --; `
	if sudo {
		script += `if [ "$(id -u)" -ne 0 ]; then set -- sudo -n --; fi; `
	}
	return "exec /bin/sh -c '" + script + `exec "$@" /bin/sh` + "'"
}

func (m *machine) ask(script string, sudo bool) (string, error) {
	s, err := m.client.NewSession()
	if err != nil {
		return "", fmt.Errorf("open a session: %w", err)
	}
	defer s.Close()
	said := &tail{max: 4 << 10}
	s.Stdin, s.Stderr = strings.NewReader(script), said
	out, err := s.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := s.Start(asking(sudo)); err != nil {
		return "", fmt.Errorf("start a shell: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(out, mostAnswer+1))
	if err == nil && len(answer) > mostAnswer {
		return "", fmt.Errorf("it prints more than %d bytes", mostAnswer)
	}
	if err == nil {
		err = s.Wait()
	}
	if err == nil {
		return string(answer), nil
	}
	exit, ended := errors.AsType[*ssh.ExitError](err)
	if !ended {
		return "", ErrLost
	}
	if text := lastLines(said.String(), 3); text != "" {
		return "", errors.New(redacted(text))
	}
	return "", fmt.Errorf("the shell ended there with exit code %d", exit.ExitStatus())
}
