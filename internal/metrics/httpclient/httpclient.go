// Package httpclient logs in to what serves metrics over HTTP, by the settings that
// all such connections have in common.
//
// It must not know what is asked for. A secret is read from where a setting says that
// it is kept, and is in no error.
package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// The settings. Files are read when they are needed, so that a rotated token is taken
// up, and once by New, so that a wrong path is known early.
const (
	TokenFile    = "bearerTokenFile" // sent as Authorization: Bearer
	TokenEnv     = "bearerTokenEnv"  // the same, kept in an environment variable
	User         = "username"        // basic authentication, with passwordFile
	PasswordFile = "passwordFile"
	CAFile       = "caFile"   // trusted instead of the system's authorities
	CertFile     = "certFile" // client certificate, with keyFile
	KeyFile      = "keyFile"
)

// Settings are all of them.
var Settings = []string{TokenFile, TokenEnv, User, PasswordFile, CAFile, CertFile, KeyFile}

// New makes a client that follows no redirect: the credentials are for the host that
// was named, and a redirected POST loses its query. change, which may be nil, is given
// the transport before its first use.
func New(settings map[string]string, change func(*http.Transport)) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	var err error
	if transport.TLSClientConfig, err = tlsConfig(settings); err != nil {
		return nil, err
	}
	if change != nil {
		change(transport)
	}
	a := authorizer{
		next: transport, token: settings[TokenFile], variable: settings[TokenEnv],
		user: settings[User], password: settings[PasswordFile],
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: a, CheckRedirect: noRedirect}, nil
}

func tlsConfig(settings map[string]string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if path := settings[CAFile]; path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("setting %s: %w", CAFile, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("setting %s: %s holds no PEM certificate", CAFile, path)
		}
	}
	cert, key := settings[CertFile], settings[KeyFile]
	if (cert == "") != (key == "") {
		return nil, fmt.Errorf("settings %s and %s go together", CertFile, KeyFile)
	}
	if cert != "" {
		load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		}
		if _, err := load(nil); err != nil {
			return nil, fmt.Errorf("settings %s and %s: %w", CertFile, KeyFile, err)
		}
		c.GetClientCertificate = load
	}
	return c, nil
}

// authorizer adds the credentials to each request; the fields are paths, apart
// from the names of the user and of a variable.
type authorizer struct {
	next                            http.RoundTripper
	token, variable, user, password string
}

func (a authorizer) check() error {
	if a.token != "" && a.user != "" {
		return fmt.Errorf("settings %s and %s exclude each other", TokenFile, User)
	}
	if a.variable != "" && (a.user != "" || a.token != "") {
		return fmt.Errorf("settings %s and %s exclude each other", TokenEnv, map[bool]string{true: TokenFile, false: User}[a.token != ""])
	}
	if (a.user == "") != (a.password == "") {
		return fmt.Errorf("settings %s and %s go together", User, PasswordFile)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1/", nil) // never sent
	if err != nil {
		return err
	}
	return a.authorize(req)
}

func (a authorizer) authorize(req *http.Request) error {
	switch {
	case a.token != "":
		secret, err := readSecret(TokenFile, a.token)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+secret)
	case a.variable != "":
		secret, err := oneLine(TokenEnv, "the variable "+a.variable, os.Getenv(a.variable))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+secret)
	case a.user != "":
		secret, err := readSecret(PasswordFile, a.password)
		if err != nil {
			return err
		}
		req.SetBasicAuth(a.user, secret)
	}
	return nil
}

// RoundTrip works on a copy, as http.RoundTripper demands.
func (a authorizer) RoundTrip(req *http.Request) (*http.Response, error) {
	authorized := req.Clone(req.Context())
	if err := a.authorize(authorized); err != nil {
		if req.Body != nil {
			err = errors.Join(err, req.Body.Close())
		}
		return nil, err
	}
	return a.next.RoundTrip(authorized)
}

// readSecret gives what the file holds, on one line.
func readSecret(setting, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("setting %s: %w", setting, err)
	}
	return oneLine(setting, path, string(text))
}

func oneLine(setting, place, text string) (string, error) {
	secret := strings.TrimSpace(text)
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("setting %s: %s must hold one line", setting, place)
	}
	return secret, nil
}
