// Package sshdtest starts a real sshd on a loopback address for tests, with a host
// key, a configuration and authorised keys of its own. It needs no network
// namespace; where Debian's openssh-server is missing, root installs it.
//
// It knows nothing of the code under test: who logs in and what is run there is
// the test's affair.
package sshdtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/lab/apt"
	"rehome.dev/rehome/lab/freeport"
)

// Server is one sshd, stopped at the test's end.
type Server struct {
	Address    netip.AddrPort
	User       string // who may log in: whoever runs the test
	Key        string // the file of an ed25519 key that is authorised
	KnownHosts string // a file that knows the server
	Dir        string // of all its files

	t     testing.TB
	log   string
	cmd   *exec.Cmd
	ended chan struct{}
}

const startDeadline = 20 * time.Second

// Option changes what Start starts.
type Option func(*options)

type options struct {
	config    []string
	mounts    []string
	authority string
}

// WithConfig adds lines to sshd_config.
func WithConfig(lines ...string) Option {
	return func(o *options) { o.config = append(o.config, lines...) }
}

// WithNoexec gives the server a view of its own of these directories, from which
// no program can be run. It needs root.
func WithNoexec(dirs ...string) Option {
	return func(o *options) { o.mounts = append(o.mounts, dirs...) }
}

// WithAuthority has the host key signed by an authority, whose key has that name
// in the server's directory.
func WithAuthority(name string) Option {
	return func(o *options) { o.authority = name }
}

// Start returns when sshd answers.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	install(t)
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &Server{Address: freeport.Local(t), User: me.Username, Dir: dir, t: t,
		Key: filepath.Join(dir, "id_ed25519"), KnownHosts: filepath.Join(dir, "known_hosts"), log: filepath.Join(dir, "sshd.log")}
	s.NewKey("host_key", "")
	s.NewKey("id_ed25519", "")
	s.Authorise(s.Key)
	s.write("known_hosts", fmt.Sprintf("[%s]:%d %s", s.Address.Addr(), s.Address.Port(), s.read("host_key.pub")))
	config := append([]string{
		"ListenAddress " + s.Address.String(),
		"HostKey " + filepath.Join(dir, "host_key"),
		"PidFile none",
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"UsePAM no",
		"StrictModes no", // the directory above is everybody's
		"PermitRootLogin prohibit-password",
		"LogLevel VERBOSE",
	}, o.config...)
	if o.authority != "" {
		run(t, "ssh-keygen", "-q", "-s", s.NewKey(o.authority, ""), "-I", "host", "-h", "-n", s.Address.Addr().String(), filepath.Join(dir, "host_key.pub"))
		config = append(config, "HostCertificate "+filepath.Join(dir, "host_key-cert.pub"))
	}
	s.write("sshd_config", strings.Join(config, "\n")+"\n")
	s.start(o.mounts)
	return s
}

// NewKey makes an ed25519 key in the server's directory and gives its path.
func (s *Server) NewKey(name, passphrase string) string {
	s.t.Helper()
	path := filepath.Join(s.Dir, name)
	run(s.t, "ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-a", "1", "-C", name, "-f", path)
	return path
}

// Authorise lets the key in whose public part stands beside path.
func (s *Server) Authorise(path string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.Dir, "authorized_keys"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(s.read(filepath.Base(path) + ".pub")); err != nil {
		s.t.Fatal(err)
	}
}

// URL is the server as ssh://user@host:port.
func (s *Server) URL() string { return "ssh://" + s.User + "@" + s.Address.String() }

func (s *Server) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *Server) start(noexec []string) {
	s.t.Helper()
	if os.Geteuid() == 0 { // sshd's own, which Debian makes at the service's start
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	sshd := []string{"/usr/sbin/sshd", "-D", "-f", filepath.Join(s.Dir, "sshd_config"), "-E", s.log}
	s.cmd = exec.Command(sshd[0], sshd[1:]...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if len(noexec) > 0 {
		text := "mount --make-rprivate /"
		for _, d := range noexec {
			text += fmt.Sprintf(" && mount --bind %[1]s %[1]s && mount -o remount,bind,noexec %[1]s", d)
		}
		s.cmd = exec.Command("/bin/sh", append([]string{"-c", text + ` && exec "$0" "$@"`}, sshd...)...)
		s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
	}
	var said bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &said, &said
	s.cmd.WaitDelay = time.Second // sessions that go on hold both open
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start sshd: %v", err)
	}
	s.ended = make(chan struct{})
	go func() { s.cmd.Wait(); close(s.ended) }()
	s.t.Cleanup(func() {
		s.Stop()
		if s.t.Failed() {
			b, _ := os.ReadFile(s.log)
			s.t.Logf("sshd at %s:\n%s%s", s.Address, said.String(), b)
		}
	})
	for end := time.Now().Add(startDeadline); !s.answers(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.ended:
			s.t.Fatalf("sshd ended: %s%s", said.String(), s.read("sshd.log"))
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("sshd at %s does not answer", s.Address)
		}
	}
}

// answers says whether something at the address greets as RFC 4253, section 4.2 says.
func (s *Server) answers() bool {
	c, err := net.DialTimeout("tcp", s.Address.String(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	greeting := make([]byte, 4)
	_, err = c.Read(greeting)
	return err == nil && string(greeting) == "SSH-"
}

// Stop ends the listening sshd. Its sessions go on.
func (s *Server) Stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
	}
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func install(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := apt.Install(ctx, "openssh-server", "openssh-client"); err != nil {
		t.Fatal(err)
	}
}
