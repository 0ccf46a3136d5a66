package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"

	"rehome.dev/rehome/internal/inventory"
)

// mostIncluded bounds the files that one configuration draws in.
const mostIncluded = 500

// nginx reads one main configuration with everything that it includes.
func (r *reading) nginx(main string) []inventory.Proxy {
	host, err := r.host(main)
	if err != nil || !exists(host) {
		return nil
	}
	opened := 0
	payload, err := crossplane.Parse(main, &crossplane.ParseOptions{
		SkipDirectiveArgsCheck: true, SkipDirectiveContextCheck: true, Glob: r.glob,
		Open: func(name string) (io.ReadCloser, error) {
			if opened++; opened > mostIncluded {
				return nil, errMuch
			}
			host, err := r.host(name)
			if err != nil {
				return nil, err
			}
			c, err := r.read(host)
			return io.NopCloser(strings.NewReader(string(c.data))), err
		},
	})
	if err != nil {
		why := unreadable // the parser's own words quote the file
		if strings.Contains(err.Error(), "include cycle") {
			why = "its files include one another in a circle"
		}
		r.scope.Gaps.Add(inventory.SubjectProxies, main, why)
		return nil
	}
	n := nginxConfig{payload: payload, upstreams: map[string]upstream{}}
	for _, e := range payload.Errors {
		r.scope.Gaps.Add(inventory.SubjectProxies, inventory.Name(e.File), nginxError(e))
	}
	if len(payload.Config) > 0 {
		n.upstreamsOf(0, payload.Config[0].Parsed, 0)
		n.serversOf(0, payload.Config[0].Parsed, 0)
	}
	for _, at := range n.variable {
		r.scope.Gaps.Add(inventory.SubjectProxies, at, "where it leads is decided by a variable")
	}
	return merged(n.found)
}

const unreadable = "cannot be read as configuration of nginx"

// nginxError says what is wrong in a file without quoting it.
func nginxError(e crossplane.PayloadError) string {
	what := unreadable
	if path := (*fs.PathError)(nil); errors.As(e.Error, &path) {
		what = path.Err.Error()
	}
	if e.Line == nil {
		return what
	}
	return fmt.Sprintf("line %d: %s", *e.Line, what)
}

// upstream is a group of servers.
type upstream struct {
	servers []string
	sticky  string
}

// nginxConfig follows the includes of a parsed configuration.
type nginxConfig struct {
	payload   *crossplane.Payload
	upstreams map[string]upstream
	found     []inventory.Proxy
	variable  []string
}

// included are the files that a directive draws in, by index.
func (n *nginxConfig) included(d *crossplane.Directive) []int {
	return slices.DeleteFunc(slices.Clone(d.Includes), func(i int) bool { return i >= len(n.payload.Config) })
}

func (n *nginxConfig) upstreamsOf(file int, block crossplane.Directives, deep int) {
	for _, d := range block {
		switch {
		case deep > deepest:
			return
		case d.IsInclude():
			for _, i := range n.included(d) {
				n.upstreamsOf(i, n.payload.Config[i].Parsed, deep+1)
			}
		case d.Directive == "upstream" && len(d.Args) > 0:
			var u upstream
			n.fill(&u, d.Block, 0)
			n.upstreams[d.Args[0]] = u
		case d.Directive == "http" || d.Directive == "stream":
			n.upstreamsOf(file, d.Block, deep+1)
		}
	}
}

func (n *nginxConfig) fill(u *upstream, block crossplane.Directives, deep int) {
	for _, d := range block {
		switch {
		case deep > deepest:
			return
		case d.IsInclude():
			for _, i := range n.included(d) {
				n.fill(u, n.payload.Config[i].Parsed, deep+1)
			}
		case d.Directive == "server" && len(d.Args) > 0:
			if b, known := backendOf(d.Args[0]); known {
				u.servers = append(u.servers, b)
			}
		case d.Directive == "ip_hash", d.Directive == "hash", strings.HasPrefix(d.Directive, "sticky"):
			u.sticky = strings.TrimSpace(d.Directive + " " + strings.Join(d.Args, " "))
		}
	}
}

// nginxServer is a server block: where it listens, and what leads on from it.
type nginxServer struct {
	listens []string
	tls     bool
	passes  []pass
}

type pass struct {
	target string
	file   string
	line   int
}

func (n *nginxConfig) serversOf(file int, block crossplane.Directives, deep int) {
	for _, d := range block {
		switch {
		case deep > deepest:
			return
		case d.IsInclude():
			for _, i := range n.included(d) {
				n.serversOf(i, n.payload.Config[i].Parsed, deep+1)
			}
		case d.Directive == "server":
			var s nginxServer
			n.read(&s, file, d.Block, 0)
			n.lead(s)
		case d.Directive == "http" || d.Directive == "stream":
			n.serversOf(file, d.Block, deep+1)
		}
	}
}

// passing are the directives that hand a request on.
var passing = []string{"proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"}

func (n *nginxConfig) read(s *nginxServer, file int, block crossplane.Directives, deep int) {
	for _, d := range block {
		switch {
		case deep > deepest:
			return
		case d.IsInclude():
			for _, i := range n.included(d) {
				n.read(s, i, n.payload.Config[i].Parsed, deep+1)
			}
		case d.Directive == "listen" && len(d.Args) > 0:
			s.listens = append(s.listens, d.Args[0])
			s.tls = s.tls || slices.Contains(d.Args, "ssl") || slices.Contains(d.Args, "quic")
		case d.Directive == "ssl" && len(d.Args) > 0 && d.Args[0] == "on":
			s.tls = true
		case slices.Contains(passing, d.Directive) && len(d.Args) > 0:
			s.passes = append(s.passes, pass{d.Args[0], path.Clean(n.payload.Config[file].File), d.Line})
		case d.IsBlock():
			n.read(s, file, d.Block, deep+1)
		}
	}
}

// lead turns what a server passes on into proxies, through its upstreams.
func (n *nginxConfig) lead(s nginxServer) {
	for _, p := range s.passes {
		proxy := inventory.Proxy{Kind: "nginx", File: p.file, Line: p.line, Listens: strings.Join(s.listens, ", "), TLS: s.tls}
		name := p.target
		if _, rest, is := strings.Cut(name, "://"); is {
			name = rest
		}
		name, _, _ = strings.Cut(name, "/")
		if u, is := n.upstreams[name]; is {
			proxy.Backends, proxy.Sticky = u.servers, u.sticky
		} else if b, known := backendOf(p.target); known {
			proxy.Backends = []string{b}
		} else {
			n.variable = append(n.variable, fmt.Sprintf("%s:%d", inventory.Name(p.file), p.line))
			continue
		}
		proxy.Backends = slices.Clone(proxy.Backends)
		n.found = append(n.found, proxy)
	}
}
