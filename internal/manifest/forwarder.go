package manifest

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// How a forwarder is begun (docs/forward.md), where it tells how it is, and as whom
// its image runs.
const (
	forwarderStatus = 9180
	forwarderReady  = "/readyz"
	forwarderAlive  = "/healthz"
	forwarderUser   = 65532

	forwarderCA     = "/ca"
	forwarderCAFile = "ca.crt"
)

// forwarderArgs leads each port to the old entry.
func forwarderArgs(spec migration.Spec, legs []leg) []string {
	out := []string{"forward", "--leads-to=" + string(migration.OldSide), "--name=" + spec.Name}
	for _, l := range legs {
		out = append(out, fmt.Sprintf("%d=%s", l.port.Port, forwarderWay(spec, l)))
	}
	return out
}

// forwarderWay is where one port leads, and how.
func forwarderWay(spec migration.Spec, l leg) string {
	r := spec.ReturnPath
	var to []string
	for _, a := range spec.OldEntry.Addresses {
		to = append(to, net.JoinHostPort(strings.TrimSuffix(a, "."), strconv.Itoa(l.to)))
	}
	q := url.Values{}
	if r.Scheme.Wrapped() && r.ServerName != "" {
		q.Set("sni", r.ServerName)
	}
	if r.Scheme.Wrapped() && r.CA != "" {
		q.Set("ca", forwarderCA+"/"+forwarderCAFile)
	}
	if r.Proxy != "" {
		q.Set("proxy", r.Proxy)
	}
	way := fmt.Sprintf("%s://%s", cmp.Or(r.Scheme, migration.LeadTCP), strings.Join(to, ","))
	if len(q) > 0 {
		way += "?" + strings.ReplaceAll(q.Encode(), "%2F", "/")
	}
	return way
}
