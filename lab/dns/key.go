package dns

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
)

// KeyAlgorithm is the TSIG algorithm of every key in the lab (RFC 8945, section 6).
const KeyAlgorithm = "hmac-sha256"

// Key is a TSIG key: who may update the zone.
type Key struct {
	Name   string // without the final dot, as BIND's configuration has it
	secret string // base64
}

// NewKey makes a key of 256 random bits.
func NewKey(name string) Key {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: it ends the process where there is no randomness
	return Key{Name: name, secret: base64.StdEncoding.EncodeToString(raw)}
}

// Secret is the shared secret in base64.
func (k Key) Secret() string { return k.secret }

// Format keeps the secret out of every log and error, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) {
	io.WriteString(f, "TSIG key "+k.Name)
}

// WriteSecret writes the bare base64 secret, readable by its owner only.
func (k Key) WriteSecret(path string) error {
	if err := os.WriteFile(path, []byte(k.secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the TSIG secret: %w", err)
	}
	return nil
}

// WriteClause writes the key as BIND's key clause, which named includes and `nsupdate -k` reads.
func (k Key) WriteClause(path string) error {
	clause := fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", k.Name, KeyAlgorithm, k.secret)
	if err := os.WriteFile(path, []byte(clause), 0o600); err != nil {
		return fmt.Errorf("write the TSIG key clause: %w", err)
	}
	return nil
}
