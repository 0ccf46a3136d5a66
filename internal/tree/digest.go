package tree

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// Digest is one hash (SHA-256, hex) of all that Compare would compare with the same
// options: trees without a difference have the same digest, trees with one have
// not. It is "" where an entry could not be read or a file was not hashed: what is
// not known has no digest. AllowExtra has no meaning here.
func Digest(t Tree, o CompareOptions) string {
	sum := sha256.New()
	for _, e := range o.view(t) {
		if e.Err != "" || e.Kind == File && e.SHA256 == "" {
			return ""
		}
		text(sum, e.Path)
		text(sum, string(e.Kind))
		switch e.Kind {
		case File:
			number(sum, e.Size)
			text(sum, e.SHA256)
		case Link:
			text(sum, e.Target)
			continue
		}
		if e.Path == "." {
			continue
		}
		if o.Modes {
			number(sum, int64(e.Mode))
		}
		if o.Owners {
			number(sum, e.UID)
			number(sum, e.GID)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// text and number write what no other sequence of them writes.

func text(h hash.Hash, s string) {
	number(h, int64(len(s)))
	_, _ = h.Write([]byte(s)) // a hash takes everything
}

func number(h hash.Hash, n int64) {
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
}
