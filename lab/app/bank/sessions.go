package bank

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// sessions tells who a request belongs to.
type sessions interface {
	open(customer string) (token string, err error)
	customer(token string) (name string, found bool)
}

var customerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// fileSessions keeps one file per session: whoever is asked on another machine
// does not know it.
type fileSessions struct{ dir string }

func (s fileSessions) open(customer string) (string, error) {
	token := rand.Text()
	if err := os.WriteFile(s.file(token), []byte(customer), 0o600); err != nil {
		return "", fmt.Errorf("store the session: %w", err)
	}
	return token, nil
}

func (s fileSessions) customer(token string) (string, bool) {
	if token != filepath.Base(token) {
		return "", false
	}
	name, err := os.ReadFile(s.file(token))
	return string(name), err == nil
}

func (s fileSessions) file(token string) string { return filepath.Join(s.dir, "sess_"+token) }

// memorySessions forgets every session when the process ends, and no other process
// knows any of them.
type memorySessions struct {
	mu    *sync.Mutex
	known map[string]string
}

func newMemorySessions() memorySessions {
	return memorySessions{mu: &sync.Mutex{}, known: map[string]string{}}
}

func (s memorySessions) open(customer string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := rand.Text()
	s.known[token] = customer
	return token, nil
}

func (s memorySessions) customer(token string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, found := s.known[token]
	return name, found
}

// signedSessions keeps nothing: the cookie says who it is, signed with a key that
// all replicas share.
type signedSessions struct{ key Secret }

func (s signedSessions) open(customer string) (string, error) {
	return customer + "." + s.sign(customer), nil
}

func (s signedSessions) customer(token string) (string, bool) {
	name, signature, found := strings.Cut(token, ".")
	if !found || !hmac.Equal([]byte(signature), []byte(s.sign(name))) {
		return "", false
	}
	return name, true
}

func (s signedSessions) sign(customer string) string {
	mac := hmac.New(sha256.New, []byte(s.key))
	mac.Write([]byte("session:" + customer))
	return hex.EncodeToString(mac.Sum(nil))
}
