// Package bindtest starts a real BIND primary and secondary on loopback addresses
// for tests. It needs no network namespace and, where Debian's bind9 is installed,
// no root; with root it installs the package where it is missing.
//
// It knows nothing of the code under test: what a test asks or changes it does
// over the wire.
package bindtest

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"rehome.dev/rehome/lab/apt"
	labdns "rehome.dev/rehome/lab/dns"
	"rehome.dev/rehome/lab/freeport"
)

// KeyName is the TSIG key's name as miekg/dns writes it.
const KeyName = "rehome."

const startDeadline = 20 * time.Second

// Server is a zone on a primary and a secondary, both of them stopped at the
// test's end.
type Server struct {
	Zone      string         // "golemtrust.am."
	Primary   netip.AddrPort // takes updates signed with the key
	Secondary netip.AddrPort

	Secret     string // base64
	SecretFile string // the same, alone in a file with mode 0600

	t                  testing.TB
	primary, secondary *daemon
}

type options struct {
	zone    labdns.Zone
	lagging bool
}

// Option changes what Start starts.
type Option func(*options)

// WithRecords adds records in presentation format to the zone; names without a
// final dot are below the zone.
func WithRecords(records ...string) Option {
	return func(o *options) { o.zone.Records = append(o.zone.Records, records...) }
}

// WithLaggingSecondary makes the secondary serve the old zone until CatchUp.
func WithLaggingSecondary() Option {
	return func(o *options) { o.lagging = true }
}

// Start returns when both servers answer with authority. The zone holds SOA
// (negative TTL 5 s), NS, ns1, ns2 (127.0.0.1), and for
// royal-bank-api.golemtrust.am and rehearsal.royal-bank-api.golemtrust.am each
// `300 IN A 10.77.0.20`.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	install(t)
	loopback := netip.MustParseAddr("127.0.0.1")
	o := options{zone: labdns.DefaultZone(loopback, loopback, netip.MustParseAddr("10.77.0.20"), 300)}
	for _, opt := range opts {
		opt(&o)
	}
	key := labdns.NewKey("rehome")
	dir := t.TempDir()
	s := &Server{
		Zone: o.zone.Name, Primary: freeport.On(t, loopback), Secondary: freeport.On(t, loopback),
		Secret: key.Secret(), SecretFile: filepath.Join(dir, "tsig.key"), t: t,
	}
	for s.Secondary == s.Primary { // nobody listens yet, so the same one may be found again
		s.Secondary = freeport.On(t, loopback)
	}
	if err := key.WriteSecret(s.SecretFile); err != nil {
		t.Fatal(err)
	}
	s.primary = newDaemon(t, labdns.Named{Dir: filepath.Join(dir, "ns1"), Listen: s.Primary, Peer: s.Secondary,
		Zones: []labdns.Zone{o.zone}, Key: key, Primary: true, Silent: o.lagging})
	s.secondary = newDaemon(t, labdns.Named{Dir: filepath.Join(dir, "ns2"), Listen: s.Secondary, Peer: s.Primary,
		Zones: []labdns.Zone{o.zone}, Key: key, Silent: o.lagging})
	s.primary.start()
	s.primary.await(s.Zone)
	s.secondary.start()
	s.secondary.await(s.Zone)
	return s
}

// StopPrimary ends the primary; its zone and journal stay for StartPrimary.
func (s *Server) StopPrimary() { s.primary.stop() }

// StartPrimary starts the primary again at the same address.
func (s *Server) StartPrimary() { s.primary.start(); s.primary.await(s.Zone) }

// StopSecondary ends the secondary.
func (s *Server) StopSecondary() { s.secondary.stop() }

// StartSecondary starts the secondary again at the same address.
func (s *Server) StartSecondary() { s.secondary.start(); s.secondary.await(s.Zone) }

// PausePrimary keeps the primary from answering while packets still reach its
// socket: a request sent meanwhile is carried out at ResumePrimary, as a packet is
// that the network delayed.
func (s *Server) PausePrimary() { s.primary.pause() }

// ResumePrimary lets a paused primary go on.
func (s *Server) ResumePrimary() { s.primary.resume() }

// CatchUp lets a lagging secondary take the primary's zone and returns when both
// have the same serial.
func (s *Server) CatchUp() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), startDeadline)
	defer cancel()
	notify := new(dns.Msg).SetNotify(s.Zone)
	if _, _, err := new(dns.Client).ExchangeContext(ctx, notify, s.Secondary.String()); err != nil {
		s.t.Fatalf("notify the secondary: %v", err)
	}
	for s.Serial(s.Primary) != s.Serial(s.Secondary) {
		pause(s.t, ctx, "the secondary never reached the primary's serial")
	}
}

// Serial is the zone's serial at one of the servers.
func (s *Server) Serial(at netip.AddrPort) uint32 {
	s.t.Helper()
	for _, rr := range s.Ask(at, s.Zone, dns.TypeSOA) {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial
		}
	}
	s.t.Fatalf("%s has no SOA for %s", at, s.Zone)
	return 0
}

// Ask returns the answer section for a question put to one of the servers, without
// recursion. No answer within 2 s fails the test.
func (s *Server) Ask(at netip.AddrPort, name string, rrtype uint16) []dns.RR {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Second)
	defer cancel()
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), rrtype)
	m.RecursionDesired = false
	reply, _, err := new(dns.Client).ExchangeContext(ctx, m, at.String())
	if err != nil {
		s.t.Fatalf("ask %s for %s: %v", at, name, err)
	}
	return reply.Answer
}

// Update sends a signed update past the code under test, as another person or
// controller would, and fails the test unless it is carried out. Each of insert is
// a record in presentation format and replaces the whole set of its name and type.
func (s *Server) Update(insert ...string) {
	s.t.Helper()
	m := new(dns.Msg).SetUpdate(s.Zone)
	for _, text := range insert {
		rr, err := dns.NewRR(text)
		if err != nil {
			s.t.Fatalf("record %q: %v", text, err)
		}
		m.RemoveRRset([]dns.RR{rr})
		m.Insert([]dns.RR{rr})
	}
	m.SetTsig(KeyName, dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{TsigSecret: map[string]string{KeyName: s.Secret}, Timeout: 5 * time.Second}
	reply, _, err := c.Exchange(m, s.Primary.String())
	if err != nil {
		s.t.Fatalf("update: %v", err)
	}
	if reply.Rcode != dns.RcodeSuccess {
		s.t.Fatalf("update: the primary answers %s", dns.RcodeToString[reply.Rcode])
	}
}

func install(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := apt.Install(ctx, "bind9"); err != nil {
		t.Fatal(err)
	}
}
