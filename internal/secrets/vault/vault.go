// Package vault keeps secrets in a HashiCorp Vault, or what speaks like one: in a
// key-value engine of version 2, by check-and-set. It also reads single values there,
// and writes the manifests with which a cluster fetches what is kept.
//
// It must not know what becomes of an object. Credentials come from the environment
// and from files, and neither they nor a value nor a server's answer is in an error.
package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"rehome.dev/rehome/internal/secrets"
)

// Options say which vault, and as whom.
type Options struct {
	Address   string // https://vault.example.org:8200; "" is $VAULT_ADDR
	Namespace string // of an enterprise's vault; "" is $VAULT_NAMESPACE
	CACert    string // a file of PEM; "" is $VAULT_CACERT, and then the system's
	// Path is where objects are kept, each under its name: "kv/apps/bank". Its first
	// parts are the mount of the engine, which the vault knows. A Source needs none.
	Path    string
	Auth    Auth
	Timeout time.Duration // of one request; 0 is 10 s
	// Getenv is the environment; nil is that of the process.
	Getenv func(string) string
	// Now is the clock by which a login expires; nil is the machine's.
	Now func() time.Time
}

func (o Options) getenv(name string) string {
	if o.Getenv == nil {
		return os.Getenv(name)
	}
	return o.Getenv(name)
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// Store is one vault. It logs in at the first call. It is safe for concurrent use.
type Store struct {
	o Options

	mu      sync.Mutex
	client  *api.Client
	expires time.Time // of the login; zero is never, or not by us
	ours    bool      // the token is of a login, to be given back
	mounts  map[string]string
}

var (
	_ secrets.Store  = (*Store)(nil)
	_ secrets.Source = (*Store)(nil)
)

const defaultTimeout = 10 * time.Second

// New makes a store of what the options say. It reaches nobody yet.
func New(o Options) (*Store, error) {
	if o.Address == "" {
		o.Address = o.getenv("VAULT_ADDR")
	}
	if o.Namespace == "" {
		o.Namespace = o.getenv("VAULT_NAMESPACE")
	}
	if o.CACert == "" {
		o.CACert = o.getenv("VAULT_CACERT")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if err := checkAddress(o.Address); err != nil {
		return nil, err
	}
	o.Path = strings.Trim(o.Path, "/")
	if o.Path != "" && (path.Clean(o.Path) != o.Path || strings.HasPrefix(o.Path, "..") || strings.ContainsAny(o.Path, "?# \n")) {
		return nil, wrong("the path in the vault is none", "write MOUNT/PATH, such as kv/apps/bank")
	}
	auth, err := o.Auth.filled(o)
	if err != nil {
		return nil, err
	}
	o.Auth = auth
	return &Store{o: o, mounts: map[string]string{}}, nil
}

func wrong(why, help string) error {
	return &secrets.Error{Op: "prepare the vault", Err: secrets.ErrRefused, Why: why, Help: help}
}

// checkAddress does not take a way on which secrets could be read by others.
func checkAddress(address string) error {
	if address == "" {
		return wrong("nobody says where it is", "set VAULT_ADDR, such as https://vault.example.org:8200")
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return wrong("its address is none of the web", "write it like https://vault.example.org:8200")
	}
	if u.User != nil {
		return wrong("its address holds a user or a password", "leave them out")
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); u.Scheme == "http" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return wrong("its address begins with http://, and it is another machine", "write https://: secrets are not sent where others can read them")
	}
	return nil
}

// connect makes the client. Nothing of the process's own environment is used but
// what the options name.
func (o Options) connect() (*api.Client, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: o.Timeout,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if o.CACert != "" {
		pem, err := os.ReadFile(o.CACert)
		if err != nil {
			return nil, wrong("the file of its authority cannot be read", "check VAULT_CACERT: "+o.CACert)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, wrong("the file of its authority has no certificate", "check VAULT_CACERT: "+o.CACert)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	c, err := api.NewClient(&api.Config{
		Address: o.Address, Timeout: o.Timeout,
		// A write that is repeated would be taken for somebody else's.
		MaxRetries: 0,
		HttpClient: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	})
	if err != nil {
		return nil, wrong("it is no address of a vault", "check VAULT_ADDR and the other variables VAULT_*")
	}
	c.ClearToken()
	c.ClearNamespace()
	if o.Namespace != "" {
		c.SetNamespace(o.Namespace)
	}
	return c, nil
}

// session gives a client that is logged in.
func (s *Store) session(ctx context.Context) (*api.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil && (s.expires.IsZero() || s.o.now().Before(s.expires)) {
		return s.client, nil
	}
	c, err := s.o.connect()
	if err != nil {
		return nil, err
	}
	began := s.o.now()
	l, err := s.o.login(ctx, c)
	if err != nil {
		return nil, err
	}
	c.SetToken(l.token)
	s.client, s.ours, s.expires = c, l.ours, time.Time{}
	if l.lease > 0 {
		s.expires = began.Add(l.lease * 9 / 10)
	}
	return c, nil
}

// Close gives back the token of a login. One that was given to this program stays.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ours := s.client, s.ours
	s.client, s.ours = nil, false
	if c == nil || !ours {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	_, err := c.Logical().WriteBytesWithContext(ctx, "auth/token/revoke-self", nil)
	return explain(ctx, "give the login back", s.o.Address, err)
}

// call makes one request with its own deadline and gives its error a meaning.
func (s *Store) call(ctx context.Context, op string, do func(context.Context, *api.Client) error) error {
	c, err := s.session(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	return explain(ctx, op, s.o.Address, do(limited, c))
}

// Check logs in, finds the engine, and asks whether these credentials may create
// and read below the path.
func (s *Store) Check(ctx context.Context) error {
	at, err := s.where(ctx, path.Join(s.o.Path, "x"))
	if err != nil {
		return err
	}
	return s.may(ctx, at, "create", "read")
}

// place is a path in an engine.
type place struct{ mount, path string }

func (p place) String() string { return p.mount + "/" + p.path }

// data is where the engine keeps the values.
func (p place) data() string { return p.mount + "/data/" + p.path }

// where finds the mount of a path. It must be a key-value engine of version 2.
func (s *Store) where(ctx context.Context, full string) (place, error) {
	op := "find the engine of " + full
	s.mu.Lock()
	for mount := range s.mounts {
		if rest, ok := strings.CutPrefix(full, mount+"/"); ok {
			s.mu.Unlock()
			return place{mount, rest}, nil
		}
	}
	s.mu.Unlock()
	if !strings.Contains(full, "/") {
		return place{}, &secrets.Error{Op: op, Err: secrets.ErrMissing, Why: "it names no mount", Help: "write MOUNT/PATH, such as kv/apps/bank"}
	}
	var found *api.Secret
	err := s.call(ctx, op, func(ctx context.Context, c *api.Client) error {
		var err error
		found, err = c.Logical().ReadWithContext(ctx, "sys/internal/ui/mounts/"+full)
		return err
	})
	if err != nil {
		if e, ok := errors.AsType[*secrets.Error](err); ok && errors.Is(e.Err, secrets.ErrForbidden) {
			e.Why = "there is no engine at that path, or these credentials may see nothing in it"
			e.Help = "vault secrets list shows the mounts; a policy that allows something below " + full + " lets it be seen"
		}
		return place{}, err
	}
	mount, version := "", ""
	if found != nil {
		mount, _ = found.Data["path"].(string)
		options, _ := found.Data["options"].(map[string]any)
		version, _ = options["version"].(string)
		if kind, _ := found.Data["type"].(string); kind != "kv" {
			version = "none"
		}
	}
	mount = strings.Trim(mount, "/")
	rest, below := strings.CutPrefix(full, mount+"/")
	switch {
	case mount == "" || !below:
		return place{}, &secrets.Error{Op: op, Err: secrets.ErrMissing, Why: "no engine is mounted there", Help: "vault secrets list shows the mounts"}
	case version == "none":
		return place{}, &secrets.Error{Op: op, Err: secrets.ErrRefused, Why: "the engine at " + mount + " is no key-value engine", Help: "vault secrets enable -path=kv kv-v2"}
	case version != "2":
		return place{}, &secrets.Error{Op: op, Err: secrets.ErrRefused, Why: "the key-value engine at " + mount + " is of version 1, which has no check-and-set", Help: "vault kv enable-versioning " + mount + "; or name a mount of version 2"}
	}
	s.mu.Lock()
	s.mounts[mount] = version
	s.mu.Unlock()
	return place{mount, rest}, nil
}

// may asks what these credentials are allowed to do at a place.
func (s *Store) may(ctx context.Context, at place, wanted ...string) error {
	var answer *api.Secret
	op := "ask what is allowed at " + at.String()
	err := s.call(ctx, op, func(ctx context.Context, c *api.Client) error {
		var err error
		answer, err = c.Logical().WriteWithContext(ctx, "sys/capabilities-self", map[string]any{"paths": []string{at.data()}})
		return err
	})
	if errors.Is(err, secrets.ErrForbidden) {
		return nil // a policy without the default one: the write itself will tell
	}
	if err != nil || answer == nil {
		return err
	}
	have, _ := answer.Data["capabilities"].([]any)
	for _, w := range wanted {
		if !has(have, w) && !has(have, "root") {
			return forbidden("write "+at.String(), at, w)
		}
	}
	return nil
}

func has(list []any, word string) bool {
	for _, x := range list {
		if x == word {
			return true
		}
	}
	return false
}

func forbidden(op string, at place, capability string) error {
	return &secrets.Error{
		Op: op, Err: secrets.ErrForbidden, Why: fmt.Sprintf("capability %q on %s", capability, at.data()),
		Help: fmt.Sprintf(`a policy must say: path "%s/*" { capabilities = ["create", "read"] }`, path.Dir(at.data())),
	}
}
