// Package vaulttest is a fake of a HashiCorp Vault for tests: the part of its HTTP
// API that a client of key-value secrets needs, built from the public documentation
// of that API (developer.hashicorp.com/vault/api-docs: system/internal-ui-mounts,
// system/capabilities-self, auth/token, auth/approle, auth/kubernetes, secret/kv/kv-v2,
// and the status codes). It was never compared with a real one: what the
// documentation leaves open it may do differently.
//
// It knows nothing of a client.
package vaulttest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Root is a token that may do everything.
const Root = "hvs.root-token-of-the-fake"

// Server is one vault. Its fields may be changed while nobody asks it; its methods
// are safe at any time.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	now      time.Time
	mounts   map[string]string              // "kv" -> "2"; "pki" -> "none"
	policies map[string]map[string][]string // policy -> path prefix -> capabilities
	tokens   map[string]*token
	roles    map[string]approle           // by role id
	pods     map[string]map[string]string // role -> accepted token of a pod -> policy
	secrets  map[string][]version         // by mount/path
	sealed   bool
	echo     bool
	writes   int
	sent     strings.Builder
	asked    []string
	race     func()
}

type token struct {
	policy  string
	expires time.Time // zero is never
}

type approle struct {
	secretID, policy string
	uses             int // left; below 0 is without an end
	ttl              time.Duration
}

type version struct {
	data    map[string]any
	created time.Time
	deleted time.Time
}

// Start starts a vault with a key-value engine of version 2 at kv, one of version 1
// at old, another kind of engine at pki, and the token Root.
func Start(t testing.TB) *Server {
	s := &Server{
		now:      time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		mounts:   map[string]string{"kv": "2", "team/kv": "2", "old": "1", "pki": "none"},
		policies: map[string]map[string][]string{"root": {"": {"root"}}},
		tokens:   map[string]*token{Root: {policy: "root"}},
		roles:    map[string]approle{}, pods: map[string]map[string]string{}, secrets: map[string][]version{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *Server) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// Policy makes or replaces a policy: capabilities by the prefix of a path.
func (s *Server) Policy(name string, paths map[string][]string) {
	s.locked(func() { s.policies[name] = paths })
}

// Token makes a token with a policy. A ttl of 0 is without an end.
func (s *Server) Token(name, policy string, ttl time.Duration) {
	s.locked(func() { s.tokens[name] = s.token(policy, ttl) })
}

func (s *Server) token(policy string, ttl time.Duration) *token {
	t := &token{policy: policy}
	if ttl > 0 {
		t.expires = s.now.Add(ttl)
	}
	return t
}

// AppRole makes a role whose secret id can be used so many times.
func (s *Server) AppRole(roleID, secretID, policy string, uses int, ttl time.Duration) {
	s.locked(func() { s.roles[roleID] = approle{secretID, policy, uses, ttl} })
}

// PodRole makes a role of the method kubernetes that accepts one pod's token.
func (s *Server) PodRole(role, jwt, policy string) {
	s.locked(func() { s.pods[role] = map[string]string{jwt: policy} })
}

// Seal seals it.
func (s *Server) Seal() { s.locked(func() { s.sealed = true }) }

// Echo has it refuse every write of a secret, and repeat what it was sent.
func (s *Server) Echo() { s.locked(func() { s.echo = true }) }

// Advance moves its clock.
func (s *Server) Advance(d time.Duration) { s.locked(func() { s.now = s.now.Add(d) }) }

// Now is its clock.
func (s *Server) Now() (now time.Time) { s.locked(func() { now = s.now }); return now }

// Race has somebody do something between the next look at a secret and what follows.
func (s *Server) Race(do func()) { s.locked(func() { s.race = do }) }

// Write writes a new version of a secret, as somebody else.
func (s *Server) Write(path string, data map[string]string) {
	s.locked(func() {
		m := map[string]any{}
		for k, v := range data {
			m[k] = v
		}
		s.secrets[path] = append(s.secrets[path], version{data: m, created: s.now})
	})
}

// Delete deletes the last version of a secret.
func (s *Server) Delete(path string) {
	s.locked(func() { v := s.secrets[path]; v[len(v)-1].deleted = s.now })
}

// Holds is the last version of a secret, nil where there is none.
func (s *Server) Holds(path string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.secrets[path]
	if len(v) == 0 || !v[len(v)-1].deleted.IsZero() {
		return nil
	}
	out := map[string]string{}
	for k, x := range v[len(v)-1].data {
		out[k], _ = x.(string)
	}
	return out
}

// Versions is how many versions a secret has.
func (s *Server) Versions(path string) (n int) {
	s.locked(func() { n = len(s.secrets[path]) })
	return n
}

// Writes is how many versions clients wrote.
func (s *Server) Writes() (n int) { s.locked(func() { n = s.writes }); return n }

// Sent is every body that it was sent.
func (s *Server) Sent() (text string) { s.locked(func() { text = s.sent.String() }); return text }

// Asked is every request, as "METHOD path".
func (s *Server) Asked() (lines []string) {
	s.locked(func() { lines = slices.Clone(s.asked) })
	return lines
}

// Tokens are those that it knows.
func (s *Server) Tokens() (names []string) {
	s.locked(func() {
		for n := range s.tokens {
			names = append(names, n)
		}
	})
	return names
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.Write(body)
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	s.asked = append(s.asked, r.Method+" "+path)
	if s.sealed {
		fail(w, 503, "Vault is sealed")
		return
	}
	switch path {
	case "auth/approle/login":
		s.loginAppRole(w, body)
		return
	case "auth/kubernetes/login":
		s.loginPod(w, body)
		return
	}
	t := s.tokens[r.Header.Get("X-Vault-Token")]
	if t == nil || !t.expires.IsZero() && !s.now.Before(t.expires) {
		fail(w, 403, "permission denied")
		return
	}
	switch {
	case path == "auth/token/lookup-self":
		send(w, 200, map[string]any{"data": map[string]any{"policies": []string{t.policy}, "ttl": int(max(0, t.expires.Sub(s.now).Seconds()))}})
	case path == "auth/token/revoke-self":
		delete(s.tokens, r.Header.Get("X-Vault-Token"))
		w.WriteHeader(204)
	case path == "sys/capabilities-self":
		s.capabilities(w, t, body)
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		s.mount(w, t, strings.TrimPrefix(path, "sys/internal/ui/mounts/"))
	default:
		s.engine(w, r.Method, t, path, body)
	}
}

// may are a token's capabilities at a path: those of the longest prefix that fits.
func (s *Server) may(t *token, path string) []string {
	best, out := -1, []string{"deny"}
	for prefix, capabilities := range s.policies[t.policy] {
		if strings.HasPrefix(path, prefix) && len(prefix) > best {
			best, out = len(prefix), capabilities
		}
	}
	return out
}

func (s *Server) allowed(t *token, path, capability string) bool {
	have := s.may(t, path)
	return slices.Contains(have, capability) || slices.Contains(have, "root")
}

func (s *Server) capabilities(w http.ResponseWriter, t *token, body []byte) {
	var in struct{ Paths []string }
	if json.Unmarshal(body, &in) != nil || len(in.Paths) == 0 {
		fail(w, 400, "paths must be supplied")
		return
	}
	out := map[string]any{}
	for _, p := range in.Paths {
		out[p] = s.may(t, p)
	}
	if len(in.Paths) == 1 {
		out["capabilities"] = s.may(t, in.Paths[0])
	}
	send(w, 200, map[string]any{"data": out})
}

// mount tells the mount of a path to who may do something below it.
func (s *Server) mount(w http.ResponseWriter, t *token, path string) {
	mount, kind := s.mountOf(path)
	visible := false
	for prefix, capabilities := range s.policies[t.policy] {
		visible = visible || (prefix == "" || strings.HasPrefix(prefix, mount+"/")) && !slices.Contains(capabilities, "deny")
	}
	if mount == "" || !visible {
		fail(w, 403, "preflight capability check returned 403, please ensure client's policies grant access to path \""+path+"/\"")
		return
	}
	data := map[string]any{"path": mount + "/", "type": "kv", "options": map[string]any{"version": kind}}
	if kind == "none" {
		data = map[string]any{"path": mount + "/", "type": mount, "options": nil}
	}
	send(w, 200, map[string]any{"data": data})
}

func (s *Server) mountOf(path string) (mount, kind string) {
	for m, k := range s.mounts {
		if strings.HasPrefix(path, m+"/") && len(m) > len(mount) {
			mount, kind = m, k
		}
	}
	return mount, kind
}

func send(w http.ResponseWriter, code int, v map[string]any) {
	v["request_id"], v["lease_id"], v["renewable"], v["lease_duration"] = "fake", "", false, 0
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, code int, errors ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if errors == nil {
		errors = []string{}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": errors})
}

func random() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

func (s *Server) loginAppRole(w http.ResponseWriter, body []byte) {
	var in struct {
		RoleID   string `json:"role_id"`
		SecretID string `json:"secret_id"`
	}
	_ = json.Unmarshal(body, &in)
	role, ok := s.roles[in.RoleID]
	if !ok || role.secretID != in.SecretID || role.uses == 0 {
		fail(w, 400, "invalid role or secret ID: "+in.SecretID)
		return
	}
	role.uses--
	s.roles[in.RoleID] = role
	s.loggedIn(w, role.policy, role.ttl)
}

func (s *Server) loginPod(w http.ResponseWriter, body []byte) {
	var in struct{ Role, JWT string }
	_ = json.Unmarshal(body, &in)
	accepted, ok := s.pods[in.Role]
	if !ok {
		fail(w, 400, fmt.Sprintf("invalid role name %q", in.Role))
		return
	}
	policy, ok := accepted[in.JWT]
	if !ok {
		fail(w, 403, "permission denied")
		return
	}
	s.loggedIn(w, policy, time.Hour)
}

func (s *Server) loggedIn(w http.ResponseWriter, policy string, ttl time.Duration) {
	name := "hvs." + random()
	s.tokens[name] = s.token(policy, ttl)
	send(w, 200, map[string]any{"auth": map[string]any{"client_token": name, "policies": []string{policy}, "lease_duration": int(ttl.Seconds()), "renewable": true}})
}
