package forward

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
)

// reacher makes connections to the targets of one route.
type reacher struct {
	route Route
	tls   *tls.Config // nil without TLS
	mark  string
}

func newReacher(r Route, mark string) (reacher, error) {
	out := reacher{route: r, mark: mark}
	if !r.Scheme.secure() {
		return out, nil
	}
	out.tls = &tls.Config{ServerName: r.SNI, MinVersion: tls.VersionTLS12}
	if r.CA != "" {
		text, err := os.ReadFile(r.CA)
		if err != nil {
			return out, fmt.Errorf("read the CAs of %s: %w", r.Listen, err)
		}
		out.tls.RootCAs = x509.NewCertPool()
		if !out.tls.RootCAs.AppendCertsFromPEM(text) {
			return out, fmt.Errorf("read the CAs of %s: %s holds no certificate in PEM", r.Listen, r.CA)
		}
	}
	if r.Pin != "" {
		out.tls.InsecureSkipVerify = true // the pin is verified in its place
		out.tls.VerifyConnection = pinned(r.Pin)
	}
	return out, nil
}

// pinned accepts one certificate, by the SHA-256 of its DER.
func pinned(pin string) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the target has no certificate")
		}
		sum := sha256.Sum256(s.PeerCertificates[0].Raw)
		if got := hex.EncodeToString(sum[:]); got != pin {
			return fmt.Errorf("the target's certificate is %s, not the one that is pinned", got)
		}
		return nil
	}
}

// reach connects to a target, until ctx ends: TCP, then the PROXY header, then TLS. A
// client without addresses is the forwarder itself.
func (r reacher) reach(ctx context.Context, t *target, client header) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.address.String())
	if err != nil {
		return nil, plain(err)
	}
	if err := r.introduce(ctx, conn, client); err != nil {
		_ = conn.Close()
		return nil, plain(err)
	}
	if r.tls == nil {
		return conn, nil
	}
	config := r.tls
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = t.of.Host
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secure, nil
}

func (r reacher) introduce(ctx context.Context, conn net.Conn, client header) error {
	if r.route.Proxy == 0 {
		return nil
	}
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetWriteDeadline(end); err != nil {
			return err
		}
	}
	if _, err := conn.Write(client.text(r.route.Proxy, r.mark)); err != nil {
		return fmt.Errorf("write the PROXY header: %w", err)
	}
	return conn.SetWriteDeadline(noDeadline)
}

// plain is an error without the addresses that whoever reads it knows.
func plain(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		if op.Timeout() {
			return errors.New("no answer in time")
		}
		return op.Err
	}
	return err
}
