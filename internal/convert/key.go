package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// longestKey and the letters of a key are those of IsConfigMapKey in Kubernetes.
const longestKey = 253

func keyByte(c byte) bool {
	return c == '-' || c == '.' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// keyOf is a path in the letters of keys, and whether it is the path itself.
func keyOf(at string) (key string, same bool) {
	b := []byte(at)
	for i, c := range b {
		if !keyByte(c) {
			b[i] = '_'
		}
	}
	if strings.HasPrefix(at, "..") || at == "." {
		b[0] = '_'
	}
	if len(b) > longestKey {
		return withHash(string(b), at, 8), false
	}
	return string(b), string(b) == at
}

// withHash ends a key with a part of the path's hash.
func withHash(key, at string, digits int) string {
	sum := sha256.Sum256([]byte(at))
	end := "-" + hex.EncodeToString(sum[:])[:digits]
	return key[:min(len(key), longestKey-len(end))] + end
}

// assignKeys gives each unit a key that no other one has. A path that is a key keeps
// it; of those that are not, all that would share one are told apart by their hashes,
// so that no key depends on the order.
func assignKeys(units []*unit) {
	wanted := map[string]int{}
	taken := map[string]bool{}
	for _, u := range units {
		key, same := keyOf(u.source.entry.Path)
		if same {
			taken[key] = true
			u.key = key
			continue
		}
		wanted[key]++
	}
	var clashing []*unit
	for _, u := range units {
		if u.key != "" {
			continue
		}
		key, _ := keyOf(u.source.entry.Path)
		if wanted[key] > 1 || taken[key] {
			clashing = append(clashing, u)
			continue
		}
		u.key = key
	}
	for _, u := range units {
		taken[u.key] = true
	}
	slices.SortFunc(clashing, func(a, b *unit) int { return strings.Compare(a.source.entry.Path, b.source.entry.Path) })
	for _, u := range clashing {
		at := u.source.entry.Path
		key, _ := keyOf(at)
		for digits := 8; u.key == "" || taken[u.key]; digits += 8 {
			u.key = withHash(key, at, digits)
		}
		taken[u.key] = true
	}
}
