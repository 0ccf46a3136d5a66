package vm

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

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// Run executes a shell command on the machine as root, over ssh from the host Ops,
// and returns what it printed. Without a deadline in ctx it may take a minute.
func Run(ctx context.Context, lab *part.Lab, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, err := dial(ctx, lab)
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

func dial(ctx context.Context, lab *part.Lab) (*ssh.Client, error) {
	text, err := os.ReadFile(KeyFile(lab))
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	check, err := knownhosts.New(KnownHostsFile(lab))
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(network.VM.Address.String(), "22")
	conn, err := part.DialIn(network.Ops.Netns)(ctx, "tcp", address)
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
