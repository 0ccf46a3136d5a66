package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// apacheConfig is one reading of a configuration of Apache httpd.
type apacheConfig struct {
	*reading
	root      string // ServerRoot
	listens   []string
	hosts     []*apacheHost
	balancers map[string]*upstream
	included  int
}

// apacheHost is a virtual host, or the server outside of all of them.
type apacheHost struct {
	listens []string
	tls     bool
	passes  []pass
	sticky  map[string]string // of a ProxyPass, by target
}

// apache reads one main configuration with everything that it includes.
func (r *reading) apache(main string) []inventory.Proxy {
	host, err := r.host(main)
	if err != nil || !exists(host) {
		return nil
	}
	a := apacheConfig{reading: r, root: path.Dir(main), balancers: map[string]*upstream{}}
	if path.Base(a.root) == "conf" {
		a.root = path.Dir(a.root)
	}
	a.hosts = []*apacheHost{{sticky: map[string]string{}}}
	a.file(main, &apacheAt{host: a.hosts[0]}, 0)
	var out []inventory.Proxy
	for i, h := range a.hosts {
		if i == 0 {
			h.listens = a.listens
		}
		out = append(out, a.lead(h)...)
	}
	return merged(out)
}

// apacheAt is where in the nested sections one is.
type apacheAt struct {
	host     *apacheHost
	balancer string // of <Proxy balancer://…>
}

// file reads one file and those that it includes.
func (a *apacheConfig) file(name string, at *apacheAt, deep int) {
	if a.included++; deep > deepest || a.included > mostIncluded {
		a.scope.Gaps.Add(inventory.SubjectProxies, inventory.Name(name), "includes too many files")
		return
	}
	text, ok := a.proxyFile(name)
	if !ok {
		return
	}
	n, first := 0, 0
	whole := ""
	for line := range strings.Lines(text) {
		n++
		if whole == "" {
			first = n
		}
		line = strings.TrimSpace(line)
		if more, goesOn := strings.CutSuffix(line, `\`); goesOn {
			whole += more + " "
			continue
		}
		line, whole = whole+line, ""
		if words := haproxyWords(line); len(words) > 0 {
			a.directive(words, pass{file: name, line: first}, at, deep)
		}
	}
}

func (a *apacheConfig) directive(words []string, here pass, at *apacheAt, deep int) {
	argument := ""
	if len(words) > 1 {
		argument = strings.TrimSuffix(words[1], ">")
	}
	switch strings.ToLower(words[0]) {
	case "serverroot":
		a.root = argument
	case "listen":
		a.listens = append(a.listens, argument)
	case "include", "includeoptional":
		a.include(argument, at, deep)
	case "<virtualhost":
		at.host = &apacheHost{sticky: map[string]string{}}
		for _, w := range words[1:] {
			at.host.listens = append(at.host.listens, strings.TrimSuffix(w, ">"))
		}
		a.hosts = append(a.hosts, at.host)
	case "</virtualhost>":
		at.host = a.hosts[0]
	case "<proxy":
		at.balancer = argument
	case "</proxy>":
		at.balancer = ""
	case "sslengine":
		at.host.tls = strings.EqualFold(argument, "on")
	case "balancermember":
		a.member(words, at)
	case "proxyset":
		a.set(words, at)
	case "proxypass", "proxypassmatch":
		at.pass(words, here)
	case "sethandler":
		if target, is := strings.CutPrefix(argument, "proxy:"); is {
			here.target = target
			at.host.passes = append(at.host.passes, here)
		}
	case "rewriterule":
		if len(words) > 3 && rewritesToProxy(words[len(words)-1]) {
			here.target, _, _ = strings.Cut(words[2], "$")
			here.target, _, _ = strings.Cut(here.target, "%")
			at.host.passes = append(at.host.passes, here)
		}
	}
}

func (a *apacheConfig) include(pattern string, at *apacheAt, deep int) {
	if deep > deepest {
		return
	}
	if !path.IsAbs(pattern) {
		pattern = path.Join(a.root, pattern)
	}
	found, err := a.glob(pattern)
	if err != nil || strings.Contains(pattern, "${") {
		a.scope.Gaps.Add(inventory.SubjectProxies, inventory.Name(pattern), "what it includes is not known")
		return
	}
	for _, name := range found {
		if host, err := a.host(name); err == nil && isDir(host) { // a directory stands for all files below it
			a.include(path.Join(name, "*"), at, deep+1)
			continue
		}
		a.file(name, at, deep+1)
	}
}

func (a *apacheConfig) balancer(name string) *upstream {
	name = strings.TrimRight(name, "/")
	if a.balancers[name] == nil {
		a.balancers[name] = &upstream{}
	}
	return a.balancers[name]
}

// member is BalancerMember [balancer] url [route=…]; inside of <Proxy> without the
// first.
func (a *apacheConfig) member(words []string, at *apacheAt) {
	name := at.balancer
	rest := words[1:]
	if len(rest) > 0 && strings.HasPrefix(rest[0], "balancer://") {
		name, rest = rest[0], rest[1:]
	}
	if len(rest) == 0 || name == "" {
		return
	}
	if b, known := backendOf(rest[0]); known {
		u := a.balancer(name)
		u.servers = append(u.servers, b)
	}
}

// set is ProxySet [url] key=value …
func (a *apacheConfig) set(words []string, at *apacheAt) {
	name := at.balancer
	if len(words) > 1 && strings.HasPrefix(words[1], "balancer://") {
		name = words[1]
	}
	if s := stickySession(words); s != "" && name != "" {
		a.balancer(name).sticky = s
	}
}

func stickySession(words []string) string {
	for _, w := range words {
		if strings.HasPrefix(strings.ToLower(w), "stickysession=") {
			return w
		}
	}
	return ""
}

// pass is ProxyPass [path] target [key=value …]; inside of <Location> without the
// path.
func (at *apacheAt) pass(words []string, here pass) {
	for _, w := range words[1:min(len(words), 3)] {
		if strings.Contains(w, "://") || strings.HasPrefix(w, "unix:") {
			here.target = w
			at.host.passes = append(at.host.passes, here)
			if s := stickySession(words); s != "" {
				at.host.sticky[w] = s
			}
			return
		}
	}
}

func rewritesToProxy(flags string) bool {
	for f := range strings.SplitSeq(strings.Trim(flags, "[]"), ",") {
		if f == "P" || strings.EqualFold(f, "proxy") {
			return true
		}
	}
	return false
}

func (a *apacheConfig) lead(h *apacheHost) []inventory.Proxy {
	var out []inventory.Proxy
	for _, p := range h.passes {
		proxy := inventory.Proxy{Kind: "apache", File: p.file, Line: p.line, Listens: strings.Join(h.listens, ", "), TLS: h.tls, Sticky: h.sticky[p.target]}
		scheme, rest, _ := strings.Cut(p.target, "://")
		name, _, _ := strings.Cut(rest, "/")
		if scheme == "balancer" {
			u := a.balancer("balancer://" + name)
			proxy.Backends = slices.Clone(u.servers)
			if proxy.Sticky == "" {
				proxy.Sticky = u.sticky
			}
		} else if b, known := backendOf(p.target); known {
			proxy.Backends = []string{b}
		} else {
			a.scope.Gaps.Add(inventory.SubjectProxies, fmt.Sprintf("%s:%d", inventory.Name(p.file), p.line), "where it leads is decided by a variable")
			continue
		}
		out = append(out, proxy)
	}
	return out
}
