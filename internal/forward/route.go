package forward

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A Scheme is what is done with the bytes.
type Scheme string

// The schemes of routes.
const (
	TCP   Scheme = "tcp"   // as they come
	TLS   Scheme = "tls"   // within TLS to the target
	HTTP  Scheme = "http"  // HTTP/1.1, with who asked in headers
	HTTPS Scheme = "https" // the same within TLS
)

func (s Scheme) secure() bool   { return s == TLS || s == HTTPS }
func (s Scheme) requests() bool { return s == HTTP || s == HTTPS }

// What a route of HTTP does with the headers X-Forwarded-*.
const (
	Append  = "append"  // the peer is added to those that came
	Replace = "replace" // those that came are taken away
	None    = "none"    // they stay as they came
)

// A Route leads from one listening address to targets. Its text is
//
//	LISTEN=SCHEME://HOST:PORT[,HOST:PORT…][?key=value&…]
type Route struct {
	Listen  string // a port, or address:port
	Scheme  Scheme
	Targets []HostPort

	SNI       string // the name that is sent and verified; empty is the target's, or its address
	CA        string // file of PEM certificates that are trusted instead of the system's
	Pin       string // SHA-256 of the one certificate that is trusted, in hexadecimal
	Proxy     int    // version of the PROXY protocol to the target; 0 is none
	Accept    bool   // each connection must begin with a PROXY header
	Forwarded string // Append, Replace or None
	RFC7239   bool   // the header Forwarded is written too
}

// A HostPort is where a target is: an address or a name, and a port.
type HostPort struct {
	Host string
	Port uint16
}

func (h HostPort) String() string { return net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port))) }

// address is the one that the host is written as, if it is none by name.
func (h HostPort) address() (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(h.Host)
	return netip.AddrPortFrom(a.Unmap(), h.Port), err == nil
}

// mostTargets bounds the targets of a route, as written and as names give them.
const mostTargets = 64

// ParseRoute reads the text of a route. Its error says what is wrong in it.
func ParseRoute(text string) (Route, error) {
	fail := func(format string, args ...any) (Route, error) {
		return Route{}, fmt.Errorf("route %q: %w", text, fmt.Errorf(format, args...))
	}
	listen, to, ok := strings.Cut(text, "=")
	if !ok {
		return fail("it is written as LISTEN=SCHEME://HOST:PORT")
	}
	r := Route{Forwarded: Append}
	var err error
	if r.Listen, err = listenAddress(listen); err != nil {
		return fail("%w", err)
	}
	scheme, rest, ok := strings.Cut(to, "://")
	r.Scheme = Scheme(scheme)
	switch r.Scheme {
	case TCP, TLS, HTTP, HTTPS:
	default:
		ok = false
	}
	if !ok {
		return fail("what follows = begins with tcp://, tls://, http:// or https://")
	}
	hosts, query, _ := strings.Cut(rest, "?")
	if r.Targets, err = targetsOf(hosts); err != nil {
		return fail("%w", err)
	}
	keys, err := url.ParseQuery(query)
	if err != nil {
		return fail("what follows ? are keys and values: %w", err)
	}
	for key, values := range keys {
		if len(values) != 1 {
			return fail("%s is there %d times", key, len(values))
		}
		if err := r.set(key, values[0]); err != nil {
			return fail("%w", err)
		}
	}
	if err := r.fits(); err != nil {
		return fail("%w", err)
	}
	return r, nil
}

// listenAddress is host:port, the host empty for all addresses.
func listenAddress(text string) (string, error) {
	host, port := "", text
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", fmt.Errorf("%q is neither a port nor ADDRESS:PORT", text)
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q is no port to listen on", port)
	}
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", fmt.Errorf("%q is no address to listen on", host)
		}
	}
	return net.JoinHostPort(host, port), nil
}

func targetsOf(text string) ([]HostPort, error) {
	var out []HostPort
	for one := range strings.SplitSeq(text, ",") {
		host, port, err := net.SplitHostPort(one)
		number, err2 := strconv.ParseUint(port, 10, 16)
		switch {
		case err != nil || err2 != nil || number == 0:
			return nil, fmt.Errorf("%q is no target: it is HOST:PORT", one)
		case !plausibleHost(host):
			return nil, fmt.Errorf("%q is neither an address nor a name", host)
		case len(out) == mostTargets:
			return nil, fmt.Errorf("there are more than %d targets", mostTargets)
		}
		out = append(out, HostPort{host, uint16(number)})
	}
	return out, nil
}

// plausibleHost takes addresses and what may be a name in the DNS (RFC 1123, and the
// underscore that people use).
func plausibleHost(h string) bool {
	if _, err := netip.ParseAddr(h); err == nil {
		return true
	}
	return h != "" && len(h) <= 253 && !strings.ContainsFunc(h, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '.' && r != '_'
	})
}

func (r *Route) set(key, value string) error {
	switch key {
	case "sni":
		if !plausibleHost(value) {
			return fmt.Errorf("sni=%s is no name", value)
		}
		r.SNI = value
	case "ca":
		r.CA = value
	case "pin":
		if raw, err := hex.DecodeString(value); err != nil || len(raw) != 32 {
			return fmt.Errorf("pin=%s is no SHA-256: openssl x509 -in cert.pem -outform der | sha256sum", value)
		}
		r.Pin = strings.ToLower(value)
	case "proxy":
		if value != "v1" && value != "v2" {
			return fmt.Errorf("proxy=%s: it is v1 or v2", value)
		}
		r.Proxy = int(value[1] - '0')
	case "accept":
		if value != "proxy" {
			return fmt.Errorf("accept=%s: only proxy can be accepted", value)
		}
		r.Accept = true
	case "forwarded":
		if value != Append && value != Replace && value != None {
			return fmt.Errorf("forwarded=%s: it is %s, %s or %s", value, Append, Replace, None)
		}
		r.Forwarded = value
	case "rfc7239":
		if value != "on" {
			return fmt.Errorf("rfc7239=%s: it is on, or not there", value)
		}
		r.RFC7239 = true
	default:
		return fmt.Errorf("%s is not known: there are sni, ca, pin, proxy, accept, forwarded, rfc7239", key)
	}
	return nil
}

// fits says whether the parts of a route go together.
func (r Route) fits() error {
	switch {
	case !r.Scheme.secure() && (r.SNI != "" || r.CA != "" || r.Pin != ""):
		return errors.New("sni, ca and pin are for tls and https")
	case r.CA != "" && r.Pin != "":
		return errors.New("a certificate is trusted by ca or by pin, not by both")
	case r.Scheme.requests() && r.Proxy != 0:
		return errors.New("proxy is for tcp and tls: requests name their client in X-Forwarded-For")
	case !r.Scheme.requests() && (r.Forwarded != Append || r.RFC7239):
		return errors.New("forwarded and rfc7239 are for http and https")
	}
	return nil
}

// String is the text of the route.
func (r Route) String() string {
	var hosts []string
	for _, t := range r.Targets {
		hosts = append(hosts, t.String())
	}
	keys := url.Values{}
	for key, value := range map[string]string{"sni": r.SNI, "ca": r.CA, "pin": r.Pin} {
		if value != "" {
			keys.Set(key, value)
		}
	}
	if r.Proxy != 0 {
		keys.Set("proxy", "v"+strconv.Itoa(r.Proxy))
	}
	if r.Accept {
		keys.Set("accept", "proxy")
	}
	if r.Forwarded != Append {
		keys.Set("forwarded", r.Forwarded)
	}
	if r.RFC7239 {
		keys.Set("rfc7239", "on")
	}
	text := r.Listen + "=" + string(r.Scheme) + "://" + strings.Join(hosts, ",")
	if len(keys) > 0 {
		text += "?" + keys.Encode()
	}
	return text
}
