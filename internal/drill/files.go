package drill

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"path"
)

// join is the absolute path of an entry.
func join(root, p string) string { return path.Join(root, p) }

// hasher shows that two hashes differ. What is behind a plain hash of a short
// secret can be guessed; behind one with a key that nobody keeps, it cannot.
type hasher struct{ key [32]byte }

func newHasher() hasher {
	var h hasher
	_, _ = rand.Read(h.key[:])
	return h
}

// shown is a keyed hash of a hash, short.
func (h hasher) shown(sum string) string {
	mac := hmac.New(sha256.New, h.key[:])
	mac.Write([]byte(sum))
	return hex.EncodeToString(mac.Sum(nil))[:12]
}
