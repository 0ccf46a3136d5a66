// Package branch says where the bank is at home: at its head office, which the lab
// shows to people, and at branches, where migrations are tried beside each other.
// Each has a zone, a pair of namespaces and an old side of its own; name servers,
// cluster, metrics and everything else they share.
//
// It names places. What is there, and what becomes of it, it must not know.
package branch

import (
	"slices"

	"rehome.dev/rehome/lab/network"
)

// Branch is one place.
type Branch struct {
	// Namespace is production's in the cluster.
	Namespace string
	// Zone is the DNS zone of its names, with the final dot.
	Zone string
	// Old is the host that serves before a migration, and Job what Prometheus calls it.
	Old network.Host
	Job string
}

// Head is the head office: the virtual machine with its clients.
var Head = Branch{Namespace: "royal-bank", Zone: "golemtrust.am.", Old: network.VM, Job: "vm"}

// Others are the branches: as many as two processors can move at once, with time to spare
// for what must not be late.
var Others = others("ankh", "morpork", "shades", "nap-hill")

func others(names ...string) []Branch {
	var all []Branch
	for i, name := range names {
		all = append(all, Branch{Namespace: name, Zone: name + "." + Head.Zone, Old: network.Annexes[i], Job: name})
	}
	return all
}

// All are the head office and the branches.
func All() []Branch { return slices.Concat([]Branch{Head}, Others) }

// Staging is the namespace where a migration is tried first.
func (b Branch) Staging() string { return b.Namespace + "-staging" }

// Service is the name that moves, with the final dot.
func (b Branch) Service() string { return "royal-bank-api." + b.Zone }

// Rehearsal is the name with which that is tried, with the final dot.
func (b Branch) Rehearsal() string { return "rehearsal." + b.Service() }
