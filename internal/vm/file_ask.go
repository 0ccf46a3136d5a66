package vm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
)

// mostAnswer bounds what a script says.
const mostAnswer = 64 << 10

// Ask has /bin/sh of a machine read a script of this program from its standard input,
// as root where the settings say so, and gives what it prints. Nothing is written
// there by that. A script that prints more than 64 KiB or ends with another exit code
// than 0 is an error. It bounds its own time: where ctx ends first, the connection is
// given up, and what the script has begun there goes on to its end.
func (f *Fleet) Ask(ctx context.Context, r Reach, script string) (answer string, err error) {
	err = f.once(ctx, r, func(m *machine) (err error) {
		answer, err = m.ask(script, f.settings.Sudo)
		return err
	})
	return answer, err
}

// ask gives the script to a shell as its input, so that no login's shell sees it.
func (m *machine) ask(script string, sudo bool) (string, error) {
	s, err := m.shell(`exec "$@" /bin/sh`, sudo, script)
	if err != nil {
		return "", err
	}
	defer s.Close()
	answer, err := io.ReadAll(io.LimitReader(s.out, mostAnswer+1))
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
	if text := lastLines(s.said.String(), 3); text != "" {
		return "", errors.New(redacted(text))
	}
	return "", fmt.Errorf("the shell ended there with exit code %d", exit.ExitStatus())
}
