package drill

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// named is a peer that a text names. Port is 0 where none is written nor implied.
type named struct {
	host   string // as it is written, in lower case
	port   int
	scheme string // postgresql, amqp, "" …
}

// address is host:port, or the host where there is no port.
func (n named) address() string {
	if n.port == 0 {
		return n.host
	}
	if strings.Contains(n.host, ":") {
		return "[" + n.host + "]:" + strconv.Itoa(n.port)
	}
	return n.host + ":" + strconv.Itoa(n.port)
}

var (
	// urlIn is a URL in a text, up to what cannot be in one. Its scheme may have
	// parts: jdbc:postgresql://.
	urlIn = regexp.MustCompile(`(?i)\b((?:jdbc:)?[a-z][a-z0-9+.-]*(?::[a-z0-9]+)*)://([^\s"'<>\x60]+)`)
	// oracleIn is Oracle's thin form, jdbc:oracle:thin:@host:port:sid.
	oracleIn = regexp.MustCompile(`(?i)\bjdbc:oracle:thin:[^@\s]*@(?://)?([a-z0-9.-]+):(\d{1,5})`)
	// tcpIn is the address of Go's MySQL driver: user:password@tcp(host:port)/name.
	tcpIn = regexp.MustCompile(`\btcp6?\(([^)\s]+)\)`)
	// keyIn is a setting of one line, in any of the usual ways to write one:
	// key = value, key: value, "key": "value", key value.
	keyIn = regexp.MustCompile(`(?i)(?:^|[\s;,&?{(<"'])([a-z][a-z0-9_.-]{0,63})["']?\s*(?:=>|=|:|\s)\s*["']?([^\s"';&<>(){}]+)`)
	// hostKey is a key whose value is a place.
	hostKey = regexp.MustCompile(`(?i)(^|[_.-])(host(name)?s?|server(s|name)?|addr(ess)?(es)?|endpoints?|url|uri|brokers?|bootstrap([_.-]servers)?|nodes?|relay(host)?|datasource|data[_ ]source|source|upstream|proxy_pass|master|replica|sentinels?|smarthost)$`)
	// portKey and portAlone are the port beside a host: db_port for db_host.
	portKey = regexp.MustCompile(`(?i)^(.*?)[_.-]?port$`)
	hostEnd = regexp.MustCompile(`(?i)[_.-]?(host(name)?|server|addr(ess)?)$`)
	// nameOnly is a host name of RFC 1123.
	nameOnly = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?$`)
)

// peersIn are the peers that a text names: in URLs, in DSNs, and as values of keys
// that say by their name that a place follows. Of credentials it gives nothing, not
// even where they are written so badly that they look like a host: what is left of
// the last @ is never looked at, and a bare word is only a host under such a key.
func peersIn(text string) []named {
	var out []named
	seen := map[named]bool{}
	add := func(list ...named) {
		for _, n := range list {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	rest := urlIn.ReplaceAllStringFunc(text, func(u string) string {
		m := urlIn.FindStringSubmatch(u)
		add(ofURL(m[1], m[2])...)
		return " "
	})
	rest = oracleIn.ReplaceAllStringFunc(rest, func(u string) string {
		m := oracleIn.FindStringSubmatch(u)
		if n, ok := hostPort(m[1]+":"+m[2], "oracle"); ok {
			add(n)
		}
		return " "
	})
	rest = tcpIn.ReplaceAllStringFunc(rest, func(u string) string {
		if n, ok := hostPort(tcpIn.FindStringSubmatch(u)[1], "mysql"); ok {
			add(n)
		}
		return " "
	})
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "//") {
			continue
		}
		add(ofKeys(line)...)
	}
	return withPorts(out, rest)
}

// ofURL are the hosts of a URL's authority; there may be several, with commas.
func ofURL(scheme, rest string) []named {
	scheme = strings.ToLower(scheme[strings.LastIndexByte(scheme, ':')+1:])
	authority, tail, _ := strings.Cut(rest, "/")
	authority, _, _ = strings.Cut(authority, "?")
	switch i := strings.LastIndexByte(authority, '@'); {
	case i >= 0:
		authority = authority[i+1:]
	case strings.Contains(tail, "@") && strings.Contains(authority, ":"):
		// A slash in a password: what was cut off is the beginning of credentials.
		authority = rest[strings.LastIndexByte(rest, '@')+1:]
		authority, _, _ = strings.Cut(authority, "/")
		authority, _, _ = strings.Cut(authority, "?")
	}
	var out []named
	for part := range strings.SplitSeq(authority, ",") {
		part, _, _ = strings.Cut(part, ";")
		if n, ok := hostPort(strings.Trim(part, `\)]},`), scheme); ok || strings.HasPrefix(part, "[") {
			if !ok {
				n, ok = hostPort(part, scheme)
			}
			if ok {
				out = append(out, n)
			}
		}
	}
	return out
}

// ofKeys are the values of keys that name places.
func ofKeys(line string) []named {
	var out []named
	for _, m := range keyIn.FindAllStringSubmatch(line, -1) {
		key, value := m[1], m[2]
		if !hostKey.MatchString(key) || strings.Contains(value, "@") {
			continue
		}
		value = strings.TrimPrefix(strings.ToLower(value), "tcp:")
		for part := range strings.SplitSeq(value, ",") {
			if n, ok := hostPort(part, ""); ok {
				out = append(out, n)
			}
		}
	}
	return out
}

// withPorts gives a host without a port that of the key beside its own: db_port for
// db_host, port for host.
func withPorts(list []named, text string) []named {
	ports, hosts := map[string]int{}, map[string]string{}
	for line := range strings.Lines(text) {
		for _, m := range keyIn.FindAllStringSubmatch(line, -1) {
			key := strings.ToLower(m[1])
			if p := portKey.FindStringSubmatch(key); p != nil {
				if n, err := strconv.Atoi(m[2]); err == nil && n > 0 && n < 1<<16 {
					ports[p[1]] = n
				}
				continue
			}
			if hostEnd.MatchString(key) {
				hosts[strings.ToLower(m[2])] = hostEnd.ReplaceAllString(key, "")
			}
		}
	}
	for i, n := range list {
		if base, ok := hosts[n.host]; ok && n.port == 0 {
			list[i].port = ports[base]
		}
	}
	return list
}

// hostPort reads host, host:port or [v6]:port. Loopback and "any" are no peers.
func hostPort(text, scheme string) (named, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	n := named{host: text, port: schemes[scheme].port, scheme: scheme}
	if i := strings.LastIndexByte(text, ':'); i >= 0 && (strings.Count(text, ":") == 1 || strings.HasPrefix(text, "[")) && !strings.HasSuffix(text, "]") {
		port, err := strconv.Atoi(text[i+1:])
		if err != nil || port < 1 || port > 65535 {
			return named{}, false
		}
		n.host, n.port = text[:i], port
	}
	n.host = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(n.host, "["), "]"), ".")
	if ip, err := netip.ParseAddr(n.host); err == nil {
		if ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() {
			return named{}, false
		}
		n.host = ip.WithZone("").String()
		return n, true
	}
	if n.host == "" || n.host == "localhost" || len(n.host) > 253 || !nameOnly.MatchString(n.host) || !strings.ContainsAny(n.host, "abcdefghijklmnopqrstuvwxyz") {
		return named{}, false
	}
	if _, err := strconv.ParseFloat(n.host, 64); err == nil || words[n.host] {
		return named{}, false
	}
	return n, true
}

// words stand where a host might, and are none.
var words = map[string]bool{"true": true, "false": true, "null": true, "none": true, "nil": true, "yes": true, "no": true, "on": true, "off": true, "default": true, "env": true, "file": true}

// known is what a scheme stands for, and its port.
type known struct {
	port int
	kind string
}

var schemes = map[string]known{
	"postgres": {5432, "database"}, "postgresql": {5432, "database"}, "mysql": {3306, "database"}, "mariadb": {3306, "database"},
	"sqlserver": {1433, "database"}, "oracle": {1521, "database"}, "mongodb": {27017, "database"}, "mongodb+srv": {27017, "database"},
	"cassandra": {9042, "database"}, "clickhouse": {9000, "database"}, "ldap": {389, "database"}, "ldaps": {636, "database"},
	"amqp": {5672, "queue"}, "amqps": {5671, "queue"}, "kafka": {9092, "queue"}, "nats": {4222, "queue"}, "mqtt": {1883, "queue"}, "stomp": {61613, "queue"},
	"redis": {6379, "cache"}, "rediss": {6379, "cache"}, "memcached": {11211, "cache"},
	"smtp": {25, "mail"}, "smtps": {465, "mail"}, "submission": {587, "mail"}, "imap": {143, "mail"}, "imaps": {993, "mail"},
	"http": {80, "http"}, "https": {443, "http"}, "ws": {80, "http"}, "wss": {443, "http"}, "grpc": {443, "http"},
}

var ports = map[int]string{
	5432: "database", 6432: "database", 3306: "database", 1433: "database", 1521: "database", 27017: "database", 9042: "database", 50000: "database",
	389: "database", 636: "database", 9200: "database", 2049: "database",
	5672: "queue", 5671: "queue", 9092: "queue", 9093: "queue", 4222: "queue", 61616: "queue", 61613: "queue", 1414: "queue", 1883: "queue", 8883: "queue",
	6379: "cache", 26379: "cache", 11211: "cache", 25: "mail", 465: "mail", 587: "mail", 143: "mail", 993: "mail", 2525: "mail",
	80: "http", 443: "http", 8080: "http", 8443: "http",
}

// kind is the class of a peer, by its scheme and else by its port.
func (n named) kind() string {
	if k, ok := schemes[n.scheme]; ok {
		return k.kind
	}
	if k, ok := ports[n.port]; ok {
		return k
	}
	return "other"
}
