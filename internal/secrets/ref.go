package secrets

import (
	"fmt"
	"path"
	"strings"
)

// Ref names one value in a vault: one key of what is kept at a path. Whether the
// first part of the path is a mount, only the vault knows.
type Ref struct {
	Path string // "kv/apps/bank", with its mount
	Key  string
}

// refScheme begins a reference.
const refScheme = "vault:"

// IsRef says whether a text is meant as a reference.
func IsRef(text string) bool { return strings.HasPrefix(text, refScheme) }

// ParseRef reads vault:MOUNT/PATH#KEY. An error does not repeat the text: what is no
// reference may be a secret.
func ParseRef(text string) (Ref, error) {
	const want = "write vault:MOUNT/PATH#KEY"
	rest, ok := strings.CutPrefix(text, refScheme)
	if !ok {
		return Ref{}, fmt.Errorf("it is no reference to a vault: %s", want)
	}
	p, key, ok := strings.Cut(rest, "#")
	if !ok || key == "" {
		return Ref{}, fmt.Errorf("the reference names no key: %s", want)
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '?' }) {
		return Ref{}, fmt.Errorf("the reference has a character that no path has: %s", want)
	}
	clean := strings.Trim(p, "/")
	if clean == "" || path.Clean(clean) != clean || strings.HasPrefix(clean, "..") || !strings.Contains(clean, "/") {
		return Ref{}, fmt.Errorf("the reference names no path below a mount: %s", want)
	}
	return Ref{Path: clean, Key: key}, nil
}

// String is the reference as it is written.
func (r Ref) String() string { return refScheme + r.Path + "#" + r.Key }
