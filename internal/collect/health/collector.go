package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// Most is how many requests are made at most, over all listeners.
const Most = 20

// usual are the paths that are asked for where the request names none.
var usual = []string{"/healthz", "/readyz", "/health", "/ready", "/actuator/health", "/status", "/ping"}

// others are ports and programs of protocols that are not HTTP: a server of one of
// them would take the request for an attack, and write so into its log.
var (
	otherPorts = map[int]bool{21: true, 22: true, 23: true, 25: true, 53: true, 88: true, 110: true, 111: true, 139: true, 143: true,
		389: true, 445: true, 465: true, 514: true, 587: true, 636: true, 873: true, 993: true, 995: true, 1433: true, 1521: true,
		2049: true, 2181: true, 3306: true, 4369: true, 5432: true, 5433: true, 5671: true, 5672: true, 6379: true, 6432: true,
		9042: true, 9092: true, 11211: true, 25672: true, 26379: true, 27017: true, 33060: true, 61613: true, 61616: true}
	otherPrograms = map[string]bool{"redis-server": true, "valkey-server": true, "postgres": true, "postmaster": true, "mysqld": true,
		"mariadbd": true, "memcached": true, "mongod": true, "master": true, "exim4": true, "sendmail": true, "dovecot": true,
		"sshd": true, "named": true, "slapd": true, "rpcbind": true, "vsftpd": true, "proftpd": true, "php-fpm": true}
)

type collector struct{}

// New is the collector of health answers. It stands behind that of the listeners.
func New() scope.Collector { return collector{} }

// Subjects says what it looks at.
func (collector) Subjects() []inventory.Subject { return []inventory.Subject{inventory.SubjectHealth} }

// Sample does nothing: the application is asked once, at the end.
func (collector) Sample(context.Context, *scope.Scope) {}

// Finish asks. Where requests ran out before anything answered well, what was not
// asked for is a gap.
func (collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	paths, bad := sound(s.Request.HealthPaths)
	for _, path := range bad {
		s.Gaps.Add(inventory.SubjectHealth, path, "it is no path of a URL")
	}
	left := Most
	skipped := 0
	for _, at := range endpoints(f) {
		answers, enough := listener(ctx, at, paths, &left)
		f.Health = append(f.Health, answers...)
		if !enough {
			skipped++
		}
	}
	well := slices.ContainsFunc(f.Health, func(a inventory.HealthAnswer) bool { return a.Status == 200 })
	if skipped > 0 && !well {
		s.Gaps.Add(inventory.SubjectHealth, "", fmt.Sprintf("after %d requests nothing more was asked", Most))
	}
}

// listener asks one listener for all paths; false where requests have run out. One
// that speaks something else gives no answers, one that does not answer at all one.
func listener(ctx context.Context, at string, paths []string, left *int) ([]inventory.HealthAnswer, bool) {
	var answers []inventory.HealthAnswer
	q := question{at: at}
	for _, q.path = range paths {
		if *left <= 0 {
			return answers, false
		}
		*left--
		answer, err := request(ctx, q)
		if !q.known && !errors.Is(err, errFirst) && (errors.Is(err, errNotHTTP) || answer.Status == 400) {
			// Either is what a TLS server says to a request in the clear.
			secure := question{at: at, path: q.path, speaks: overTLS}
			if other, tlsErr := request(ctx, secure); tlsErr == nil {
				answer, err, q.speaks = other, nil, overTLS
			}
		}
		if !q.known && errors.Is(err, errNotHTTP) {
			return nil, true
		}
		if errors.Is(err, errNotHTTP) {
			answer.Err = err.Error()
		}
		answers = append(answers, answer)
		if !q.known && err != nil { // the other paths would say the same
			return answers, true
		}
		q.known = true
	}
	return answers, true
}

// sound tells paths from what could smuggle something into a request.
func sound(paths []string) (good, bad []string) {
	if len(paths) == 0 {
		return usual, nil
	}
	for _, p := range paths {
		if !strings.HasPrefix(p, "/") || strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			bad = append(bad, strconv.QuoteToASCII(p))
			continue
		}
		good = append(good, p)
	}
	return good, bad
}

// endpoints are the TCP listeners that may speak HTTP, one for each port, at an
// address by which this machine reaches them.
func endpoints(f *inventory.Facts) []string {
	names := map[int]string{}
	for _, p := range f.Processes {
		names[p.PID] = p.Name
	}
	best := map[int]inventory.Listener{}
	for _, l := range f.Listeners {
		if !strings.HasPrefix(l.Protocol, "tcp") || otherPorts[l.Port] ||
			slices.ContainsFunc(l.PIDs, func(pid int) bool { return other(names[pid]) }) {
			continue
		}
		if was, ok := best[l.Port]; !ok || rank(l) < rank(was) {
			best[l.Port] = l
		}
	}
	var out []string
	for _, l := range best {
		out = append(out, net.JoinHostPort(reach(l.Address), strconv.Itoa(l.Port)))
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return out
}

func other(program string) bool {
	return otherPrograms[program] || strings.HasPrefix(program, "php-fpm")
}

// rank prefers listeners on all addresses, then on the loopback.
func rank(l inventory.Listener) int {
	switch {
	case strings.HasSuffix(l.Protocol, "6"):
		return 4 + rank(inventory.Listener{Loopback: l.Loopback, Bound: l.Bound})
	case !l.Bound && !l.Loopback:
		return 0
	case l.Loopback:
		return 1
	}
	return 2
}

func reach(address string) string {
	a, err := netip.ParseAddr(address)
	switch {
	case err != nil || a == netip.IPv4Unspecified():
		return "127.0.0.1"
	case a == netip.IPv6Unspecified():
		return "::1"
	}
	return a.Unmap().String()
}
