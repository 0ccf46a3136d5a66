package dns

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Named is one BIND server with a directory of its own.
type Named struct {
	Dir    string         // configuration, zone, journal; made by Install
	Listen netip.AddrPort // the only socket it opens, UDP and TCP
	Zones  []Zone
	Key    Key

	// Peer is the secondary of a primary and the primary of a secondary.
	Peer    netip.AddrPort
	Primary bool

	// Silent keeps a primary from sending NOTIFY, and a secondary from asking on
	// its own before an hour has passed: the secondary lags until it is notified
	// by someone else.
	Silent bool
}

// Install writes configuration and zones into Dir.
func (n Named) Install() error {
	if err := os.MkdirAll(n.Dir, 0o700); err != nil {
		return fmt.Errorf("make the name server's directory: %w", err)
	}
	if err := n.Key.WriteClause(n.path("key.conf")); err != nil {
		return err
	}
	if err := os.WriteFile(n.path("named.conf"), []byte(n.config()), 0o600); err != nil {
		return fmt.Errorf("write named.conf: %w", err)
	}
	if !n.Primary {
		return nil
	}
	for _, z := range n.Zones {
		if err := os.WriteFile(n.path(z.file()), []byte(z.Text()), 0o600); err != nil {
			return fmt.Errorf("write the zone: %w", err)
		}
	}
	return nil
}

// Args is the command line that runs the server in the foreground, logging to
// standard error. The program is a copy in Dir: Debian's AppArmor profile belongs
// to /usr/sbin/named and would let it read /etc/bind only.
func (n Named) Args() ([]string, error) {
	program, err := ownCopy("/usr/sbin/named", n.Dir)
	if err != nil {
		return nil, err
	}
	return []string{program, "-g", "-4", "-n", "1", "-c", n.path("named.conf")}, nil
}

func (n Named) path(name string) string { return filepath.Join(n.Dir, name) }

func (n Named) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "include %q;\n", n.path("key.conf"))
	b.WriteString("controls { };\n") // no rndc
	fmt.Fprintf(&b, "options {\n\tdirectory %q;\n", n.Dir)
	fmt.Fprintf(&b, "\tlisten-on port %d { %s; };\n\tlisten-on-v6 { none; };\n", n.Listen.Port(), n.Listen.Addr())
	b.WriteString("\tpid-file none;\n\tsession-keyfile none;\n\trecursion no;\n\tdnssec-validation no;\n" +
		"\tempty-zones-enable no;\n\tmanaged-keys-directory \".\";\n\tserial-query-rate 1000;\n" +
		"\tnotify-rate 1000;\n\tstartup-notify-rate 1000;\n\tmin-refresh-time 1;\n\tmin-retry-time 1;\n};\n")
	clauses := n.secondaryClauses()
	if n.Primary {
		clauses = n.primaryClauses()
	}
	for _, z := range n.Zones {
		fmt.Fprintf(&b, "zone %q {\n\tfile %q;\n%s};\n", strings.TrimSuffix(z.Name, "."), z.file(), clauses)
	}
	return b.String()
}

func (n Named) primaryClauses() string {
	notify := fmt.Sprintf("\tnotify explicit;\n\talso-notify { %s port %d; };\n\tnotify-delay 0;\n", n.Peer.Addr(), n.Peer.Port())
	if n.Silent {
		notify = "\tnotify no;\n"
	}
	return "\ttype primary;\n" + notify +
		fmt.Sprintf("\tallow-update { key %q; };\n\tallow-transfer { %s; key %q; };\n", n.Key.Name, n.Peer.Addr(), n.Key.Name)
}

func (n Named) secondaryClauses() string {
	refresh := ""
	if n.Silent {
		refresh = "\tmin-refresh-time 3600;\n"
	}
	// Kept as text: the journal of an incremental transfer is then readable with named-journalprint.
	return "\ttype secondary;\n\tmasterfile-format text;\n\tnotify no;\n\trequest-ixfr yes;\n" + refresh +
		fmt.Sprintf("\tprimaries { %s port %d; };\n\tallow-notify { %s; };\n\tallow-transfer { key %q; };\n",
			n.Peer.Addr(), n.Peer.Port(), n.Peer.Addr(), n.Key.Name)
}

// ownCopy copies an installed program into dir and returns the copy's path.
func ownCopy(program, dir string) (string, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("read the installed server: %w", err)
	}
	to := filepath.Join(dir, filepath.Base(program))
	os.Remove(to) // a copy that still runs cannot be written, but can be replaced
	if err := os.WriteFile(to, text, 0o700); err != nil {
		return "", fmt.Errorf("copy the server into %s: %w", dir, err)
	}
	return to, nil
}
