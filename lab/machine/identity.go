package machine

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"rehome.dev/rehome/lab/part"
)

// KeyFile is the private key that opens a lab's machine to root.
func KeyFile(lab *part.Lab) string { return lab.RunPath("ssh", "id_ed25519") }

// KnownHostsFile holds the machine's own key.
func KnownHostsFile(lab *part.Lab) string { return lab.RunPath("ssh", "known_hosts") }

// InstallIdentity gives the machine a new host key and lets in a new client key.
func (m Machine) InstallIdentity() error {
	clientKey, clientPublic, err := newKey("rehome-lab")
	if err != nil {
		return err
	}
	hostKey, hostPublic, err := newKey(m.Name)
	if err != nil {
		return err
	}
	known := knownhosts.Line([]string{m.Address.String(), m.Name}, hostPublic) + "\n"
	return errors.Join(
		part.WriteFile(KeyFile(m.Lab), clientKey, 0o600),
		part.WriteFile(KeyFile(m.Lab)+".pub", ssh.MarshalAuthorizedKey(clientPublic), 0o644),
		part.WriteFile(KnownHostsFile(m.Lab), []byte(known), 0o644),
		part.WriteFile(filepath.Join(m.Root(), "root/.ssh/authorized_keys"), ssh.MarshalAuthorizedKey(clientPublic), 0o600),
		part.WriteFile(filepath.Join(m.Root(), "etc/ssh/ssh_host_ed25519_key"), hostKey, 0o600),
	)
}

func newKey(comment string) (private []byte, public ssh.PublicKey, err error) {
	raw, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make an ssh key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, nil, fmt.Errorf("write an ssh key: %w", err)
	}
	if public, err = ssh.NewPublicKey(raw); err != nil {
		return nil, nil, fmt.Errorf("write an ssh key: %w", err)
	}
	return pem.EncodeToMemory(block), public, nil
}
