package vm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"rehome.dev/rehome/internal/inventory"
)

// Bounds on what a machine may say, in bytes: one line, which may be all facts,
// and everything that is not meant for this program.
const (
	maxLine  = 64 << 20
	maxNoise = 1 << 20
)

// errand is one run of the agent on a machine.
type errand struct {
	machine *machine
	ring    *keyring
	carrier carrier
	agent   binary
	request []byte
	// hear follows what the agent says, from the first byte on. It gives errNone
	// where the agent has ended and said nothing, and nil where it said all.
	hear func(*bufio.Reader) error

	stdin  *input
	errors *tail
	dir    string // on the machine, while the agent is there
}

// The words by which the agent knows what it is to do.
const (
	verbProbe = "probe"
	verbTree  = "tree"
)

// errand carries the agent over, runs it with a request, and has its answer heard.
// Nothing of it is left on the machine when that returns, unless the connection was
// lost: then the machine removes it by itself when it learns that.
func (k *keyring) errand(ctx context.Context, m *machine, agent binary, verb string, request any, hear func(*bufio.Reader) error) error {
	line, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	p := errand{
		machine: m, ring: k, agent: agent, request: append(line, '\n'), hear: hear, errors: &tail{max: 16 << 10},
		carrier: newCarrier(verb, len(agent.data), k.settings.Sudo, k.settings.Ask != nil),
	}
	return p.run(ctx)
}

// probe has the facts taken and gives them.
func (k *keyring) probe(ctx context.Context, m *machine, agent binary, req inventory.Request, say func(inventory.Event)) (facts inventory.Facts, err error) {
	err = k.errand(ctx, m, agent, verbProbe, req, func(lines *bufio.Reader) error {
		got, err := events(lines, say)
		if err == nil {
			facts = *got
		}
		return err
	})
	return facts, err
}

func (p *errand) run(ctx context.Context) error {
	s, err := p.machine.client.NewSession()
	if err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	defer s.Close()
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	p.stdin = &input{w: in}
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	said, err := s.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.Start(p.carrier.command()); err != nil {
		return fmt.Errorf("start a shell: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	var leaving sync.WaitGroup
	leaving.Go(func() { p.leave(ctx, s, ended) })
	var listening sync.WaitGroup
	listening.Go(func() { p.listen(ctx, said, cancel) })
	ferr := p.converse(out)
	p.stdin.close()
	if ferr != nil {
		cancel(ferr) // what the machine still says is of no use
	}
	late := time.AfterFunc(p.machine.limits.leave, func() { cancel(errors.New("the agent does not end")) })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, out)
	listening.Wait()
	werr := s.Wait()
	close(ended)
	leaving.Wait()
	return p.outcome(ctx, ferr, werr)
}

// leave ends a session whose context has ended: first by taking its input away,
// then by a signal, at last with the connection.
func (p *errand) leave(ctx context.Context, s *ssh.Session, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	ways := []func(){
		p.stdin.tryClose,
		func() { _ = s.Signal(ssh.SIGTERM) },
		p.machine.close,
	}
	for _, way := range ways {
		way()
		select {
		case <-ended:
			return
		case <-time.After(p.machine.limits.leave / 2):
		}
	}
}

// input is the command's standard input, which may be closed while it is written
// to: what a session gives may not.
type input struct {
	mu      sync.Mutex
	w       io.WriteCloser
	closed  bool
	closing atomic.Bool // whoever is writing closes it after the piece that is on its way
}

func (i *input) Write(b []byte) (int, error) {
	const piece = 32 << 10 // after each of them it may be closed
	for n := 0; ; {
		k, err := i.piece(b[n:min(n+piece, len(b))])
		if n += k; err != nil || n == len(b) {
			return n, err
		}
	}
}

func (i *input) piece(b []byte) (n int, err error) {
	i.mu.Lock()
	defer i.settle()
	if i.closed {
		return 0, io.ErrClosedPipe
	}
	return i.w.Write(b)
}

// settle unlocks, and closes what was to be closed meanwhile.
func (i *input) settle() {
	i.mu.Unlock()
	if i.closing.Load() {
		i.close()
	}
}

func (i *input) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.closed {
		i.closed = true
		_ = i.w.Close()
	}
}

// tryClose closes it, now or after the piece that is being written. It does not wait
// for a machine that takes nothing.
func (i *input) tryClose() {
	i.closing.Store(true)
	if i.mu.TryLock() {
		i.settle()
	}
}

// errNone says that the agent has ended without an answer.
var errNone = errors.New("the agent ended without an answer")

// converse follows what the command says: it sends the agent, then the request,
// and hands on the rest to who hears the agent.
func (p *errand) converse(out io.Reader) error {
	lines := bufio.NewReaderSize(out, 64<<10)
	for noise := 0; ; {
		line, err := nextLine(lines)
		if err != nil {
			return err
		}
		word, rest, ok := p.carrier.heard(string(line))
		ready, err := p.answer(word, rest)
		switch {
		case err != nil:
			return err
		case ready:
			return p.hear(lines)
		case !ok:
			noise += len(line)
		}
		if noise > maxNoise {
			return errNoise
		}
	}
}

var errNoise = errors.New("the login prints more than a megabyte that is not the agent's")

// nextLine gives one line, or errNone where there is no more.
func nextLine(lines *bufio.Reader) ([]byte, error) {
	line, err := readLine(lines, maxLine)
	if errors.Is(err, io.EOF) {
		return nil, errNone
	}
	if err != nil {
		return nil, fmt.Errorf("read from the agent: %w", err)
	}
	return line, nil
}

// events hands on the agent's events until there are facts.
func events(lines *bufio.Reader, say func(inventory.Event)) (*inventory.Facts, error) {
	for noise := 0; ; {
		line, err := nextLine(lines)
		if err != nil {
			return nil, err
		}
		e, ok := event(line)
		switch {
		case !ok:
			if noise += len(line); noise > maxNoise {
				return nil, errNoise
			}
		case e.Err != "":
			return nil, withHint(errors.New(redacted(e.Err)), "%s", redacted(e.Hint))
		case e.Facts != nil:
			return e.Facts, nil
		default:
			say(e)
		}
	}
}

// answer does what the command waits for.
func (p *errand) answer(word, rest string) (ready bool, err error) {
	switch word {
	case saidSend:
		p.dir = rest
		if _, err := p.stdin.Write(p.agent.data); err != nil {
			return false, fmt.Errorf("send the agent: %w", err)
		}
	case saidReady:
		if _, err := p.stdin.Write(p.request); err != nil {
			return false, fmt.Errorf("send the request: %w", err)
		}
		return true, nil
	case saidNowhere:
		return false, withHint(errors.New("it has no directory in which a program may run: not in /tmp, not in /var/tmp and not in the home directory"),
			"each of them is read-only, full, of others, or mounted noexec")
	case saidShort:
		return false, withHint(fmt.Errorf("it did not take the agent, %d bytes, in %s", len(p.agent.data), p.dir), "is its disk full?")
	}
	return false, nil
}

// event reads one line of the agent. What a login prints is none.
func event(line []byte) (inventory.Event, bool) {
	var e inventory.Event
	at := bytes.IndexByte(line, '{')
	if at < 0 {
		return e, false
	}
	err := json.Unmarshal(line[at:], &e)
	return e, err == nil
}

// readLine gives one line, without its end. A line longer than most is an error,
// and so is a last one without an end, which was cut off.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(line, "\r\n"), nil
		case len(line) > most:
			return nil, fmt.Errorf("a line has more than %d bytes", most)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// listen keeps the last of standard error, and answers sudo when it wants a
// password. Without an answer the run is given up.
func (p *errand) listen(ctx context.Context, said io.Reader, cancel context.CancelCauseFunc) {
	prompt := []byte(p.carrier.prompt())
	var rest []byte
	buf := make([]byte, 4096)
	for asked := 0; ; {
		n, err := said.Read(buf)
		rest = append(rest, buf[:n]...)
		for {
			before, after, found := bytes.Cut(rest, prompt)
			if !found {
				break
			}
			_, _ = p.errors.Write(before)
			rest = bytes.Clone(after)
			if err := p.password(ctx, asked); err != nil {
				cancel(err)
			}
			asked++
		}
		if keep := len(prompt) - 1; len(rest) > keep { // the prompt may come in pieces
			_, _ = p.errors.Write(rest[:len(rest)-keep])
			rest = bytes.Clone(rest[len(rest)-keep:])
		}
		if err != nil {
			_, _ = p.errors.Write(rest)
			return
		}
	}
}

// password asks for sudo's password and sends it.
func (p *errand) password(ctx context.Context, asked int) error {
	answer, err := p.ring.ask(ctx, Question{Machine: p.machine.reach.title(), Kind: AskSudo, Again: asked > 0})
	if err != nil {
		return fmt.Errorf("ask for the password of sudo: %w", err)
	}
	line := append(bytes.Clone(answer), '\n')
	_, err = p.stdin.Write(line)
	clear(line)
	clear(answer)
	return err
}

// outcome is how the run ended: well, or the first thing that went wrong.
func (p *errand) outcome(ctx context.Context, ferr, werr error) error {
	exit, ended := errors.AsType[*ssh.ExitError](werr)
	switch {
	case ferr == nil:
		return nil // it has been removed, or removes itself
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), ferr):
		return context.Cause(ctx)
	case !errors.Is(ferr, errNone):
		return ferr
	case ended && exit.Signal() != "":
		return p.blame(fmt.Errorf("%w: it was ended there by SIG%s", errNone, exit.Signal()))
	case ended:
		return p.blame(fmt.Errorf("%w: exit code %d", errNone, exit.ExitStatus()))
	case werr != nil:
		return p.lost()
	}
	return p.blame(errNone)
}

func (p *errand) lost() error {
	return withHint(p.blame(ErrLost), "nothing of the agent stays there: it ends with its connection; try again")
}

// blame adds what the machine said last, and what helps against it.
func (p *errand) blame(err error) error {
	said := lastLines(p.errors.String(), 3)
	if said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	switch {
	case !p.carrier.sudo:
	case strings.Contains(said, "a password is required") || strings.Contains(said, "terminal is required"):
		return withHint(err, "sudo wants a password there, which is asked for on a terminal alone")
	case strings.Contains(said, "must have a tty"):
		return withHint(err, "sudoers has requiretty there: allow this user without (Defaults:USER !requiretty), or log in as root")
	case strings.Contains(said, "sudo: not found") || strings.Contains(said, "sudo: command not found"):
		return withHint(err, "there is no sudo there: log in as root, or leave --sudo out")
	}
	return err
}
