package cli

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"rehome.dev/rehome/internal/wire"
)

// askSecret asks on the terminal, without showing what is typed. Where standard
// input is no terminal there is nobody to ask, and it is nil.
func (p *Program) askSecret() func(context.Context, wire.MachineQuestion) ([]byte, error) {
	if p.Keyboard == nil || !term.IsTerminal(int(p.Keyboard.Fd())) {
		return nil
	}
	return func(ctx context.Context, q wire.MachineQuestion) ([]byte, error) {
		return readSecret(ctx, p, p.Keyboard, q)
	}
}

func readSecret(ctx context.Context, p *Program, from *os.File, q wire.MachineQuestion) ([]byte, error) {
	fd := int(from.Fd())
	was, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("ask on the terminal: %w", err)
	}
	again := ""
	if q.Again {
		again = "That was not right. "
	}
	fmt.Fprintf(p.Stderr, "\r\x1b[K%s%s: ", again, q)
	type typed struct {
		text []byte
		err  error
	}
	ended := make(chan typed, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		ended <- typed{text, err}
	}()
	select {
	case t := <-ended:
		p.say("")
		return t.text, t.err
	case <-ctx.Done():
		_ = term.Restore(fd, was) // the reader is left behind: the program ends
		p.say("")
		return nil, context.Cause(ctx)
	}
}
