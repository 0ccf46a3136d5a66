package bindtest_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"rehome.dev/rehome/lab/dns/bindtest"
)

const service = "royal-bank-api.golemtrust.am."

func addressAt(s *bindtest.Server, at netip.AddrPort) string {
	var found []string
	for _, rr := range s.Ask(at, service, dns.TypeA) {
		found = append(found, rr.(*dns.A).A.String())
	}
	return strings.Join(found, ",")
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAnUpdateReachesTheSecondaryByNotify(t *testing.T) {
	s := bindtest.Start(t, bindtest.WithRecords("other 60 IN AAAA 2001:db8::1"))
	for _, at := range []netip.AddrPort{s.Primary, s.Secondary} {
		if got := addressAt(s, at); got != "10.77.0.20" {
			t.Fatalf("%s answers %q before any change", at, got)
		}
		if got := s.Ask(at, "other."+s.Zone, dns.TypeAAAA); len(got) != 1 {
			t.Errorf("%s answers %v for the added record", at, got)
		}
	}
	s.Update(service + " 60 IN A 10.77.0.200")
	until(t, "secondary has the update", func() bool { return addressAt(s, s.Secondary) == "10.77.0.200" })
}

func TestOnlyTheKeyMayUpdate(t *testing.T) {
	s := bindtest.Start(t)
	rr, err := dns.NewRR(service + " 60 IN A 10.77.0.66")
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetUpdate(s.Zone)
	m.Insert([]dns.RR{rr})
	reply, err := dns.Exchange(m, s.Primary.String())
	if err != nil || reply.Rcode != dns.RcodeRefused {
		t.Errorf("an unsigned update: %v, %v; want REFUSED", reply, err)
	}
	if got := addressAt(s, s.Primary); got != "10.77.0.20" {
		t.Errorf("the record is now %s", got)
	}
	text, err := os.ReadFile(s.SecretFile)
	if err != nil || strings.TrimSpace(string(text)) != s.Secret {
		t.Errorf("the secret's file does not hold the secret (%v)", err)
	}
}

func TestALaggingSecondaryKeepsTheOldZoneUntilItCatchesUp(t *testing.T) {
	s := bindtest.Start(t, bindtest.WithLaggingSecondary())
	s.Update(service + " 60 IN A 10.77.0.200")
	if got := addressAt(s, s.Secondary); got != "10.77.0.20" {
		t.Fatalf("the lagging secondary already answers %s", got)
	}
	s.CatchUp()
	if got := addressAt(s, s.Secondary); got != "10.77.0.200" {
		t.Errorf("after catching up the secondary answers %s", got)
	}
}

func TestAPrimaryKeepsUpdatesOverARestart(t *testing.T) {
	s := bindtest.Start(t)
	s.Update(service + " 60 IN A 10.77.0.200")
	s.StopPrimary()
	if got := addressAt(s, s.Secondary); got == "" {
		t.Error("the secondary does not answer while the primary is away")
	}
	s.StartPrimary()
	if got := addressAt(s, s.Primary); got != "10.77.0.200" {
		t.Errorf("after the restart the primary answers %s", got)
	}
}

func TestAPausedPrimaryCarriesOutADelayedPacket(t *testing.T) {
	s := bindtest.Start(t)
	s.PausePrimary()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Update(service + " 60 IN A 10.77.0.200")
	}()
	select {
	case <-done:
		t.Error("a paused primary answered")
	case <-time.After(200 * time.Millisecond):
	}
	s.ResumePrimary()
	<-done
	if got := addressAt(s, s.Primary); got != "10.77.0.200" {
		t.Errorf("after resuming the primary answers %s", got)
	}
}
