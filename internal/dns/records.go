// Package dns holds what every DNS provider needs: the one presentation form in
// which records are compared, and the check that a change can be made at all.
//
// It does no I/O. It must not know how a provider is reached, nor what a change
// is for.
package dns

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/migration"
)

// Types are the record types that are observed on a name and may be changed:
// those that lead a client somewhere (DNS-FAMILIES), and TXT for the generation
// record (DNS-REPLAY).
var Types = [...]string{"A", "AAAA", "CNAME", "HTTPS", "SVCB", "TXT"}

// maxTTL is the highest TTL that there is (RFC 2181, section 8).
const maxTTL = 1<<31 - 1

// maxNameOctets is the length of the longest name on the wire (RFC 1035, section 2.3.4).
const maxNameOctets = 255

// Name is the canonical form of a domain name: absolute, in lower case, special
// characters escaped as a zone file needs it.
func Name(name string) (string, error) {
	if name == "" {
		return "", fmt.Errorf("a domain name is empty")
	}
	// The way over the wire checks the lengths and leaves one spelling of each name.
	var buf [maxNameOctets]byte
	end, err := miekg.PackDomainName(miekg.Fqdn(name), buf[:], 0, nil, false)
	if err != nil {
		return "", fmt.Errorf("%q is not a domain name: %w", name, err)
	}
	text, _, err := miekg.UnpackDomainName(buf[:end], 0)
	if err != nil {
		return "", fmt.Errorf("%q is not a domain name: %w", name, err)
	}
	return miekg.CanonicalName(text), nil
}

// Names are the canonical forms of a zone and of names in it, sorted and without
// duplicates.
func Names(zone string, names []string) (apex string, clean []string, err error) {
	if apex, err = Name(zone); err != nil {
		return "", nil, err
	}
	for _, n := range names {
		name, err := Name(n)
		if err != nil {
			return "", nil, err
		}
		if !miekg.IsSubDomain(apex, name) {
			return "", nil, fmt.Errorf("%s is not in the zone %s", name, apex)
		}
		clean = append(clean, name)
	}
	slices.Sort(clean)
	return apex, slices.Compact(clean), nil
}

// Records are the set's records in a form that can be sent, in canonical order
// and without duplicates. An error names the record.
func Records(set migration.RRset) ([]miekg.RR, error) {
	name, typ, err := identity(set)
	if err != nil {
		return nil, err
	}
	if set.TTL > maxTTL {
		return nil, fmt.Errorf("%s %s: a TTL of %d s is above the highest there is, %d s", name, typ, set.TTL, maxTTL)
	}
	out := make([]miekg.RR, 0, len(set.Data))
	for _, data := range set.Data {
		rr, err := parse(typ, data)
		if err != nil {
			return nil, fmt.Errorf("%s %s %s: %w", name, typ, data, err)
		}
		rr.Header().Name, rr.Header().Ttl = name, set.TTL
		out = append(out, rr)
	}
	slices.SortFunc(out, func(a, b miekg.RR) int { return strings.Compare(Data(a), Data(b)) })
	return slices.CompactFunc(out, func(a, b miekg.RR) bool { return Data(a) == Data(b) }), nil
}

// Sets groups records of the handled types into sets, each in canonical form,
// sorted by name and type; records of other types are left out. Where the
// records of one set differ in TTL the lowest counts (RFC 2181, section 5.2).
func Sets(records []miekg.RR) ([]migration.RRset, error) {
	found := map[string]migration.RRset{}
	for _, rr := range records {
		h := rr.Header()
		typ := miekg.TypeToString[h.Rrtype]
		if !slices.Contains(Types[:], typ) {
			continue
		}
		name, err := Name(h.Name)
		if err != nil {
			return nil, err
		}
		clean, err := canonical(rr)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, typ, err)
		}
		set := migration.RRset{Name: name, Type: typ, TTL: h.Ttl}
		if known, ok := found[set.Key()]; ok {
			set = known
			set.TTL = min(known.TTL, h.Ttl)
		}
		if d := Data(clean); !slices.Contains(set.Data, d) {
			set.Data = append(set.Data, d)
		}
		found[set.Key()] = set
	}
	return Sorted(found), nil
}

// Sorted are the sets of a map in a fixed order, the data of each sorted.
func Sorted(sets map[string]migration.RRset) []migration.RRset {
	out := make([]migration.RRset, 0, len(sets))
	for _, s := range sets {
		s.Data = slices.Sorted(slices.Values(s.Data))
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b migration.RRset) int { return strings.Compare(a.Key(), b.Key()) })
	return out
}

// Canonical is the set as Sets would give it when a server answered with it, so
// that two sets are the same exactly when migration.RRset.Same says so. The TTL
// of a set that is not there is 0.
func Canonical(set migration.RRset) (migration.RRset, error) {
	name, typ, err := identity(set)
	if err != nil {
		return migration.RRset{}, err
	}
	records, err := Records(set)
	if err != nil {
		return migration.RRset{}, err
	}
	out := migration.RRset{Name: name, Type: typ}
	if len(records) > 0 {
		out.TTL = set.TTL
	}
	for _, rr := range records {
		out.Data = append(out.Data, Data(rr))
	}
	return out, nil
}

// Data is a record's data in presentation form. Where the library cannot read
// back what it printed, it is the generic form of RFC 3597, section 5, which
// loses nothing.
func Data(rr miekg.RR) string {
	text := strings.TrimPrefix(rr.String(), rr.Header().String())
	if again, err := read(miekg.TypeToString[rr.Header().Rrtype], text); err == nil && sameWire(again, rr) {
		return text
	}
	generic := new(miekg.RFC3597)
	if err := generic.ToRFC3597(rr); err != nil {
		return text
	}
	return fmt.Sprintf(`\# %d %s`, len(generic.Rdata)/2, generic.Rdata)
}

func identity(set migration.RRset) (name, typ string, err error) {
	typ = strings.ToUpper(set.Type)
	if !slices.Contains(Types[:], typ) {
		return "", "", fmt.Errorf("%s: records of type %q are not handled; the types are %s",
			set.Name, set.Type, strings.Join(Types[:], ", "))
	}
	name, err = Name(set.Name)
	return name, typ, err
}

// parse reads one record's data and brings it into the form it has after a
// journey over the wire.
func parse(typ, data string) (miekg.RR, error) {
	rr, err := read(typ, data)
	if err != nil {
		return nil, err
	}
	return canonical(rr)
}

func read(typ, data string) (miekg.RR, error) {
	if strings.TrimSpace(data) == "" || strings.ContainsAny(data, "\n\r\x00") {
		return nil, fmt.Errorf("data is empty or not on one line")
	}
	zone := miekg.NewZoneParser(strings.NewReader(". 0 IN "+typ+" "+data+"\n"), ".", "")
	rr, ok := zone.Next()
	if err := zone.Err(); err != nil {
		return nil, fmt.Errorf("not the data of such a record: %w", err)
	}
	if !ok || zone.Comment() != "" {
		return nil, fmt.Errorf("not the data of such a record: a comment or nothing at all")
	}
	if got := miekg.TypeToString[rr.Header().Rrtype]; got != typ {
		return nil, fmt.Errorf("not the data of such a record but of %s", got)
	}
	return rr, nil
}

// canonical gives a copy of rr that was on the wire, with names in lower case:
// they are compared without regard to case (RFC 4343), and so must their text be.
func canonical(rr miekg.RR) (miekg.RR, error) {
	wire, err := pack(rr)
	if err != nil {
		return nil, err
	}
	out, _, err := miekg.UnpackRR(wire, 0)
	if err != nil {
		return nil, fmt.Errorf("not the data of such a record: %w", err)
	}
	if out.Header().Rdlength == 0 {
		return nil, fmt.Errorf("a record without data")
	}
	switch r := out.(type) {
	case *miekg.CNAME:
		r.Target = miekg.CanonicalName(r.Target)
	case *miekg.SVCB:
		r.Target = miekg.CanonicalName(r.Target)
	case *miekg.HTTPS:
		r.Target = miekg.CanonicalName(r.Target)
	}
	return out, nil
}

func pack(rr miekg.RR) ([]byte, error) {
	buf := make([]byte, miekg.Len(rr)+maxNameOctets)
	end, err := miekg.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("not the data of such a record: %w", err)
	}
	return buf[:end], nil
}

// sameWire compares type and data; the owner and TTL of both are made equal first.
func sameWire(a, b miekg.RR) bool {
	a, b = miekg.Copy(a), miekg.Copy(b)
	*a.Header() = miekg.RR_Header{Name: ".", Rrtype: a.Header().Rrtype, Class: miekg.ClassINET}
	*b.Header() = miekg.RR_Header{Name: ".", Rrtype: b.Header().Rrtype, Class: miekg.ClassINET}
	wa, errA := pack(a)
	wb, errB := pack(b)
	return errA == nil && errB == nil && bytes.Equal(wa, wb)
}
