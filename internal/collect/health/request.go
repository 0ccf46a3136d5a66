package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// patience bounds one request, listening one wait for a server that speaks first.
const (
	patience  = 2 * time.Second
	listening = 50 * time.Millisecond
)

// dialect is how a listener is spoken to.
type dialect int

const (
	plain dialect = iota
	overTLS
)

func (d dialect) scheme() string {
	if d == overTLS {
		return "https"
	}
	return "http"
}

var (
	errNotHTTP = errors.New("it does not speak HTTP")
	errFirst   = fmt.Errorf("%w: the server speaks first", errNotHTTP)
)

// question is one request. Known says that it has answered in this dialect before.
type question struct {
	at, path string
	speaks   dialect
	known    bool
}

// request makes one GET. Its error is errNotHTTP where something else answered;
// any other says that there was no answer, and is in the answer too.
func request(ctx context.Context, q question) (inventory.HealthAnswer, error) {
	answer := inventory.HealthAnswer{URL: q.speaks.scheme() + "://" + q.at + q.path, Path: q.path}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, took, err := exchange(ctx, q)
	answer.Micros = took.Microseconds()
	if err != nil && !errors.Is(err, errNotHTTP) {
		answer.Err = short(err)
		return answer, err
	}
	answer.Status = status
	return answer, err
}

// exchange gives the status, and how long the answer took once it was asked for.
func exchange(ctx context.Context, q question) (int, time.Duration, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", q.at)
	if err != nil {
		return 0, 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if q.speaks == overTLS {
		// Whose certificate it is does not matter here: it is asked for nothing secret.
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		if err := secure.HandshakeContext(ctx); err != nil {
			return 0, 0, errNotHTTP
		}
		conn = secure
	} else if !q.known && talks(conn) {
		return 0, 0, errFirst
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return 0, 0, fmt.Errorf("connect: %w", err)
	}
	began := time.Now()
	if _, err := io.WriteString(conn, "GET "+q.path+" HTTP/1.1\r\nHost: "+q.at+
		"\r\nUser-Agent: rehome-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, 0, fmt.Errorf("ask: %w", err)
	}
	status, err := statusLine(conn)
	return status, time.Since(began), err
}

// talks says that the server speaks first, as none of HTTP does.
func talks(conn net.Conn) bool {
	if conn.SetReadDeadline(time.Now().Add(listening)) != nil {
		return false
	}
	var b [1]byte
	n, _ := conn.Read(b[:])
	return n > 0
}

// statusLine reads "HTTP/1.1 200 OK". What follows is left unread.
func statusLine(r io.Reader) (int, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, 1024), 1024).ReadString('\n')
	version, rest, ok := strings.Cut(line, " ")
	if !ok || !strings.HasPrefix(version, "HTTP/") {
		switch {
		case line != "", errors.Is(err, io.EOF): // it hung up, or said something else
			return 0, errNotHTTP
		}
		return 0, fmt.Errorf("wait for an answer: %w", err)
	}
	status, err := strconv.Atoi(rest[:min(3, len(rest))])
	if err != nil || status < 100 {
		return 0, errNotHTTP
	}
	return status, nil
}

// short is an error without addresses, which the URL has already.
func short(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in " + patience.String()
	case errors.Is(err, context.Canceled):
		return "broken off"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
