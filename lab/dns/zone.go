// Package dns runs the lab's name service: a BIND primary and secondary that are
// authoritative for the zone, and an unbound that clients are behind.
//
// It writes the servers' configuration and starts them; what the records mean to
// a migration it must not know.
package dns

import (
	"fmt"
	"net/netip"
	"strings"

	"rehome.dev/rehome/lab/branch"
)

// The lab's zone and the names that are moved in it.
const (
	ZoneName      = "golemtrust.am."
	ServiceName   = "royal-bank-api.golemtrust.am."
	RehearsalName = "rehearsal.royal-bank-api.golemtrust.am."
	// The databases are not moved.
	DatabaseName        = "db.golemtrust.am."
	StagingDatabaseName = "db.staging.golemtrust.am."
)

// Zone is what the zone holds before anybody updates it.
type Zone struct {
	Name        string // with the final dot
	NS1, NS2    netip.Addr
	NegativeTTL int      // seconds a resolver may remember that a name does not exist (RFC 2308)
	Records     []string // further records, one per entry, in the presentation format of RFC 1035
}

// DefaultZone is the zone of the runbook's organisation: the service and its
// rehearsal record lead to the virtual machine with that TTL, in seconds.
func DefaultZone(ns1, ns2, vm netip.Addr, ttl int) Zone {
	head := branch.Head
	head.Old.Address = vm
	return zoneOf(head, ns1, ns2, ttl)
}

// zoneOf is the zone of a branch, whose names lead to its old side.
func zoneOf(b branch.Branch, ns1, ns2 netip.Addr, ttl int) Zone {
	return Zone{
		Name: b.Zone, NS1: ns1, NS2: ns2, NegativeTTL: 5,
		Records: []string{
			fmt.Sprintf("%s %d IN A %s", b.Service(), ttl, b.Old.Address),
			fmt.Sprintf("%s %d IN A %s", b.Rehearsal(), ttl, b.Old.Address),
		},
	}
}

func (z Zone) file() string { return strings.TrimSuffix(z.Name, ".") + ".db" }

// Text is the zone in master file format. Refresh and retry are short, so that a
// secondary that was away while a NOTIFY was sent is current again within seconds.
func (z Zone) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL 300\n", z.Name)
	fmt.Fprintf(&b, "@ IN SOA ns1 hostmaster 1 5 2 86400 %d\n", z.NegativeTTL)
	fmt.Fprintf(&b, "@ IN NS ns1\n@ IN NS ns2\n")
	fmt.Fprintf(&b, "ns1 IN A %s\nns2 IN A %s\n", z.NS1, z.NS2)
	for _, r := range z.Records {
		fmt.Fprintln(&b, r)
	}
	return b.String()
}
