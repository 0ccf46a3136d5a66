package scope

import (
	"strconv"
	"strings"
)

// Unescape puts back what the kernel writes as \NNN in mountinfo and its like
// (proc_pid_mountinfo(5)): blanks, tabs, line feeds and backslashes.
func Unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
