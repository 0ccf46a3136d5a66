package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// answers are what a person says, one after the other, and what they were asked.
type answers struct {
	give  []string
	asked []string
}

func (a *answers) ask(_ context.Context, q Question) ([]byte, error) {
	again := ""
	if q.Again {
		again = ", again"
	}
	a.asked = append(a.asked, q.String()+again)
	if len(a.give) == 0 {
		return nil, errors.New("nobody answers")
	}
	answer := a.give[0]
	a.give = a.give[1:]
	return []byte(answer), nil
}

// sshAgent serves keys at a socket, and gives its path.
func sshAgent(t *testing.T, files ...string) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParseRawPrivateKey(b)
		if err == nil {
			err = ring.Add(agent.AddedKey{PrivateKey: key})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, c)
		}
	}()
	return path
}

func TestLoginByKeyAndAgent(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	r := reachOf(t, server.URL())
	locked := server.NewKey("locked", "fabricati-diem-canary")
	server.Authorise(locked)
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(server.Key)
	if err == nil {
		err = os.WriteFile(filepath.Join(home, ".ssh", "id_ed25519"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	socket := sshAgent(t, server.Key)
	stranger := server.NewKey("stranger", "")
	for _, c := range []struct {
		name     string
		identity string
		env      map[string]string
		person   *answers
		asked    string
		fails    string
		hint     string
	}{
		{name: "the named key", identity: server.Key},
		{name: "the usual key", env: map[string]string{"HOME": home}},
		{name: "the agent", env: map[string]string{"SSH_AUTH_SOCK": socket}},
		{name: "a passphrase, at the second try", identity: locked, person: &answers{give: []string{"wrong", "fabricati-diem-canary"}},
			asked: fmt.Sprintf("[Passphrase for %s Passphrase for %s, again]", locked, locked)},
		{name: "a passphrase, never", identity: locked, person: &answers{give: []string{"a", "b", "c"}}, fails: "was wrong 3 times", hint: "ssh-keygen -y"},
		{name: "a passphrase, and nobody to ask", identity: locked, fails: "nobody to ask", hint: "ssh-add"},
		{name: "a stranger's key", identity: stranger, fails: "the login is refused: the keys " + stranger + " did not let", hint: "ssh -p"},
		{name: "no key", fails: "there is no key to try", hint: "--identity"},
		{name: "a key that is none", identity: server.KnownHosts, fails: "is no private key", hint: "--identity"},
		{name: "a key that is not there", identity: "/nowhere/key", fails: "no such file", hint: "--identity"},
		{name: "an agent that is not there", env: map[string]string{"SSH_AUTH_SOCK": "/nowhere/agent"}, fails: "there is no key to try"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settingsFor(t, server)
			s.Identity = c.identity
			s.Getenv = func(name string) string { return c.env[name] }
			if c.person != nil {
				s.Ask = c.person.ask
			}
			v := take(t, s, r, "good")
			switch {
			case c.fails == "" && v.Err != nil:
				t.Errorf("%v", v.Err)
			case c.fails != "" && (v.Err == nil || !strings.Contains(v.Err.Error(), c.fails) || !strings.Contains(Why(v.Err), c.hint)):
				t.Errorf("%s", v.Err)
			}
			if v.Err != nil && strings.Contains(Why(v.Err), "canary") {
				t.Errorf("the passphrase is told: %s", Why(v.Err))
			}
			if c.asked != "" && fmt.Sprint(c.person.asked) != c.asked {
				t.Errorf("asked %v", c.person.asked)
			}
		})
	}
}

// The passphrase of one key is asked for once, for however many machines.
func TestAPassphraseIsAskedForOnce(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	s := settingsFor(t, server)
	s.Identity = server.NewKey("locked", "fabricati-diem")
	server.Authorise(s.Identity)
	person := &answers{give: []string{"fabricati-diem"}}
	s.Ask = person.ask
	order := Order{Reach: reachOf(t, server.URL())}
	order.Request.Target.Unit = "good"
	for _, r := range New(s).Take(t.Context(), []Order{order, order, order}, nil) {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	if len(person.asked) != 1 {
		t.Errorf("asked %v", person.asked)
	}
}

func TestHostKeys(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	r := reachOf(t, server.URL())
	other, err := os.ReadFile(server.NewKey("other_host", "") + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(filepath.Join(server.Dir, "host_key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey(own)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("[%s]:%d", r.Host, r.Port)
	rsa := filepath.Join(server.Dir, "rsa")
	if out, err := command(t, "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	rsaPub, err := os.ReadFile(rsa + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, lines, fails, hint string }{
		{"known", address + " " + string(own), "", ""},
		{"known beside another kind", address + " " + string(rsaPub) + address + " " + string(own), "", ""},
		{"unknown", "elsewhere " + string(own), "nobody knows this machine; it shows the ssh-ed25519 key " + ssh.FingerprintSHA256(pub), fmt.Sprintf("ssh-keyscan -p %d 127.0.0.1 >> ", r.Port)},
		{"changed", address + " " + string(other), "it shows the ssh-ed25519 key " + ssh.FingerprintSHA256(pub) + ", and known is the ssh-ed25519 key SHA256:", "ssh-keygen -f "},
		{"known by a kind that it has not", address + " " + string(rsaPub), "no key of a kind that is known", "ssh-keygen -f "},
		{"revoked", "@revoked * " + string(own) + address + " " + string(own), "is revoked by", "wrong hands"},
		{"broken", "this is no line of such a file at all\n", "read the known hosts", "--known-hosts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settingsFor(t, server)
			s.KnownHosts = []string{filepath.Join(t.TempDir(), "known_hosts")}
			if err := os.WriteFile(s.KnownHosts[0], []byte(c.lines), 0o600); err != nil {
				t.Fatal(err)
			}
			v := take(t, s, r, "good")
			if c.fails == "" {
				if v.Err != nil {
					t.Error(v.Err)
				}
				return
			}
			if v.Err == nil || !strings.Contains(v.Err.Error(), c.fails) || !strings.Contains(Why(v.Err), c.hint) {
				t.Errorf("%s", v.Err)
			}
			if c.name != "broken" && !errors.Is(v.Err, ErrHostKey) {
				t.Errorf("not a matter of the host key: %v", v.Err)
			}
		})
	}
	t.Run("no file at all", func(t *testing.T) {
		s := settingsFor(t, server)
		s.KnownHosts = nil
		if v := take(t, s, r, "good"); !errors.Is(v.Err, ErrHostKey) || !strings.Contains(Why(v.Err), ".ssh/known_hosts") {
			t.Errorf("%v", v.Err)
		}
	})
}

// An authority in known_hosts vouches for machines that nobody has seen.
func TestAHostCertificate(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t, sshdtest.WithAuthority("ca"))
	s := settingsFor(t, server)
	ca, err := os.ReadFile(filepath.Join(server.Dir, "ca.pub"))
	if err != nil {
		t.Fatal(err)
	}
	s.KnownHosts = []string{filepath.Join(t.TempDir(), "known_hosts")}
	if err := os.WriteFile(s.KnownHosts[0], fmt.Appendf(nil, "@cert-authority [127.0.0.1]:%d %s", server.Address.Port(), ca), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := take(t, s, reachOf(t, server.URL()), "good"); v.Err != nil {
		t.Error(v.Err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := Settings{KnownHosts: []string{"/dev/null"}, Agent: agentFile(t), Getenv: func(string) string { return "" }, User: "vimes"}
	v := take(t, s, reachOf(t, "ssh://"+address), "good")
	if v.Err == nil || !strings.Contains(Why(v.Err), "it cannot be reached") || !strings.Contains(Why(v.Err), "another port") {
		t.Errorf("%v", v.Err)
	}
	v = take(t, s, reachOf(t, "ssh://no-such-host.invalid"), "good")
	if v.Err == nil || !strings.Contains(Why(v.Err), "getent hosts no-such-host.invalid") {
		t.Errorf("%v", v.Err)
	}
}
