package ask_test

import (
	"net/netip"
	"strings"
	"testing"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns/ask"
)

func TestSplitAddress(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1":         "10.0.0.1 53",
		"10.0.0.1:5353":    "10.0.0.1 5353",
		"::1":              "::1 53",
		"[::1]":            "::1 53",
		"[::1]:5353":       "::1 5353",
		"ns1.example":      "ns1.example 53",
		"ns1.example:5353": "ns1.example 5353",
	} {
		host, port, err := ask.SplitAddress(in)
		if got := strings.Join([]string{host, itoa(port)}, " "); err != nil || got != want {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", ":53", "ns1:", "ns1:0", "ns1:65536", "ns1:dns", "a b", "http://ns1", "[::1", "a..b", "10.0.0.1:53:53"} {
		if host, port, err := ask.SplitAddress(in); err == nil {
			t.Errorf("%q gives %q %d", in, host, port)
		}
	}
}

func itoa(n uint16) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), n).String()[len("0.0.0.0:"):]
}

func FuzzSplitAddress(f *testing.F) {
	for _, s := range []string{"10.0.0.1:53", "[::1%lo]:53", "ns1", "ns1:53", "::ffff:1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		host, port, err := ask.SplitAddress(in)
		if err != nil {
			return
		}
		if host == "" || port == 0 || strings.ContainsAny(host, " \t\n/") {
			t.Fatalf("%q gives %q %d", in, host, port)
		}
		again, _, err := ask.SplitAddress(host)
		if err != nil || again != host {
			t.Fatalf("%q gives the host %q, which gives %q, %v", in, host, again, err)
		}
	})
}

func TestResolveKeepsWhatHasNoAddress(t *testing.T) {
	got := ask.Resolve(t.Context(), []string{"127.0.0.1:5353", "no address", "[::1]"})
	if len(got) != 3 || got[0].Address.String() != "127.0.0.1:5353" || got[1].Err == nil || got[2].Address.String() != "[::1]:53" {
		t.Errorf("got %+v", got)
	}
}

func TestDiscoverNeverLosesAServer(t *testing.T) {
	known := zoneOf("7", zone+" 60 IN NS ns1."+zone, zone+" 60 IN NS NS2."+zone, zone+" 60 IN NS ns3."+zone, zone+" 60 IN NS ns4."+zone,
		"ns1."+zone+" 60 IN A 127.0.0.2", "ns1."+zone+" 60 IN AAAA ::1", "ns1."+zone+" 60 IN A 127.0.0.1",
		"ns2."+zone+" 60 IN A 127.0.0.3", "ns4."+zone+" 60 IN A 127.0.0.4")
	_, at := serve(t, func(network string, q miekg.Question, reply *miekg.Msg) bool {
		if q.Name == "ns4."+zone && q.Qtype == miekg.TypeAAAA {
			reply.Rcode = miekg.RcodeServerFailure
		}
		return known(network, q, reply)
	})
	servers, err := client.Discover(t.Context(), ask.Server{Address: at}, zone, 5300)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range servers {
		where := s.Address.String()
		if s.Err != nil {
			where = "unknown"
		}
		got = append(got, strings.TrimSuffix(s.Name, "."+zone)+" "+where)
	}
	want := "ns1 127.0.0.1:5300, ns1 127.0.0.2:5300, ns1 [::1]:5300, ns2 127.0.0.3:5300, ns3 unknown, ns4 unknown"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

func TestDiscoverWithoutAnNSSetIsAnError(t *testing.T) {
	_, at := serve(t, zoneOf("7"))
	if got, err := client.Discover(t.Context(), ask.Server{Address: at}, zone, 53); err == nil {
		t.Errorf("got %+v", got)
	}
}
