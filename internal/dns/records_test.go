package dns_test

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/migration"
)

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"Royal-Bank-API.golemtrust.am":    "royal-bank-api.golemtrust.am.",
		"royal-bank-api.golemtrust.am.":   "royal-bank-api.golemtrust.am.",
		`\114oyal-bank-api.golemtrust.am`: "royal-bank-api.golemtrust.am.",
		"_rehome.x.":                      "_rehome.x.",
		"*.x.":                            "*.x.",
		"a b.x.":                          `a\ b.x.`,
		".":                               ".",
	} {
		if got, err := dns.Name(in); err != nil || got != want {
			t.Errorf("Name(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "a..b", strings.Repeat("a", 64) + ".x.", strings.Repeat("abcdefg.", 40)} {
		if got, err := dns.Name(in); err == nil {
			t.Errorf("Name(%q) = %q, want an error", in, got)
		}
	}
}

func TestCanonicalGivesOneSpelling(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ typ, in, want string }{
		{"a", "10.77.0.20", "10.77.0.20"},
		{"A", `\# 4 0a4d0014`, "10.77.0.20"},
		{"AAAA", "2001:DB8:0::1", "2001:db8::1"},
		{"AAAA", "::ffff:10.0.0.1", "::ffff:10.0.0.1"},
		{"CNAME", "LB-1.Example.com", "lb-1.example.com."},
		{"TXT", `plain`, `"plain"`},
		{"TXT", `"two" "strings"`, `"two" "strings"`},
		{"TXT", `"a \"quoted\" word; and a \\"`, `"a \"quoted\" word; and a \\"`},
		{"TXT", `"Größe"`, `"Gr\195\182\195\159e"`},
		{"TXT", `""`, `""`},
		{"TXT", `"` + long + `"`, `"` + long[:255] + `" "` + long[255:] + `"`},
		{"HTTPS", `1 . ipv4hint=10.0.0.2,10.0.0.1 alpn=h3,h2`, `1 . alpn="h3,h2" ipv4hint="10.0.0.2,10.0.0.1"`},
		{"HTTPS", `0 Alias.Example.com`, `0 alias.example.com.`},
		{"SVCB", `1 svc.example.com. port=8443 key667=hello`, `1 svc.example.com. port="8443" key667="hello"`},
	} {
		got, err := dns.Canonical(migration.RRset{Name: "X.Golemtrust.am", Type: c.typ, TTL: 60, Data: []string{c.in}})
		if err != nil || got.Name != "x.golemtrust.am." || len(got.Data) != 1 || got.Data[0] != c.want {
			t.Errorf("%s %s gives %v, %v; want %s", c.typ, c.in, got, err, c.want)
		}
	}
}

func TestCanonicalSortsAndForgetsDuplicates(t *testing.T) {
	a, err := dns.Canonical(migration.RRset{Name: "x.", Type: "AAAA", TTL: 5, Data: []string{"::2", "::1", "0::2"}})
	if err != nil || strings.Join(a.Data, " ") != "::1 ::2" {
		t.Errorf("got %v, %v", a, err)
	}
	none, err := dns.Canonical(migration.RRset{Name: "x.", Type: "A", TTL: 300})
	if err != nil || none.TTL != 0 || none.Data != nil {
		t.Errorf("an absent set is %+v, %v", none, err)
	}
}

func TestCanonicalRefuses(t *testing.T) {
	for _, c := range []struct {
		typ, data string
		ttl       uint32
		says      string
	}{
		{"A", "10.0.0", 60, "not the data"},
		{"A", "2001:db8::1", 60, "not the data"},
		{"AAAA", "10.0.0.1", 60, "not the data"},
		{"A", "10.0.0.1 10.0.0.2", 60, "not the data"},
		{"A", "10.0.0.1 ; and a comment", 60, "comment"},
		{"A", "10.0.0.1\nevil 60 IN A 10.0.0.2", 60, "one line"},
		{"A", "", 60, "empty"},
		{"A", `\# 0`, 60, ""},
		{"CNAME", "a..b", 60, ""},
		{"TXT", `"open`, 60, ""},
		{"HTTPS", "1 . alpn=h2 alpn=h3", 60, ""},
		{"MX", "10 mail.", 60, "not handled; the types are A, AAAA"},
		{"A", "10.0.0.1", 1 << 31, "TTL"},
	} {
		got, err := dns.Canonical(migration.RRset{Name: "x.", Type: c.typ, TTL: c.ttl, Data: []string{c.data}})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %q gives %v, %v; want an error with %q", c.typ, c.data, got, err, c.says)
		}
	}
}

// What is canonical stays as it is, is one record, and comes back from the wire
// as it went: otherwise a set that was observed could not be demanded.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "::1", "a.b.", `"a" "b"`, `\# 4 0a000001`, `1 . alpn="h2" ipv6hint="::1"`,
		`0 x.`, `"\255\000"`, "(a\n)", `1 a\.b. key9="\"x\\,"`, "1 . mandatory=port port=1", "$INCLUDE x", "; x"} {
		f.Add("A", s)
		f.Add("TXT", s)
		f.Add("HTTPS", s)
		f.Add("CNAME", s)
	}
	f.Fuzz(func(t *testing.T, typ, data string) {
		once, err := dns.Canonical(migration.RRset{Name: "x.", Type: typ, TTL: 1, Data: []string{data}})
		if err != nil {
			return
		}
		if len(once.Data) != 1 {
			t.Fatalf("%s %q gives %d records", typ, data, len(once.Data))
		}
		twice, err := dns.Canonical(once)
		if err != nil || !twice.Same(once) {
			t.Fatalf("%s %q: %v becomes %v, %v", typ, data, once, twice, err)
		}
		records, err := dns.Records(once)
		if err != nil {
			t.Fatal(err)
		}
		sets, err := dns.Sets(records)
		if err != nil || len(sets) != 1 || !sets[0].Same(once) {
			t.Fatalf("%s %q: %v comes back as %v, %v", typ, data, once, sets, err)
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"a.b", `a\.b.c.`, `\000.x`, "ÄÖ.", "*.", strings.Repeat("a.", 127)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once, err := dns.Name(in)
		if err != nil {
			return
		}
		if twice, err := dns.Name(once); err != nil || twice != once {
			t.Fatalf("%q becomes %q becomes %q, %v", in, once, twice, err)
		}
	})
}

func TestNamesMustBeInTheZone(t *testing.T) {
	apex, names, err := dns.Names("Golemtrust.am", []string{"b.golemtrust.am", "A.golemtrust.am.", "a.golemtrust.am", "golemtrust.am"})
	if err != nil || apex != zone || strings.Join(names, " ") != "a.golemtrust.am. b.golemtrust.am. golemtrust.am." {
		t.Errorf("got %q %q, %v", apex, names, err)
	}
	for _, n := range []string{"x.example.", "xgolemtrust.am.", "am.", "..", ""} {
		if _, _, err := dns.Names(zone, []string{n}); err == nil {
			t.Errorf("%q passes for a name in %s", n, zone)
		}
	}
}
