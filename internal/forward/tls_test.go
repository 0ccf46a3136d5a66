package forward

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// secured is a server with a certificate for example.com (that of httptest), the file
// of its CA and its pin.
func secured(t *testing.T) (address, ca, pin string, asked *atomic.Value) {
	t.Helper()
	asked = &atomic.Value{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(hears))
	s.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		asked.Store(h.ServerName)
		return nil, nil
	}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	cert := s.Certificate()
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.Raw)
	return hostOf(s), ca, hex.EncodeToString(sum[:]), asked
}

const question = "GET /x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"

// The target's certificate is verified by a CA and a name, or by its pin; without, no
// byte of a client is led there.
func TestTLS(t *testing.T) {
	address, ca, pin, asked := secured(t)
	other := strings.Repeat("00", 32)
	for name, want := range map[string]struct {
		keys string
		sni  string
		ok   bool
	}{
		"its CA and name":  {"?sni=example.com&ca=" + ca, "example.com", true},
		"another name":     {"?sni=bank.example&ca=" + ca, "bank.example", false},
		"the system's CAs": {"?sni=example.com", "example.com", false},
		"its address":      {"?ca=" + ca, "", true},
		"its pin":          {"?sni=whatever.example&pin=" + pin, "whatever.example", true},
		"its pin, no name": {"?pin=" + pin, "", true},
		"another's pin":    {"?sni=example.com&pin=" + other, "example.com", false},
	} {
		for _, scheme := range []string{"tls", "https"} {
			r := start(t, func(s *Settings) { s.CheckEvery = 0 }, scheme+"://"+address+want.keys)
			asked.Store("")
			said, err := converse(r.ports[0].address, question, func(*net.TCPConn) error { return nil })
			led := strings.Contains(said, `"Host":"shop.example"`)
			if led != want.ok || asked.Load() != want.sni {
				t.Errorf("%s, %s: led %t, asked for %q: %q, %v", scheme, name, led, asked.Load(), said, err)
			}
			if now := r.Report().Routes[0].Targets[0]; now.Up != want.ok || (now.Total == 1) != want.ok || (now.Failed == 1) == want.ok {
				t.Errorf("%s, %s: %+v", scheme, name, now)
			}
		}
	}
}

// The name of a target is what its certificate is verified by where no other is said.
func TestTLSByName(t *testing.T) {
	address, ca, _, asked := secured(t)
	z := &zone{names: map[string][]string{"example.com": {"127.0.0.1"}}}
	r := start(t, func(s *Settings) { s.Resolver = z }, "tls://example.com:"+portOf(t, address)+"?ca="+ca).ready(t)
	if said, err := say(t, r.ports[0].address, question); err != nil || !strings.Contains(said, "shop.example") || asked.Load() != "example.com" {
		t.Errorf("%q, asked for %q, %v", said, asked.Load(), err)
	}
}

// A check makes the handshake, so that a certificate that is not trusted is seen before
// anybody comes.
func TestCheckSeesTheCertificate(t *testing.T) {
	address, _, _, _ := secured(t)
	r := start(t, nil, "tls://"+address+"?sni=example.com")
	until(t, "it is seen", func() bool { return strings.Contains(r.Report().Routes[0].Targets[0].Why, "certificate") })
	if code, text := r.look(t, "/readyz"); code != 503 || !strings.Contains(text, "TLS: ") {
		t.Errorf("%d %s", code, text)
	}
}

// As bytes, a client's own TLS goes through untouched: the name that it asks for, and
// the certificate that it sees.
func TestClientsTLSIsUntouched(t *testing.T) {
	address, ca, _, asked := secured(t)
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	r := start(t, func(s *Settings) { s.CheckEvery = 0 }, "tcp://"+address)
	c := tls.Client(dial(t, r.ports[0].address), &tls.Config{ServerName: "example.com", RootCAs: roots})
	if err := c.Handshake(); err != nil || asked.Load() != "example.com" {
		t.Fatalf("asked for %q: %v", asked.Load(), err)
	}
}

// Within TLS too the end of one direction is led on.
func TestTLSEndsOneWay(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	cert := server.TLS.Certificates[0]
	server.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				defer c.Close()
				text, _ := io.ReadAll(c)
				fmt.Fprintf(c, "after %q", text)
			}(c)
		}
	}()
	sum := sha256.Sum256(cert.Certificate[0])
	r := start(t, nil, "tls://"+l.Addr().String()+"?pin="+hex.EncodeToString(sum[:]))
	if said, err := say(t, r.ports[0].address, "hello"); err != nil || said != `after "hello"` {
		t.Errorf("%q, %v", said, err)
	}
}
