package dns

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Unbound is the caching resolver that clients are behind.
type Unbound struct {
	Dir     string
	Listen  netip.AddrPort
	Clients []netip.Prefix   // who may ask
	Zone    string           // the only zone that it resolves, with the final dot
	Servers []netip.AddrPort // authoritative for the zone
}

// Install writes the configuration into Dir.
func (u Unbound) Install() error {
	if err := os.MkdirAll(u.Dir, 0o700); err != nil {
		return fmt.Errorf("make the resolver's directory: %w", err)
	}
	if err := os.WriteFile(u.path("unbound.conf"), []byte(u.config()), 0o600); err != nil {
		return fmt.Errorf("write unbound.conf: %w", err)
	}
	return nil
}

// Args is the command line that runs the resolver in the foreground, logging to
// standard error. The program is a copy in Dir, for the reason given at Named.Args.
func (u Unbound) Args() ([]string, error) {
	program, err := ownCopy("/usr/sbin/unbound", u.Dir)
	if err != nil {
		return nil, err
	}
	return []string{program, "-d", "-p", "-c", u.path("unbound.conf")}, nil
}

func (u Unbound) path(name string) string { return filepath.Join(u.Dir, name) }

// config keeps every answer for exactly its TTL: nothing is fetched ahead of time,
// stretched or served when it is too old. A name server that did not answer is
// tried again after five seconds, where unbound's default is a quarter of an hour.
func (u Unbound) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server:\n\tdirectory: %q\n\tchroot: \"\"\n\tusername: \"\"\n\tpidfile: \"\"\n", u.Dir)
	fmt.Fprintf(&b, "\tuse-syslog: no\n\tlogfile: \"\"\n\tnum-threads: 1\n\tdo-ip6: no\n")
	fmt.Fprintf(&b, "\tinterface: %s\n\tport: %d\n", u.Listen.Addr(), u.Listen.Port())
	for _, clients := range u.Clients {
		fmt.Fprintf(&b, "\taccess-control: %s allow\n", clients)
	}
	b.WriteString("\tmodule-config: \"iterator\"\n" + // no DNSSEC
		"\tcache-min-ttl: 0\n\tprefetch: no\n\tserve-expired: no\n\tinfra-host-ttl: 5\n\tinfra-keep-probing: yes\n" +
		"\tqname-minimisation: no\n\tdo-not-query-localhost: no\n")
	fmt.Fprintf(&b, "\tlocal-zone: \".\" refuse\n\tlocal-zone: %q transparent\n", u.Zone)
	fmt.Fprintf(&b, "remote-control:\n\tcontrol-enable: no\nstub-zone:\n\tname: %q\n\tstub-prime: no\n", u.Zone)
	for _, server := range u.Servers {
		fmt.Fprintf(&b, "\tstub-addr: %s@%d\n", server.Addr(), server.Port())
	}
	return b.String()
}
