package sweep

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// globs are the patterns of what is left out. A pattern with a slash is a path from
// where the sweep begins, one without is a name at any depth. "*" and "?" stay within a
// name, "**" goes over several; whatever stands below a directory that fits is left out
// with it.
type globs []glob

type glob struct {
	expr  *regexp.Regexp
	names bool
}

// ErrPattern is a pattern that is none.
var ErrPattern = errors.New("no pattern")

func parseGlobs(patterns []string) (globs, error) {
	var out globs
	for _, p := range patterns {
		text := strings.Trim(strings.TrimPrefix(p, "./"), "/")
		expr, err := regexp.Compile("(?s)^" + globExpr(text) + "$")
		if text == "" || err != nil {
			return nil, fmt.Errorf("%q is %w", p, ErrPattern)
		}
		out = append(out, glob{expr, !strings.Contains(strings.TrimPrefix(p, "/"), "/") && !strings.HasPrefix(p, "/")})
	}
	return out, nil
}

func globExpr(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[':
			end := strings.IndexByte(pattern[i:], ']')
			if end < 2 {
				b.WriteString(`\[`)
				continue
			}
			set := pattern[i+1 : i+end]
			set = strings.ReplaceAll(strings.ReplaceAll(set, `\`, `\\`), "[", `\[`)
			if rest, not := strings.CutPrefix(set, "!"); not {
				set = "^" + rest
			}
			b.WriteString("[" + set + "]")
			i += end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}

// match says whether a path or a directory above it is left out. It has slashes.
func (g globs) match(path string) bool {
	if len(g) == 0 || path == "." {
		return false
	}
	path = strings.TrimPrefix(path, "/")
	for end := 0; end <= len(path); end++ {
		if end < len(path) && path[end] != '/' {
			continue
		}
		part := path[:end]
		for _, one := range g {
			of := part
			if one.names {
				of = part[strings.LastIndexByte(part, '/')+1:]
			}
			if one.expr.MatchString(of) {
				return true
			}
		}
	}
	return false
}
