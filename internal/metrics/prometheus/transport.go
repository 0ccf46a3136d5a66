package prometheus

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

// newHTTPClient follows no redirect: the credentials are for the host that was
// named, and a redirected POST loses its query.
func newHTTPClient(settings map[string]string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	var err error
	if transport.TLSClientConfig, err = tlsConfig(settings); err != nil {
		return nil, err
	}
	a := authorizer{
		next: transport, token: settings[settingToken],
		user: settings[settingUser], password: settings[settingPassword],
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: a, CheckRedirect: noRedirect}, nil
}

func tlsConfig(settings map[string]string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if path := settings[settingCA]; path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("setting %s: %w", settingCA, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("setting %s: %s holds no PEM certificate", settingCA, path)
		}
	}
	cert, key := settings[settingCert], settings[settingKey]
	if (cert == "") != (key == "") {
		return nil, fmt.Errorf("settings %s and %s go together", settingCert, settingKey)
	}
	if cert != "" {
		load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		}
		if _, err := load(nil); err != nil {
			return nil, fmt.Errorf("settings %s and %s: %w", settingCert, settingKey, err)
		}
		c.GetClientCertificate = load
	}
	return c, nil
}

// authorizer adds the credentials to each request; the fields are paths, apart
// from the user's name.
type authorizer struct {
	next                  http.RoundTripper
	token, user, password string
}

func (a authorizer) check() error {
	if a.token != "" && a.user != "" {
		return fmt.Errorf("settings %s and %s exclude each other", settingToken, settingUser)
	}
	if (a.user == "") != (a.password == "") {
		return fmt.Errorf("settings %s and %s go together", settingUser, settingPassword)
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
		secret, err := readSecret(settingToken, a.token)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+secret)
	case a.user != "":
		secret, err := readSecret(settingPassword, a.password)
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
	secret := strings.TrimSpace(string(text))
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("setting %s: %s must hold one line", setting, path)
	}
	return secret, nil
}
