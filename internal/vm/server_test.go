package vm

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func command(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}

// fakeServer is a machine that is not Linux, or whose login is not by key. It
// answers every command with the same words, and with shell it runs them.
type fakeServer struct {
	config ssh.ServerConfig
	says   string
	said   string // on standard error
	shell  bool
}

// start gives the server's way and a file that knows it.
func (f *fakeServer) start(t *testing.T) (Reach, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	f.config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			go f.serve(c)
		}
	}()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	known := filepath.Join(t.TempDir(), "known_hosts")
	line := fmt.Sprintf("[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(signer.PublicKey()))
	if err := os.WriteFile(known, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return reachOf(t, "ssh://vimes@"+l.Addr().String()), known
}

func (f *fakeServer) serve(c net.Conn) {
	_, channels, requests, err := ssh.NewServerConn(c, &f.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for nc := range channels {
		channel, requests, err := nc.Accept()
		if err != nil {
			return
		}
		go f.session(channel, requests)
	}
}

func (f *fakeServer) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	for r := range requests {
		var exec struct{ Command string }
		if r.Type != "exec" || ssh.Unmarshal(r.Payload, &exec) != nil {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		go func() {
			code := f.run(channel, exec.Command)
			channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
			channel.Close()
		}()
	}
}

func (f *fakeServer) run(channel ssh.Channel, command string) int {
	if !f.shell {
		fmt.Fprint(channel, f.says)
		fmt.Fprint(channel.Stderr(), f.said)
		return 1
	}
	cmd := exec.Command("/bin/sh", "-c", command)
	in, err := cmd.StdinPipe()
	if err != nil {
		return 255
	}
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := channel.Read(buf)
			in.Write(buf[:n])
			if err != nil {
				in.Close()
				return
			}
		}
	}()
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	if err := cmd.Start(); err != nil {
		return 255
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

const password = "si-non-confectus-canary"

func byPassword(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
	if string(given) != password {
		return nil, errors.New("no")
	}
	return nil, nil
}

func byQuestion(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	given, err := ask("", "", []string{"Password: "}, []bool{false})
	if err != nil || len(given) != 1 || given[0] != password {
		return nil, errors.New("no")
	}
	return nil, nil
}

func TestPassword(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]ssh.ServerConfig{
		"password":             {PasswordCallback: byPassword},
		"keyboard interactive": {KeyboardInteractiveCallback: byQuestion},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeServer{config: config, shell: true}
			r, known := f.start(t)
			s := Settings{KnownHosts: []string{known}, Agent: agentFile(t), Getenv: func(string) string { return "" }}
			person := &answers{give: []string{"wrong-canary", password}}
			s.Ask = person.ask
			v := take(t, s, r, "good")
			if v.Err != nil {
				t.Fatal(v.Err)
			}
			if len(person.asked) != 2 || person.asked[1] != "Password of vimes@"+r.Address()+", again" {
				t.Errorf("asked %q", person.asked)
			}
			gone(t, v.directory)

			s.Ask = (&answers{give: []string{"a-canary", "b-canary", "c-canary", "d-canary"}}).ask
			if v := take(t, s, r, "good"); !errors.Is(v.Err, ErrRefused) || strings.Contains(Why(v.Err), "canary") {
				t.Errorf("%v", v.Err)
			}
			s.Ask = nil
			if v := take(t, s, r, "good"); !errors.Is(v.Err, ErrRefused) || !strings.Contains(v.Err.Error(), "nobody to ask") {
				t.Errorf("%v", v.Err)
			}
		})
	}
}

func TestOtherSystemsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ says, said, want string }{
		{"", "'uname' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", "it is Windows: facts are taken on Linux"},
		{"FreeBSD amd64\n", "", "it is FreeBSD: facts are taken on Linux"},
		{"Linux m68k\n", "", "architecture m68k"},
		{"Linux riscv64\n", "", "the machine is riscv64"},
		{"This account is currently not available.\n", "", "what no machine says: This account"},
	} {
		f := &fakeServer{config: ssh.ServerConfig{NoClientAuth: true}, says: c.says, said: c.said}
		r, known := f.start(t)
		s := Settings{KnownHosts: []string{known}, Agent: agentFile(t), Getenv: func(string) string { return "" }}
		v := take(t, s, r, "good")
		if v.Err == nil || !strings.Contains(v.Err.Error(), c.want) || v.directory != "" {
			t.Errorf("%q%q: %v", c.says, c.said, v.Err)
		}
	}
}

// What listens but never speaks is given up in time, and so is a login that its
// caller gives up.
func TestASilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := Settings{KnownHosts: []string{"/dev/null"}, Agent: agentFile(t), Getenv: func(string) string { return "" }}
	s.limits.handshake = 100 * time.Millisecond
	r := reachOf(t, "ssh://vimes@"+l.Addr().String())
	if v := take(t, s, r, "good"); v.Err == nil || !strings.Contains(v.Err.Error(), "did not answer in time") {
		t.Errorf("%v", v.Err)
	}
	s.limits.handshake = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	_, ended := start(ctx, s, r, "good")
	c, err := l.Accept() // the first
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if v := await(t, ended); !errors.Is(v.Err, context.Canceled) {
		t.Errorf("%v", v.Err)
	}
}
