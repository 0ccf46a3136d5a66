package dns

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/migration"
)

// Change is a compare-and-swap that was found to be possible, in canonical form.
type Change struct {
	Zone  string
	Pairs []Pair
}

// Pair is one set before and after; the one or the other may be empty.
type Pair struct {
	Before, After migration.RRset
}

// beside are the types that forbid a CNAME at the same name (RFC 1034, section
// 3.6.2), as far as zones have them. Those of DNSSEC may stand beside it
// (RFC 4035, section 2.5) and are not among them.
var beside = [...]string{"A", "AAAA", "HTTPS", "SVCB", "TXT", "AFSDB", "CAA", "CERT", "DNAME", "DS", "HINFO", "LOC",
	"MX", "NAPTR", "NS", "OPENPGPKEY", "PTR", "RP", "SMIMEA", "SPF", "SRV", "SSHFP", "TLSA", "URI"}

// NewChange checks a change before anything is sent. Every set must be in Before
// and in After, an absent one as a set without data: what is left out could mean
// either of two things, and the change may take a name out of the world. All
// faults are in the error, none of them can be mended by trying again.
func NewChange(c migration.SwapRecords) (Change, error) {
	zone, err := Name(c.Zone)
	if err != nil {
		return Change{}, fmt.Errorf("change of records: zone: %w", err)
	}
	before, errB := index("before", zone, c.Before)
	after, errA := index("after", zone, c.After)
	if err := errors.Join(errB, errA); err != nil {
		return Change{}, fmt.Errorf("change of records in %s: %w", zone, err)
	}
	out := Change{Zone: zone}
	var faults []error
	for _, b := range Sorted(before) {
		a, ok := after[b.Key()]
		if !ok {
			faults = append(faults, fmt.Errorf("%s %s is given before but not after; list it without data to remove it", b.Name, b.Type))
			continue
		}
		out.Pairs = append(out.Pairs, Pair{b, a})
	}
	for _, a := range Sorted(after) {
		if _, ok := before[a.Key()]; !ok {
			faults = append(faults, fmt.Errorf("%s %s is given after but not before; list it without data where there is none", a.Name, a.Type))
		}
	}
	if len(before)+len(after) == 0 {
		faults = append(faults, errors.New("it has no record sets"))
	}
	faults = append(faults, out.aliasFaults()...)
	if err := errors.Join(faults...); err != nil {
		return Change{}, fmt.Errorf("change of records in %s: %w", zone, err)
	}
	return out, nil
}

func index(what, zone string, sets []migration.RRset) (map[string]migration.RRset, error) {
	out := make(map[string]migration.RRset, len(sets))
	var faults []error
	for _, s := range sets {
		c, err := Canonical(s)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", what, err))
			continue
		case !miekg.IsSubDomain(zone, c.Name):
			faults = append(faults, fmt.Errorf("%s: %s is not in the zone", what, c.Name))
		}
		if _, twice := out[c.Key()]; twice {
			faults = append(faults, fmt.Errorf("%s: %s %s is listed twice", what, c.Name, c.Type))
		}
		out[c.Key()] = c
	}
	return out, errors.Join(faults...)
}

// aliasFaults finds CNAMEs that no server would take.
func (c Change) aliasFaults() []error {
	var out []error
	for _, p := range c.Pairs {
		if p.After.Type != "CNAME" || len(p.After.Data) == 0 {
			continue
		}
		if len(p.After.Data) > 1 {
			out = append(out, fmt.Errorf("%s would have %d CNAMEs; there can be one", p.After.Name, len(p.After.Data)))
		}
		if p.After.Name == c.Zone {
			out = append(out, fmt.Errorf("%s is the zone itself, which cannot be a CNAME", c.Zone))
		}
		for _, o := range c.Pairs {
			if o.After.Name == p.After.Name && o.After.Type != "CNAME" && len(o.After.Data) > 0 {
				out = append(out, fmt.Errorf("%s would have %s beside CNAME", p.After.Name, o.After.Type))
			}
		}
	}
	return out
}

// Absent are sets that the change does not name and that must not be there, for
// else a server that keeps to RFC 2136, section 3.4.2.2, would silently leave out
// what is added: a CNAME beside other data, or other data beside a CNAME. What is
// removed in the same message would be gone all the same.
func (c Change) Absent() []migration.RRset {
	named := map[string]bool{}
	for _, p := range c.Pairs {
		named[p.Before.Key()] = true
	}
	absent := map[string]migration.RRset{}
	for _, p := range c.Pairs {
		if len(p.After.Data) == 0 {
			continue
		}
		others := beside[:]
		if p.After.Type != "CNAME" {
			others = []string{"CNAME"}
		}
		for _, t := range others {
			if s := (migration.RRset{Name: p.After.Name, Type: t}); !named[s.Key()] {
				absent[s.Key()] = s
			}
		}
	}
	return Sorted(absent)
}

// String names the sets, for errors and logs.
func (c Change) String() string {
	var names []string
	for _, p := range c.Pairs {
		names = append(names, p.Before.Name+" "+p.Before.Type)
	}
	return strings.Join(slices.Compact(names), ", ")
}
