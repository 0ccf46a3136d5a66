package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// proxies reads the configuration of the web servers and balancers of the
// machine, and keeps what leads to the application.
func (r *reading) proxies() []inventory.Proxy {
	var out []inventory.Proxy
	for _, name := range []string{"/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf", "/opt/nginx/conf/nginx.conf"} {
		out = append(out, r.nginx(name)...)
	}
	for _, name := range r.present("/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d/*.cfg") {
		if text, ok := r.proxyFile(name); ok {
			out = append(out, haproxy(text, name)...)
		}
	}
	for _, name := range []string{"/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf", "/usr/local/apache2/conf/httpd.conf", "/etc/apache2/httpd.conf"} {
		out = append(out, r.apache(name)...)
	}
	var ours []inventory.Proxy
	for _, p := range out {
		if !slices.ContainsFunc(p.Backends, r.ours) {
			continue
		}
		for i := range p.Backends {
			p.Backends[i] = inventory.Name(p.Backends[i])
		}
		p.File, p.Listens, p.Sticky = inventory.Name(p.File), inventory.Name(p.Listens), inventory.Name(p.Sticky)
		ours = append(ours, p)
	}
	return ours
}

// present are the names of files that are there, of patterns too.
func (r *reading) present(patterns ...string) []string {
	var out []string
	for _, p := range patterns {
		found, _ := r.glob(p)
		out = append(out, found...)
	}
	return out
}

// glob finds files of the machine. A pattern that is none is a mistake of whoever
// wrote it.
func (r *reading) glob(pattern string) ([]string, error) {
	if r.scope.Root == "" || r.scope.Root == "/" {
		return filepath.Glob(pattern)
	}
	found, err := filepath.Glob(filepath.Join(r.scope.Root, pattern))
	for i := range found {
		found[i] = r.in(found[i])
	}
	return found, err
}

// proxyFile reads a file of a proxy's configuration; what cannot be read may lead
// to the application.
func (r *reading) proxyFile(name string) (string, bool) {
	host, err := r.host(name)
	if err == nil {
		var c content
		if c, err = r.read(host); err == nil {
			return string(c.data), true
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		r.scope.Gaps.Add(inventory.SubjectProxies, inventory.Name(name), reason(err))
	}
	return "", false
}

// ours says whether a backend is the application: one of its listeners or unix
// sockets, by an address of this machine.
func (r *reading) ours(backend string) bool {
	if socket, is := strings.CutPrefix(backend, "unix:"); is {
		return slices.ContainsFunc(r.facts.Sockets, func(s inventory.UnixSocket) bool { return s.Listening && s.Path == path.Clean(socket) })
	}
	host, port, err := net.SplitHostPort(backend)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil {
		return false
	}
	for _, a := range r.addressesOf(host) {
		if n == r.scope.Request.Target.Port && n > 0 {
			return true
		}
		if slices.ContainsFunc(r.facts.Listeners, func(l inventory.Listener) bool { return l.Port == n && reaches(l, a) }) {
			return true
		}
	}
	return false
}

// reaches says whether a listener answers at an address of this machine.
func reaches(l inventory.Listener, a netip.Addr) bool {
	at, err := netip.ParseAddr(l.Address)
	return err != nil || at.IsUnspecified() || at.Unmap() == a.Unmap() || at.IsLoopback() && a.IsLoopback()
}

// addressesOf are the addresses of this machine that a name stands for.
func (r *reading) addressesOf(host string) []netip.Addr {
	loopback := netip.MustParseAddr("127.0.0.1")
	if a, err := netip.ParseAddr(host); err == nil {
		if a.IsLoopback() || a.IsUnspecified() || r.own.addresses[a] {
			return []netip.Addr{a}
		}
		return nil
	}
	if host == "localhost" {
		return []netip.Addr{loopback}
	}
	var out []netip.Addr
	for _, l := range hostLines(r.scope.Root) {
		if slices.Contains(l.names, host) && (l.address.IsLoopback() || r.own.addresses[l.address]) {
			out = append(out, l.address)
		}
	}
	if strings.EqualFold(host, r.facts.Host.Name) {
		for a := range r.own.addresses {
			out = append(out, a)
		}
		out = append(out, loopback)
	}
	return out
}

// backendOf gives host:port or unix:path of what a proxy is told to pass to: a
// URL, an address with or without a port. It says no where that is only known
// while it runs.
func backendOf(target string) (string, bool) {
	if strings.ContainsAny(target, "$%") || target == "" {
		return "", false
	}
	port := "80"
	if i := strings.Index(target, "unix:"); i >= 0 { // unix:/run/a.sock|fcgi://localhost, http://unix:/run/a.sock:/path
		socket := target[i+len("unix:"):]
		socket, _, _ = strings.Cut(socket, "|")
		socket, _, _ = strings.Cut(socket, ":")
		return "unix:" + socket, true
	}
	if scheme, rest, is := strings.Cut(target, "://"); is {
		ports := map[string]string{"https": "443", "wss": "443", "grpcs": "443", "ajp": "8009", "fcgi": "8000", "scgi": "4000", "uwsgi": "3031"}
		if p := ports[scheme]; p != "" {
			port = p
		}
		u, err := url.Parse("http://" + rest)
		if err != nil || u.Host == "" {
			return "", false
		}
		target = u.Host
	} else {
		target, _, _ = strings.Cut(target, "/")
	}
	if host, p, err := net.SplitHostPort(target); err == nil {
		return net.JoinHostPort(host, p), true
	}
	return net.JoinHostPort(strings.Trim(target, "[]"), port), true
}

// merged puts proxies together that lead from the same place to the same one.
func merged(all []inventory.Proxy) []inventory.Proxy {
	seen := map[string]bool{}
	var out []inventory.Proxy
	for _, p := range all {
		key := fmt.Sprint(p.Kind, p.File, p.Listens, p.Backends, p.Sticky, p.TLS)
		if !seen[key] {
			seen[key] = true
			out = append(out, p)
		}
	}
	return out
}
