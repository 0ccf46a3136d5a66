package vm

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeys are the machines that are known, as sshd(8) describes the file.
type hostKeys struct {
	files []string
	check ssh.HostKeyCallback // nil where nobody is known
}

// knownHosts reads the files of known machines. A file that is named must be
// there; of the usual ones, those are taken that are.
func (s Settings) knownHosts() (hostKeys, error) {
	files := slices.DeleteFunc(slices.Clone(s.KnownHosts), func(f string) bool { return f == "" })
	if len(files) == 0 {
		own := s.inHome(".ssh", "known_hosts")
		for _, f := range []string{own, "/etc/ssh/ssh_known_hosts"} {
			if _, err := os.Stat(f); f != "" && err == nil {
				files = append(files, f)
			}
		}
		if len(files) == 0 {
			return hostKeys{files: []string{own}}, nil
		}
	}
	check, err := knownhosts.New(files...)
	if err != nil {
		return hostKeys{}, withHint(fmt.Errorf("read the known hosts: %w", err), "--known-hosts names another file; the form of its lines is in sshd(8)")
	}
	return hostKeys{files: files, check: check}, nil
}

// nobody is a key that no machine has: asking for it tells which ones are known.
type nobody struct{}

func (nobody) Type() string                        { return "none" }
func (nobody) Marshal() []byte                     { return []byte("none") }
func (nobody) Verify([]byte, *ssh.Signature) error { return errors.New("is no key") }
func (nobody) Network() string                     { return "tcp" }
func (nobody) String() string                      { return "0.0.0.0:0" }

// known are the keys of an address host:port.
func (k hostKeys) known(address string) []knownhosts.KnownKey {
	if k.check == nil {
		return nil
	}
	err := k.check(address, nobody{}, nobody{})
	if e, ok := errors.AsType[*knownhosts.KeyError](err); ok {
		return e.Want
	}
	return nil
}

// algorithms are those of the keys that are known of an address, so that a
// machine with several keys shows one that can be checked. None are known of a
// machine that is not: then it may show what it likes, to be named in the error.
func (k hostKeys) algorithms(address string) []string {
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, key := range k.known(address) {
		if certified(key) {
			add(ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
				ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01)
			continue
		}
		if key.Key.Type() == ssh.KeyAlgoRSA {
			add(ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		add(key.Key.Type())
	}
	return out
}

// certified says whether a known key is an authority's, which signs others.
func certified(k knownhosts.KnownKey) bool {
	f, err := os.Open(k.Filename)
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if n == k.Line {
			return strings.HasPrefix(strings.TrimSpace(lines.Text()), "@cert-authority")
		}
	}
	return false
}

// callback accepts the key of a known machine alone.
func (k hostKeys) callback(r Reach) ssh.HostKeyCallback {
	return func(address string, remote net.Addr, key ssh.PublicKey) error {
		if k.check == nil {
			return k.unknown(r, key)
		}
		err := k.check(address, remote, key)
		if err == nil {
			return nil
		}
		if e, ok := errors.AsType[*knownhosts.RevokedError](err); ok {
			return withHint(fmt.Errorf("%w: its %s key %s is revoked by %s:%d", ErrHostKey, key.Type(), ssh.FingerprintSHA256(key), e.Revoked.Filename, e.Revoked.Line),
				"do not log in: whoever keeps the known hosts says that this key is in wrong hands")
		}
		if e, ok := errors.AsType[*knownhosts.KeyError](err); ok {
			if len(e.Want) == 0 {
				return k.unknown(r, key)
			}
			return changed(r, e.Want, fmt.Sprintf("it shows the %s key %s", key.Type(), ssh.FingerprintSHA256(key)))
		}
		return fmt.Errorf("%w: %w", ErrHostKey, err)
	}
}

func (k hostKeys) unknown(r Reach, key ssh.PublicKey) error {
	file := k.files[0]
	if file == "" {
		file = "~/.ssh/known_hosts"
	}
	return withHint(fmt.Errorf("%w: nobody knows this machine; it shows the %s key %s", ErrHostKey, key.Type(), ssh.FingerprintSHA256(key)),
		"ssh-keyscan -p %d %s >> %s; before that compare the fingerprint with what ssh-keygen -lf prints of /etc/ssh/ssh_host_*_key.pub on the machine itself", r.Port, r.Host, file)
}

func changed(r Reach, want []knownhosts.KnownKey, shows string) error {
	w := want[0]
	return withHint(fmt.Errorf("%w: %s, and known is the %s key %s (%s:%d)", ErrHostKey, shows, w.Key.Type(), ssh.FingerprintSHA256(w.Key), w.Filename, w.Line),
		"the machine was installed anew, or somebody stands in between: ask its owner before ssh-keygen -f %s -R %s", w.Filename, knownhosts.Normalize(r.Address()))
}
