package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// attempts is how often a person may mistype.
const attempts = 3

// keyring holds what this process has unlocked, for all machines.
type keyring struct {
	settings Settings
	asking   sync.Mutex // one question at a time
	mu       sync.Mutex
	unlocked map[string]ssh.Signer // by file
}

func (k *keyring) ask(ctx context.Context, q Question) ([]byte, error) {
	k.asking.Lock()
	defer k.asking.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k.settings.Ask(ctx, q)
}

// credentials are the ways in which one login may prove who it is.
type credentials struct {
	methods []ssh.AuthMethod
	tried   []string // for the error
	close   func()
}

// credentials gathers keys and, where somebody can be asked, passwords. pause is
// called around each question: a person may take their time.
func (k *keyring) credentials(ctx context.Context, r Reach, pause func() (resume func())) (credentials, error) {
	held, closeAgent := k.fromAgent(ctx)
	c := credentials{close: closeAgent}
	signers, names, err := k.fromFiles(ctx, held, pause)
	if err != nil {
		closeAgent()
		return c, err
	}
	if k.settings.Identity == "" {
		signers = append(held, signers...)
		if len(held) > 0 {
			names = append([]string{fmt.Sprintf("%d of the ssh agent", len(held))}, names...)
		}
	}
	if len(signers) > 0 {
		c.methods = append(c.methods, ssh.PublicKeys(signers...))
		c.tried = append(c.tried, "the keys "+strings.Join(names, ", "))
	}
	if k.settings.Ask != nil {
		c.methods = append(c.methods, k.interactive(ctx, r, pause)...)
		c.tried = append(c.tried, "a password")
	}
	return c, nil
}

// fromAgent are the keys of the agent at $SSH_AUTH_SOCK. One that does not answer
// is none.
func (k *keyring) fromAgent(ctx context.Context) ([]ssh.Signer, func()) {
	path := k.settings.getenv("SSH_AUTH_SOCK")
	if path == "" {
		return nil, func() {}
	}
	conn, err := (&net.Dialer{Timeout: k.settings.limits.dial}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, func() {}
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		signers = nil
	}
	return signers, func() { stop(); conn.Close() }
}

// fromFiles are the keys in files: the one that is named, which must be there, or
// those of the usual ones that are. What the agent holds too is not asked for
// again: of the usual files it is left out, in place of a named one it is used.
func (k *keyring) fromFiles(ctx context.Context, held []ssh.Signer, pause func() func()) (signers []ssh.Signer, names []string, err error) {
	if path := k.settings.Identity; path != "" {
		s, err := k.fromFile(ctx, path, pause)
		if err != nil {
			return nil, nil, err
		}
		if i := indexKey(held, s); i >= 0 && s.open == nil {
			return []ssh.Signer{held[i]}, []string{path}, nil
		}
		return []ssh.Signer{s}, []string{path}, nil
	}
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		path := k.settings.inHome(".ssh", name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		s, err := k.fromFile(ctx, path, pause)
		if err != nil || indexKey(held, s) >= 0 {
			continue // a usual file that is no key is nobody's fault here
		}
		signers, names = append(signers, s), append(names, path)
	}
	return signers, names, nil
}

// indexKey is where held has the key of s, or -1.
func indexKey(held []ssh.Signer, s ssh.Signer) int {
	want := string(s.PublicKey().Marshal())
	return slices.IndexFunc(held, func(h ssh.Signer) bool { return string(h.PublicKey().Marshal()) == want })
}

// fromFile reads one key. Its passphrase is asked for when the machine has
// accepted its public part, or at once where the file does not tell that.
func (k *keyring) fromFile(ctx context.Context, path string, pause func() func()) (*fileSigner, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, withHint(fmt.Errorf("read the key: %w", err), "--identity names the file of a private key")
	}
	s := &fileSigner{path: path, ring: k, ctx: ctx, pause: pause, data: data}
	signer, err := ssh.ParsePrivateKey(data)
	missing, locked := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case locked && missing.PublicKey != nil:
		s.public = missing.PublicKey
		return s, nil
	case locked:
		if signer, err = s.unlock(); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, withHint(fmt.Errorf("%s is no private key that can be read: %w", path, err), "--identity names the file of a private key; its public part is not enough")
	}
	s.public, s.open = signer.PublicKey(), signer
	return s, nil
}

// fileSigner is a key in a file, unlocked when it is first used.
type fileSigner struct {
	path   string
	ring   *keyring
	ctx    context.Context
	pause  func() func()
	data   []byte
	public ssh.PublicKey
	open   ssh.Signer
}

func (s *fileSigner) PublicKey() ssh.PublicKey { return s.public }

func (s *fileSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s *fileSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if s.open == nil {
		signer, err := s.unlock()
		if err != nil {
			return nil, err
		}
		s.open = signer
	}
	if a, ok := s.open.(ssh.AlgorithmSigner); ok {
		return a.SignWithAlgorithm(rand, data, algorithm)
	}
	return s.open.Sign(rand, data)
}

// unlock opens the key, asking for its passphrase once for all machines.
func (s *fileSigner) unlock() (ssh.Signer, error) {
	defer s.pause()() // also while another machine's login asks for the same
	s.ring.mu.Lock()
	defer s.ring.mu.Unlock()
	if open := s.ring.unlocked[s.path]; open != nil {
		return open, nil
	}
	if s.ring.settings.Ask == nil {
		return nil, withHint(fmt.Errorf("the key %s has a passphrase, and there is nobody to ask", s.path), "ssh-add %s, or call rehome from a terminal", s.path)
	}
	for again := range attempts {
		phrase, err := s.ring.ask(s.ctx, Question{Machine: s.path, Kind: AskPassphrase, Again: again > 0})
		if err != nil {
			return nil, fmt.Errorf("ask for the passphrase of %s: %w", s.path, err)
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(s.data, phrase)
		clear(phrase)
		if err == nil {
			s.ring.unlocked[s.path] = signer
			return signer, nil
		}
	}
	return nil, withHint(fmt.Errorf("the passphrase of %s was wrong %d times", s.path, attempts), "ssh-keygen -y -f %s tells whether a passphrase is right", s.path)
}

// interactive are the methods that need a person: password, and a server's own
// single question without echo, which is how many ask for one.
func (k *keyring) interactive(ctx context.Context, r Reach, pause func() func()) []ssh.AuthMethod {
	asked := 0
	password := func() (string, error) {
		defer pause()()
		p, err := k.ask(ctx, Question{Machine: r.title(), Kind: AskPassword, Again: asked > 0})
		asked++
		defer clear(p)
		return string(p), err
	}
	challenge := func(_, _ string, questions []string, echos []bool) ([]string, error) {
		var answers []string
		for i, q := range questions {
			if echos[i] || len(questions) > 1 {
				return nil, fmt.Errorf("the machine asks more than a password: %q", strings.TrimSpace(q))
			}
			p, err := password()
			if err != nil {
				return nil, err
			}
			answers = append(answers, p)
		}
		return answers, nil
	}
	return []ssh.AuthMethod{
		ssh.RetryableAuthMethod(ssh.PasswordCallback(password), attempts),
		ssh.RetryableAuthMethod(ssh.KeyboardInteractive(challenge), attempts),
	}
}
