package dns_test

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/migration"
)

const zone = "golemtrust.am."

func set(name, typ string, data ...string) migration.RRset {
	return migration.RRset{Name: name, Type: typ, TTL: 60, Data: data}
}

func TestNewChangeRefusesWhatCannotBeMeant(t *testing.T) {
	x := "x." + zone
	for _, c := range []struct {
		name          string
		zone          string
		before, after []migration.RRset
		says          string
	}{
		{"nothing", zone, nil, nil, "no record sets"},
		{"no zone", "", nil, nil, "zone"},
		{"not before", zone, nil, []migration.RRset{set(x, "A", "10.0.0.1")}, "is given after but not before"},
		{"not after", zone, []migration.RRset{set(x, "A", "10.0.0.1")}, nil, "is given before but not after"},
		{"other zone", zone, []migration.RRset{set("x.example.", "A")}, []migration.RRset{set("x.example.", "A", "10.0.0.1")}, "not in the zone"},
		{"only ends alike", zone, []migration.RRset{set("xgolemtrust.am.", "A")}, []migration.RRset{set("xgolemtrust.am.", "A", "10.0.0.1")}, "not in the zone"},
		{"twice", zone, []migration.RRset{set(x, "A"), set("X."+zone, "a")}, []migration.RRset{set(x, "A", "10.0.0.1")}, "listed twice"},
		{"bad data", zone, []migration.RRset{set(x, "A", "ten")}, []migration.RRset{set(x, "A")}, "not the data"},
		{"alias beside data", zone, []migration.RRset{set(x, "A", "10.0.0.1"), set(x, "CNAME")},
			[]migration.RRset{set(x, "A", "10.0.0.1"), set(x, "CNAME", "lb.")}, "beside CNAME"},
		{"two aliases", zone, []migration.RRset{set(x, "CNAME")}, []migration.RRset{set(x, "CNAME", "a.", "b.")}, "2 CNAMEs"},
		{"alias of the zone", zone, []migration.RRset{set(zone, "CNAME")}, []migration.RRset{set(zone, "CNAME", "a.")}, "zone itself"},
	} {
		_, err := dns.NewChange(migration.SwapRecords{Zone: c.zone, Before: c.before, After: c.after})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.says)
		}
	}
}

func TestNewChangePairsSetsInAnyOrder(t *testing.T) {
	got, err := dns.NewChange(migration.SwapRecords{Zone: "Golemtrust.am",
		Before: []migration.RRset{set("x.golemtrust.am", "A", "10.0.0.2", "10.0.0.1"), set("X.golemtrust.am.", "cname")},
		After:  []migration.RRset{set("x.golemtrust.am.", "CNAME", "LB.example"), set("x.golemtrust.am", "A")}})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range got.Pairs {
		lines = append(lines, p.Before.String()+" -> "+p.After.String())
	}
	want := "x.golemtrust.am. 60 A 10.0.0.1 10.0.0.2 -> x.golemtrust.am. A (none)\n" +
		"x.golemtrust.am. CNAME (none) -> x.golemtrust.am. 60 CNAME lb.example."
	if strings.Join(lines, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), want)
	}
}

func TestAbsentGuardsAgainstSilentlyIgnoredAdditions(t *testing.T) {
	x := "x." + zone
	toAlias, err := dns.NewChange(migration.SwapRecords{Zone: zone,
		Before: []migration.RRset{set(x, "A", "10.0.0.1"), set(x, "CNAME")}, After: []migration.RRset{set(x, "A"), set(x, "CNAME", "lb.")}})
	if err != nil {
		t.Fatal(err)
	}
	absent := toAlias.Absent()
	for _, typ := range []string{"AAAA", "MX", "TXT", "HTTPS"} {
		if !contains(absent, x, typ) {
			t.Errorf("a CNAME may be added beside %s", typ)
		}
	}
	if contains(absent, x, "A") || contains(absent, x, "CNAME") {
		t.Errorf("what the change names itself is demanded to be absent: %v", absent)
	}

	data, err := dns.NewChange(migration.SwapRecords{Zone: zone,
		Before: []migration.RRset{set(x, "A", "10.0.0.1")}, After: []migration.RRset{set(x, "A", "10.0.0.2")}})
	if err != nil {
		t.Fatal(err)
	}
	if absent := data.Absent(); len(absent) != 1 || !contains(absent, x, "CNAME") {
		t.Errorf("beside new data only a CNAME is forbidden, not %v", absent)
	}
}

func contains(sets []migration.RRset, name, typ string) bool {
	for _, s := range sets {
		if s.Name == name && s.Type == typ {
			return true
		}
	}
	return false
}
