package vm

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Settings say how machines are reached. The zero value is what ssh does: the
// user's own keys, agent and known_hosts, and nobody who can be asked.
type Settings struct {
	User       string   // where a reach names none
	Identity   string   // a private key's file; "" takes the agent's keys and the usual files
	KnownHosts []string // "" and none: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts
	Sudo       bool     // take the facts as root where the login is not root's
	Agent      string   // the agent's binary; "" looks for it, see the package's binary.go
	// Ask asks a person for a secret; nil where there is nobody. It is called for
	// one question at a time, and what it returns is used once.
	Ask func(context.Context, Question) ([]byte, error)
	// Getenv is the environment; nil is that of the process.
	Getenv func(string) string
	// Local takes facts on this machine; nil does it with the collectors that the
	// agent has.
	Local func(context.Context, inventory.Request, func(inventory.Event)) (inventory.Facts, error)
	// Version is told to the machine's sshd; "" is dev.
	Version string

	limits limits
}

// With takes over what a policy says, where the settings say nothing themselves.
func (s Settings) With(p migration.SSH) Settings {
	if s.User == "" {
		s.User = p.User
	}
	if s.Identity == "" {
		s.Identity = p.IdentityFile
	}
	if len(s.KnownHosts) == 0 && p.KnownHostsFile != "" {
		s.KnownHosts = []string{p.KnownHostsFile}
	}
	s.Sudo = s.Sudo || p.Sudo
	return s
}

// Question is a secret that a person is asked for.
type Question struct {
	Machine string // user@host, or the key's file
	Kind    QuestionKind
	Again   bool // the answer before was wrong
}

// QuestionKind is what a question asks for.
type QuestionKind string

// The questions.
const (
	AskPassword   QuestionKind = "password"
	AskPassphrase QuestionKind = "passphrase"
	AskSudo       QuestionKind = "sudo password"
)

// String is the question as it is put.
func (q Question) String() string {
	switch q.Kind {
	case AskPassphrase:
		return "Passphrase for " + q.Machine
	case AskSudo:
		return "Password for sudo of " + q.Machine
	}
	return "Password of " + q.Machine
}

// limits bound everything that is waited for. Tests shorten them.
type limits struct {
	dial, handshake, command time.Duration
	keepalive                time.Duration // between two, and how long an answer may take
	slack                    time.Duration // beyond the time for which facts are taken
	leave                    time.Duration // for the machine to clean up
}

func (l limits) filled() limits {
	or := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	or(&l.dial, 15*time.Second)
	or(&l.handshake, 30*time.Second)
	or(&l.command, 20*time.Second)
	or(&l.keepalive, 15*time.Second)
	or(&l.slack, 3*time.Minute)
	or(&l.leave, 10*time.Second)
	return l
}

func (s Settings) getenv(name string) string {
	if s.Getenv == nil {
		return os.Getenv(name)
	}
	return s.Getenv(name)
}

// home is the user's home directory, "" where it is not known.
func (s Settings) home() string {
	if h := s.getenv("HOME"); h != "" {
		return h
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

func (s Settings) inHome(elements ...string) string {
	h := s.home()
	if h == "" {
		return ""
	}
	return filepath.Join(append([]string{h}, elements...)...)
}

// userOf is who logs in.
func (s Settings) userOf(r Reach) string {
	if r.User != "" {
		return r.User
	}
	if s.User != "" {
		return s.User
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return s.getenv("USER")
}
