package rfc2136

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/dns/ask"
	"rehome.dev/rehome/internal/migration"
)

// The settings of a connection.
const (
	SettingServer        = "server"        // host:port of the primary, which takes updates
	SettingServers       = "servers"       // all authoritative servers; empty: the zone's NS set
	SettingTSIGName      = "tsigName"      // the key's name
	SettingTSIGAlgorithm = "tsigAlgorithm" // default hmac-sha256
	SettingSecretFile    = "tsigSecretFile"
	SettingSecretEnv     = "tsigSecretEnv"
	SettingTimeout       = "timeout" // for one update, and for all that one server is asked; default 5s
)

const (
	defaultAlgorithm = "hmac-sha256"
	defaultTimeout   = 5 * time.Second
	maxTimeout       = 2 * time.Minute // below the 300 s that a signature is valid (RFC 8945, section 10)
)

var algorithms = map[string]string{
	"hmac-sha1":   miekg.HmacSHA1,
	"hmac-sha224": miekg.HmacSHA224,
	"hmac-sha256": miekg.HmacSHA256,
	"hmac-sha384": miekg.HmacSHA384,
	"hmac-sha512": miekg.HmacSHA512,
}

var known = []string{SettingServer, SettingServers, SettingTSIGName, SettingTSIGAlgorithm,
	SettingSecretFile, SettingSecretEnv, SettingTimeout}

type settings struct {
	server  string // host:port, valid
	servers []string
	key     key
	timeout time.Duration
}

// parse reads all settings and names everything that is wrong with them at once.
func parse(conn migration.Connection) (settings, error) {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("setting %s: "+format, append([]any{name}, args...)...))
	}
	for _, name := range slices.Sorted(maps.Keys(conn.Settings)) {
		if !slices.Contains(known, name) {
			fault(name, "unknown; the settings are %s", strings.Join(known, ", "))
		}
	}
	get := func(name string) string { return strings.TrimSpace(conn.Settings[name]) }

	s := settings{timeout: defaultTimeout}
	if server := get(SettingServer); server == "" {
		fault(SettingServer, "missing; give the primary that takes updates, as host:port")
	} else if host, port, err := ask.SplitAddress(server); err != nil {
		fault(SettingServer, "%w", err)
	} else {
		s.server = joinAddress(host, port)
	}
	for server := range strings.SplitSeq(get(SettingServers), ",") {
		server = strings.TrimSpace(server)
		if server == "" {
			continue
		}
		if _, _, err := ask.SplitAddress(server); err != nil {
			fault(SettingServers, "%w", err)
		}
		s.servers = append(s.servers, server)
	}
	if text := get(SettingTimeout); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > maxTimeout {
			fault(SettingTimeout, "%q is not a duration between 0 and %s; write it like 5s", text, maxTimeout)
		}
		s.timeout = d
	}
	s.key = parseKey(get, fault)
	if err := errors.Join(faults...); err != nil {
		return settings{}, fmt.Errorf("DNS provider %s: %w", conn.Name, err)
	}
	return s, nil
}

func parseKey(get func(string) string, fault func(name, format string, args ...any)) key {
	k := key{file: get(SettingSecretFile), env: get(SettingSecretEnv)}
	if name := get(SettingTSIGName); name == "" {
		fault(SettingTSIGName, "missing; give the name of the TSIG key as the server has it")
	} else if n, err := dns.Name(name); err != nil {
		fault(SettingTSIGName, "%w", err)
	} else {
		k.name = n
	}
	algorithm := get(SettingTSIGAlgorithm)
	if algorithm == "" {
		algorithm = defaultAlgorithm
	}
	var ok bool
	if k.algorithm, ok = algorithms[strings.ToLower(strings.TrimSuffix(algorithm, "."))]; !ok {
		fault(SettingTSIGAlgorithm, "unknown algorithm %q; one of %s",
			algorithm, strings.Join(slices.Sorted(maps.Keys(algorithms)), ", "))
	}
	switch {
	case k.file == "" && k.env == "":
		fault(SettingSecretFile, "missing; give the path of a file that holds the key's base64 secret, or name a variable with %s", SettingSecretEnv)
	case k.file != "" && k.env != "":
		fault(SettingSecretFile, "given beside %s; keep the one that is meant", SettingSecretEnv)
	}
	return k
}

// CheckSecret says whether the key's secret can be read now and what to do if not.
func (p *Provider) CheckSecret() error {
	_, err := p.key.secret(os.LookupEnv)
	return err
}
