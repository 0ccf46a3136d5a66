package config

import (
	"net"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// haproxySection is a frontend, backend, listen or defaults section.
type haproxySection struct {
	kind, name string
	line       int
	binds      []string
	tls        bool
	uses       []string // backends of a frontend
	servers    []string
	sticky     string
}

// haproxy reads a configuration file of HAProxy: each backend is a proxy, with
// the addresses of the frontends that use it. Rate limits use stick-tables too, so
// that only what sends a client to its server again counts as sticky.
func haproxy(text, file string) []inventory.Proxy {
	sections := haproxySections(text)
	var out []inventory.Proxy
	for _, s := range sections {
		if len(s.servers) == 0 || s.kind == "frontend" || s.kind == "defaults" {
			continue
		}
		p := inventory.Proxy{Kind: "haproxy", File: file, Line: s.line, Backends: s.servers, Sticky: s.sticky, TLS: s.tls}
		listens := s.binds
		for _, f := range sections {
			if f.kind != "defaults" && slices.Contains(f.uses, s.name) {
				listens = append(listens, f.binds...)
				p.TLS = p.TLS || f.tls
			}
		}
		p.Listens = strings.Join(listens, ", ")
		out = append(out, p)
	}
	return out
}

func haproxySections(text string) []haproxySection {
	var out []haproxySection
	var defaults haproxySection
	n := 0
	for line := range strings.Lines(text) {
		n++
		words := haproxyWords(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "frontend", "backend", "listen", "defaults", "global", "userlist", "peers", "resolvers", "cache", "program", "ring", "mailers", "http-errors", "fcgi-app", "crt-store", "log-forward", "traces":
			s := haproxySection{kind: words[0], line: n}
			if words[0] == "backend" || words[0] == "listen" {
				s.sticky = defaults.sticky
			}
			if len(words) > 1 {
				s.name = words[1]
			}
			if s.kind == "listen" && len(words) > 2 { // an address behind the name, of old
				s.binds = []string{words[2]}
			}
			out = append(out, s)
			continue
		}
		if len(out) > 0 {
			last := &out[len(out)-1]
			last.directive(words)
			if last.kind == "defaults" {
				defaults = *last
			}
		}
	}
	return out
}

func (s *haproxySection) directive(words []string) {
	argument := ""
	if len(words) > 1 {
		argument = words[1]
	}
	switch words[0] {
	case "bind":
		s.binds = append(s.binds, argument)
		s.tls = s.tls || slices.Contains(words, "ssl")
	case "default_backend", "use_backend":
		s.uses = append(s.uses, argument)
	case "server":
		if len(words) > 2 {
			if b, known := haproxyServer(words[2]); known {
				s.servers = append(s.servers, b)
			}
		}
	case "balance":
		if argument == "source" || strings.HasPrefix(argument, "rdp-cookie") || strings.HasPrefix(argument, "hdr") || strings.HasPrefix(argument, "url_param") {
			s.sticky = strings.Join(words, " ")
		}
	case "cookie", "appsession":
		s.sticky = strings.Join(words, " ")
	case "stick":
		if s.sticky == "" || !strings.HasPrefix(s.sticky, "cookie") {
			s.sticky = strings.Join(words, " ")
		}
	}
}

// haproxyServer reads the address of a server; a family may stand before it.
func haproxyServer(address string) (string, bool) {
	for _, family := range []string{"ipv4@", "ipv6@", "tcp4@", "tcp6@", "tcp@"} {
		address = strings.TrimPrefix(address, family)
	}
	if strings.HasPrefix(address, "/") || strings.HasPrefix(address, "unix@") {
		return "unix:" + strings.TrimPrefix(address, "unix@"), true
	}
	if i := strings.LastIndexByte(address, ':'); i > 0 && strings.Count(address, ":") > 1 && !strings.HasPrefix(address, "[") {
		address = net.JoinHostPort(address[:i], address[i+1:]) // IPv6 without brackets
	}
	return backendOf(address)
}

// haproxyWords splits a line at blanks outside of quotes, up to a comment.
func haproxyWords(line string) []string {
	var out []string
	var word strings.Builder
	var quote byte
	flush := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	line = strings.TrimRight(line, "\r\n")
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '#':
			flush()
			return out
		case quote == 0 && (c == ' ' || c == '\t'):
			flush()
		default:
			word.WriteByte(c)
		}
	}
	flush()
	return out
}
