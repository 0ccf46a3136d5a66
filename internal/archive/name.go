package archive

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// longest is how long a file's name gets before its end is replaced by a
// digest; file systems allow 255 bytes, and endings are added.
const longest = 180

// fileName gives a name of letters, digits, '-', '.', '_', '%' and '~' that is
// no path and does not begin with a dot. Different names give different file
// names: a slash becomes '_', which names in Kubernetes do not have, and every
// other byte is written as %XX.
func fileName(name string) string {
	if name == "" {
		return "%"
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.' && i > 0:
			b.WriteByte(c)
		case c == '/' && i > 0:
			b.WriteByte('_')
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	out := b.String()
	if len(out) > longest {
		sum := sha256.Sum256([]byte(name))
		out = fmt.Sprintf("%s~%x", out[:longest-33], sum[:16])
	}
	return out
}
