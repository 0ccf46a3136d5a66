package drill

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// maxAnswer bounds one body.
const maxAnswer = 16 << 20

// endpoint is one port of the second instance, with or without TLS. The address
// is a loopback one: the network has no other.
type endpoint struct {
	address string
	port    int
	tls     bool
}

// ask carries out an order from inside the network and writes its answers.
func ask(in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*o.Patience+defaultFor)
	defer cancel()
	var r answers
	var err error
	if o.Signal == 0 {
		r.Health, err = askHealth(ctx, o)
	} else {
		r, err = askUnderSignal(ctx, o)
	}
	if err != nil {
		r.Err = err.Error()
	}
	return json.NewEncoder(out).Encode(r)
}

// askHealth asks each path on each port that speaks HTTP.
func askHealth(ctx context.Context, o order) ([]inventory.HealthAnswer, error) {
	points := o.endpoints(ctx)
	if len(points) == 0 {
		return nil, errNotHTTP
	}
	var out []inventory.HealthAnswer
	for _, p := range points {
		for _, path := range o.Paths {
			a := inventory.HealthAnswer{URL: p.url(path), Path: path}
			begun := time.Now()
			status, err := p.get(ctx, path, o.Patience)
			if err != nil {
				a.Err = plainError(err)
			}
			a.Status, a.Micros = status, time.Since(begun).Microseconds()
			out = append(out, a)
		}
	}
	return out, nil
}

// endpoints are the ports on which something speaks HTTP.
func (o order) endpoints(ctx context.Context) []endpoint {
	var out []endpoint
	for _, port := range o.Ports {
		for _, host := range []string{"127.0.0.1", "::1"} {
			p := endpoint{address: net.JoinHostPort(host, strconv.Itoa(port)), port: port}
			_, err := p.get(ctx, o.Paths[0], o.Patience)
			if err != nil {
				p.tls = true
				_, err = p.get(ctx, o.Paths[0], o.Patience)
			}
			if err == nil {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

func (p endpoint) url(path string) string {
	scheme := "http://"
	if p.tls {
		scheme = "https://"
	}
	return scheme + p.address + path
}

func (p endpoint) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil || !p.tls {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // whose certificate it is does not matter here
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// get asks once, on a connection of its own. Every whole answer has a status.
func (p endpoint) get(ctx context.Context, path string, patience time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := p.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := send(conn, path, false); err != nil {
		return 0, err
	}
	status, _, err := receive(bufio.NewReader(conn))
	return status, err
}

func send(conn net.Conn, path string, keep bool) error {
	connection := "close"
	if keep {
		connection = "keep-alive"
	}
	_, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: rehome-drill\r\nAccept: */*\r\nConnection: "+connection+"\r\n\r\n")
	return err
}

// receive reads one whole answer; the second value says whether another may follow.
func receive(r *bufio.Reader) (int, bool, error) {
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, false, err
	}
	return resp.StatusCode, !resp.Close && n < maxAnswer, nil
}

// plainError is without addresses and without what the server wrote.
func plainError(err error) string {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, net.ErrClosed):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	case strings.Contains(err.Error(), "reset"):
		return "the connection was reset"
	case strings.Contains(err.Error(), "refused"):
		return "the connection was refused"
	}
	return errNotHTTP.Error()
}
