package accesslog

import (
	"strings"
	"time"
)

// bracketed reads what common, combined and Tomcat's patterns share:
//
//	[vhost] client ident user [time] "request" status bytes …
//
// What follows may be quoted (referrer, agent, forwarded-for) or bare; a time taken is
// the first bare number of it, or the first word named as one (rt=0.012).
func (p Parser) bracketed(line string) (Entry, bool) {
	open := strings.Index(line, " [")
	if open <= 0 {
		return Entry{}, false
	}
	e := Entry{Client: clientOf(line[:open])}
	rest := line[open+2:]
	end := strings.IndexByte(rest, ']')
	if end < 0 || end+2 >= len(rest) || rest[end+1] != ' ' || rest[end+2] != '"' {
		return Entry{}, false
	}
	var ok bool
	if e.At, ok = clf(rest[:end], p.Zone); !ok || e.Client == "" {
		return Entry{}, false
	}
	rest = rest[end+2:]
	n := quoted(rest)
	if n < 0 {
		return Entry{}, false
	}
	status, rest := word(rest[n:])
	bytes, rest := word(rest)
	if e.Status, ok = statusOf(status); !ok {
		return Entry{}, false
	}
	if e.Bytes, ok = digits(bytes); !ok && bytes != "-" {
		return Entry{}, false
	}
	e.Latency, e.Timed = p.taken(rest)
	return e, true
}

// clientOf is the third word from the end, the words being [vhost] client ident user.
func clientOf(head string) string {
	for range 2 {
		i := strings.LastIndexByte(head, ' ')
		if i < 0 {
			return ""
		}
		head = strings.TrimRight(head[:i], " ")
	}
	return head[strings.LastIndexByte(head, ' ')+1:]
}

// quoted is the length of the string in quotes with which s begins, or -1. Apache
// escapes a quote inside with a backslash, nginx as \x22.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func word(s string) (string, string) {
	i := 0
	for i < len(s) && s[i] == ' ' {
		i++
	}
	s = s[i:]
	if end := strings.IndexByte(s, ' '); end >= 0 {
		return s[:end], s[end:]
	}
	return s, ""
}

// hasAgent says whether two quoted strings follow the request.
func hasAgent(line string) bool {
	return strings.Count(strings.ReplaceAll(line, `\"`, ""), `"`) >= 6
}

func (p Parser) taken(rest string) (time.Duration, bool) {
	for {
		for len(rest) > 0 && rest[0] == ' ' {
			rest = rest[1:]
		}
		if rest == "" {
			return 0, false
		}
		if rest[0] == '"' {
			n := quoted(rest)
			if n < 0 {
				return 0, false
			}
			rest = rest[n:]
			continue
		}
		var w string
		w, rest = word(rest)
		if i := strings.IndexByte(w, '='); i > 0 && namesTime(w[:i]) {
			w = strings.Trim(w[i+1:], `",;`)
		}
		if d, ok := p.number(w); ok {
			return d, true
		}
		if _, whole := digits(w); whole {
			return 0, false
		}
	}
}

func namesTime(key string) bool {
	switch strings.ToLower(key) {
	case "rt", "request_time", "reqtime", "time", "duration", "took":
		return true
	}
	return false
}

// number reads seconds with a decimal point, or a whole number of units.
func (p Parser) number(w string) (time.Duration, bool) {
	whole, fraction, decimal := strings.Cut(w, ".")
	n, ok := digits(whole)
	if !ok {
		return 0, false
	}
	if !decimal {
		if p.Unit == 0 || n > int64(longest/p.Unit) {
			return 0, false
		}
		return time.Duration(n) * p.Unit, true
	}
	if n > int64(longest/time.Second) || fraction == "" {
		return 0, false
	}
	d, unit := time.Duration(n)*time.Second, time.Second
	for i := range len(fraction) {
		if fraction[i] < '0' || fraction[i] > '9' {
			return 0, false
		}
		unit /= 10
		d += time.Duration(fraction[i]-'0') * unit
	}
	return d, true
}

// longest is longer than any request lasts: a number above it is none of a time.
const longest = 7 * 24 * time.Hour

func statusOf(w string) (int, bool) {
	n, ok := digits(w)
	if !ok || n != 0 && (n < 100 || n > 999) || len(w) > 3 {
		return 0, w == "-"
	}
	return int(n), true
}

// digits reads up to 18 of them.
func digits(w string) (int64, bool) {
	if w == "" || len(w) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(w) {
		if w[i] < '0' || w[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(w[i]-'0')
	}
	return n, true
}
