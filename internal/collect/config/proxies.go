package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// usual are where each kind of proxy has its configuration.
var usual = []struct {
	kind  string
	files []string
}{
	{"nginx", []string{"/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf", "/opt/nginx/conf/nginx.conf"}},
	{"haproxy", []string{"/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d/*.cfg"}},
	{"apache", []string{"/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf", "/usr/local/apache2/conf/httpd.conf", "/etc/apache2/httpd.conf"}},
}

// proxies reads the configuration of the web servers and balancers of the
// machine. It keeps what leads to the application, and where the application is
// one of them all that it leads to.
func (r *reading) proxies() []inventory.Proxy {
	running := r.running()
	var ours []inventory.Proxy
	for _, u := range usual {
		named, own := running[u.kind]
		files := r.present(u.files...)
		mine := files
		if len(named) > 0 {
			mine = slices.DeleteFunc(r.present(named...), r.isDirectory)
		}
		if own && len(mine) == 0 {
			r.scope.Gaps.Add(inventory.SubjectProxies, "the configuration of "+u.kind, "was not found")
		}
		for _, file := range files {
			if !own || !slices.Contains(mine, file) {
				ours = append(ours, r.kept(r.proxiesOf(u.kind, file), false)...)
			}
		}
		for _, file := range mine {
			if own {
				ours = append(ours, r.kept(r.proxiesOf(u.kind, file), true)...)
			}
		}
	}
	return ours
}

// proxiesOf reads one main configuration.
func (r *reading) proxiesOf(kind, file string) []inventory.Proxy {
	switch kind {
	case "nginx":
		return r.nginx(file)
	case "apache":
		return r.apache(file)
	}
	if text, ok := r.proxyFile(file); ok {
		return haproxy(text, file)
	}
	return nil
}

// kept are those that lead to the application, or all where they are its own.
func (r *reading) kept(found []inventory.Proxy, own bool) []inventory.Proxy {
	var out []inventory.Proxy
	for _, p := range found {
		if !own && !slices.ContainsFunc(p.Backends, r.ours) {
			continue
		}
		for i := range p.Backends {
			p.Backends[i] = inventory.Name(p.Backends[i])
		}
		p.File, p.Listens, p.Sticky, p.Own = inventory.Name(p.File), inventory.Name(p.Listens), inventory.Name(p.Sticky), own
		out = append(out, p)
	}
	return out
}

// running are the kinds of proxies among the application's processes, with the
// configurations that their command lines name: -c of nginx, -f of the others. A
// process may have written its title over its arguments, as one word.
func (r *reading) running() map[string][]string {
	out := map[string][]string{}
	for _, p := range r.facts.Processes {
		kind := inventory.ProxyKind(p.Executable)
		if kind == "" {
			kind = inventory.ProxyKind(p.Name)
		}
		if kind == "" {
			continue
		}
		flag := "-f"
		if kind == "nginx" {
			flag = "-c"
		}
		files := out[kind]
		words := strings.Fields(strings.Join(p.Command, " "))
		for i := 1; i < len(words); i++ {
			if words[i-1] != flag {
				continue
			}
			for _, file := range []string{words[i], path.Join(words[i], "*.cfg")} { // HAProxy takes a directory too
				if !slices.Contains(files, file) {
					files = append(files, file)
				}
			}
		}
		out[kind] = files
	}
	return out
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

func (r *reading) isDirectory(name string) bool {
	host, err := r.host(name)
	if err != nil {
		return false
	}
	info, err := os.Stat(host)
	return err == nil && info.IsDir()
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
