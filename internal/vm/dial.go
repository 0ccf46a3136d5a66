package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"rehome.dev/rehome/internal/netfail"
	"rehome.dev/rehome/internal/scan"
)

// machine is one connection to a machine.
type machine struct {
	reach  Reach
	client *ssh.Client
	limits limits
	end    func() // of the keepalive
}

// dial connects and logs in. Its error is of type *Error.
func (k *keyring) dial(ctx context.Context, r Reach) (*machine, error) {
	if r.User == "" {
		r.User = k.settings.userOf(r)
	}
	m, err := k.connect(ctx, r)
	if err != nil {
		return nil, &Error{Machine: r.title(), Err: err}
	}
	return m, nil
}

func (k *keyring) connect(ctx context.Context, r Reach) (*machine, error) {
	hosts, err := k.settings.knownHosts()
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{Timeout: k.settings.limits.dial}).DialContext(ctx, "tcp", r.Address())
	if err != nil {
		return nil, unreachable(r, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	// A person who is asked may take longer than a machine may.
	start := func() { _ = conn.SetDeadline(time.Now().Add(k.settings.limits.handshake)) }
	pause := func() func() { _ = conn.SetDeadline(time.Time{}); return start }
	creds, err := k.credentials(ctx, r, pause)
	if err != nil {
		conn.Close()
		return nil, err
	}
	defer creds.close()
	start()
	var distrust error
	callback := hosts.callback(r)
	config := &ssh.ClientConfig{
		User: r.User, Auth: creds.methods, HostKeyAlgorithms: hosts.algorithms(r.Address()),
		HostKeyCallback: func(address string, remote net.Addr, key ssh.PublicKey) error {
			distrust = callback(address, remote, key)
			return distrust
		},
		ClientVersion: "SSH-2.0-rehome_" + version(k.settings.Version),
	}
	sc, channels, requests, err := ssh.NewClientConn(conn, r.Address(), config)
	if err != nil {
		conn.Close()
		return nil, k.loginError(ctx, r, hosts, creds, distrust, err)
	}
	_ = conn.SetDeadline(time.Time{})
	m := &machine{reach: r, client: ssh.NewClient(sc, channels, requests), limits: k.settings.limits}
	m.end = m.keepAlive()
	return m, nil
}

// version is a program's version as RFC 4253, section 4.2 takes it.
func version(v string) string {
	if v == "" {
		return "dev"
	}
	return strings.Map(func(c rune) rune {
		if c > ' ' && c < 0x7f && c != '-' {
			return c
		}
		return '_'
	}, v)
}

func unreachable(r Reach, err error) error {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return withHint(fmt.Errorf("its name is not found: %w", err), "getent hosts %s shows what this machine knows", r.Host)
	}
	if netfail.TimedOut(err) {
		return withHint(fmt.Errorf("it cannot be reached: %w", err), "a firewall, or a wrong address: nc -vz %s %d", r.Host, r.Port)
	}
	return withHint(fmt.Errorf("it cannot be reached: %w", err), "is sshd at %s? ssh://user@host:port names another port", r.Address())
}

// loginError says what kept a login from being made.
func (k *keyring) loginError(ctx context.Context, r Reach, hosts hostKeys, c credentials, distrust, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case distrust != nil:
		return distrust
	case netfail.TimedOut(err):
		return withHint(fmt.Errorf("sshd did not answer in time: %w", err), "is it sshd that listens at %s?", r.Address())
	}
	if e, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		if known := hosts.known(r.Address()); len(known) > 0 && strings.Contains(err.Error(), "host key") {
			return changed(r, known, "it has no key of a kind that is known, it offers "+strings.Join(e.SupportedAlgorithms, ", "))
		}
	}
	var h *hinted
	if errors.As(err, &h) {
		return h // of a passphrase
	}
	if strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "disconnected by user") {
		tried := strings.Join(c.tried, " and ")
		if tried == "" {
			return withHint(fmt.Errorf("%w: there is no key to try, and nobody to ask for a password", ErrRefused), "--identity names a key, ssh-add gives one to the ssh agent; a password is asked for on a terminal")
		}
		return withHint(fmt.Errorf("%w: %s did not let %s in", ErrRefused, tried, r.User), "ssh -p %d %s@%s tells more; ssh://user@host and --identity choose another user and key", r.Port, r.User, r.Host)
	}
	return fmt.Errorf("log in: %w", err)
}

// keepAlive closes a connection whose other end has not answered for two turns.
func (m *machine) keepAlive() (end func()) {
	done := make(chan struct{})
	var once sync.Once
	go func() {
		t := time.NewTicker(m.limits.keepalive)
		defer t.Stop()
		var waiting atomic.Int32
		for {
			select {
			case <-done:
				return
			case <-t.C:
			}
			if waiting.Add(1) > 2 {
				m.client.Close()
				return
			}
			go func() {
				if _, _, err := m.client.SendRequest("keepalive@openssh.com", true, nil); err == nil {
					waiting.Store(0)
				}
			}()
		}
	}()
	return func() { once.Do(func() { close(done) }) }
}

func (m *machine) close() {
	m.end()
	m.client.Close()
}

// output runs one short command and gives what it says, bounded in time and
// size. A command that ends with another code than 0 is no error.
func (m *machine) output(ctx context.Context, command string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.limits.command)
	defer cancel()
	s, err := m.client.NewSession()
	if err != nil {
		return "", "", fmt.Errorf("open a session: %w", err)
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close(); m.client.Close() })()
	out, said := &tail{max: 16 << 10}, &tail{max: 16 << 10}
	s.Stdout, s.Stderr = out, said
	err = s.Run(command)
	if ctx.Err() != nil {
		return "", "", fmt.Errorf("%s: %w", command, context.Cause(ctx))
	}
	if _, ended := errors.AsType[*ssh.ExitError](err); err != nil && !ended {
		return "", "", fmt.Errorf("%s: %w", command, err)
	}
	return out.String(), said.String(), nil
}

// tail keeps the last bytes that are written.
type tail struct {
	mu  sync.Mutex
	max int
	b   []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - t.max; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

// String is what was kept, without secrets.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	clean, _ := scan.Redact(t.b)
	return string(clean)
}
