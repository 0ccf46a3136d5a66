package machine

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"rehome.dev/rehome/lab/part"
)

// Run executes a shell command on the machine as root, over ssh, and returns what it printed. Without a deadline in ctx it may take a minute.
func (m Machine) Run(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, err := m.dial(ctx)
	if err != nil {
		return "", fmt.Errorf("ssh to the machine: %w", err)
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return "", fmt.Errorf("ssh to the machine: %w", err)
	}
	var stdout, stderr bytes.Buffer
	session.Stdout, session.Stderr = &stdout, &stderr
	if err := session.Run(command); err != nil {
		said := strings.TrimSpace(stdout.String() + " " + stderr.String())
		return said, fmt.Errorf("on the machine: %s: %w: %s", command, err, said)
	}
	return strings.TrimSpace(stdout.String()), nil
}

func (m Machine) dial(ctx context.Context) (*ssh.Client, error) {
	text, err := os.ReadFile(KeyFile(m.Lab))
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	check, err := knownhosts.New(KnownHostsFile(m.Lab))
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(m.Address.String(), "22")
	conn, err := part.DialIn(m.From)(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	config := &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: check,
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519}}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}
