package rfc2136_test

import (
	"os"
	"strings"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns/dnstest"
	"rehome.dev/rehome/internal/dns/rfc2136"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/dns/bindtest"
)

var _ engine.DNS = (*rfc2136.Provider)(nil)

// otherSecret is a valid secret that no server has.
const otherSecret = "b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmU="

func TestAgainstBIND(t *testing.T) {
	dnstest.Run(t, func(t *testing.T, o dnstest.Options) dnstest.Fixture {
		s := start(t, o)
		c := newCourier(t, s.Primary)
		settings := settingsFor(s)
		settings["server"] = c.address
		direct, viaCourier := newProvider(t, settingsFor(s)), newProvider(t, settings)
		p := &switchable{Provider: direct}
		return dnstest.Fixture{
			Provider: p, Denied: newProvider(t, with(settingsFor(s), "tsigSecretFile", secretFile(t, otherSecret))),
			Primary: s.Primary.String(), Secondary: s.Secondary.String(),
			Foreign:     func(sets ...migration.RRset) { foreign(t, s, sets) },
			StopPrimary: s.StopPrimary, StopSecondary: s.StopSecondary, CatchUp: s.CatchUp,
			Delay:   func() { p.next = viaCourier; c.take(keep) },
			Copy:    func() { p.next = viaCourier; c.take(keepCopy) },
			Deliver: c.deliver,
		}
	})
}

func theSwitch() migration.SwapRecords {
	return migration.SwapRecords{Zone: dnstest.Zone, Purpose: migration.ForSwitch,
		Before: []migration.RRset{serviceSet(300, dnstest.OldAddress)}, After: []migration.RRset{serviceSet(60, dnstest.NewAddress)}}
}

// Why an alias demands the absence of everything else: BIND carries the message
// out, leaves the CNAME away, and the name has no address any more.
func TestBINDSilentlyLeavesOutACNAMEBesideOtherData(t *testing.T) {
	s := bindtest.Start(t, bindtest.WithRecords(dnstest.Service+" 60 IN TXT \"of somebody else\""))
	m := new(miekg.Msg).SetUpdate(s.Zone)
	m.RemoveRRset(s.Ask(s.Primary, dnstest.Service, miekg.TypeA))
	alias, err := miekg.NewRR(dnstest.Service + " 60 IN CNAME lb.example.com.")
	if err != nil {
		t.Fatal(err)
	}
	m.Insert([]miekg.RR{alias})
	send(t, s, s.Primary, m)
	if got := s.Ask(s.Primary, dnstest.Service, miekg.TypeA); len(got) != 0 {
		t.Errorf("BIND now answers %v; is the guard still needed?", got)
	}
}

func TestMistakesAreToldApart(t *testing.T) {
	s := bindtest.Start(t)
	unseen := theSwitch()
	unseen.Zone = "unseen-university.am."
	unseen.Before[0].Name, unseen.After[0].Name = "x.unseen-university.am.", "x.unseen-university.am."
	for _, c := range []struct {
		name   string
		change migration.SwapRecords
		set    []string
		want   migration.Outcome
		says   []string
	}{
		{"wrong secret", theSwitch(), []string{"tsigSecretFile", secretFile(t, otherSecret)}, migration.OutcomeNotDone, []string{"BADSIG", "tsigSecretFile"}},
		{"wrong key name", theSwitch(), []string{"tsigName", "nobody"}, migration.OutcomeNotDone, []string{"BADKEY", "nobody.", "tsigName"}},
		{"wrong algorithm", theSwitch(), []string{"tsigAlgorithm", "hmac-sha512"}, migration.OutcomeNotDone, []string{"BADKEY", "tsigAlgorithm"}},
		{"no such file", theSwitch(), []string{"tsigSecretFile", "/nonexistent/key"}, migration.OutcomeNotDone, []string{"tsigSecretFile", "/nonexistent/key", "base64"}},
		{"unknown zone", unseen, nil, migration.OutcomeNotDone, []string{"NOTAUTH", "unseen-university.am."}},
		{"the secondary", theSwitch(), []string{"server", s.Secondary.String()}, migration.OutcomeNotDone, []string{"REFUSED|NOTIMP|NOTAUTH"}},
		{"nobody there", theSwitch(), []string{"server", "127.0.0.1:1"}, migration.OutcomeNotDone, []string{"nothing was sent", "refused"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProvider(t, with(settingsFor(s), c.set...))
			got, err := p.Swap(t.Context(), c.change)
			if got != c.want || err == nil {
				t.Fatalf("ended %s, %v; want %s and an error", got, err, c.want)
			}
			t.Log(err)
			for _, says := range c.says {
				if !containsAny(err.Error(), strings.Split(says, "|")) {
					t.Errorf("%q does not say %s", err, says)
				}
			}
			if strings.Contains(err.Error(), s.Secret) || strings.Contains(err.Error(), otherSecret) {
				t.Errorf("%q tells the secret", err)
			}
		})
	}
	if got := s.Ask(s.Primary, dnstest.Service, miekg.TypeA)[0].(*miekg.A).A.String(); got != dnstest.OldAddress {
		t.Errorf("the record is now %s", got)
	}
}

func containsAny(text string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

func TestClocksThatDifferAreTold(t *testing.T) {
	s := bindtest.Start(t)
	p := newProvider(t, settingsFor(s))
	rfc2136.SetClock(p, func() time.Time { return time.Now().Add(-time.Hour) })
	got, err := p.Swap(t.Context(), theSwitch())
	if got != migration.OutcomeNotDone || err == nil || !strings.Contains(err.Error(), "BADTIME") {
		t.Errorf("ended %s, %v", got, err)
	}
}

func TestTheSecretIsReadAtEachUse(t *testing.T) {
	s := bindtest.Start(t)
	path := secretFile(t, otherSecret)
	p := newProvider(t, with(settingsFor(s), "tsigSecretFile", path))
	if err := p.Check(t.Context(), dnstest.Zone); err == nil || !strings.Contains(err.Error(), "BADSIG") {
		t.Errorf("with the wrong secret: %v", err)
	}
	if err := os.WriteFile(path, []byte(" "+s.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(t.Context(), dnstest.Zone); err != nil {
		t.Errorf("with the right secret: %v", err)
	}
	t.Setenv("REHOME_TEST_TSIG", s.Secret)
	p = newProvider(t, with(settingsFor(s), "tsigSecretFile", "", "tsigSecretEnv", "REHOME_TEST_TSIG"))
	if got, err := p.Swap(t.Context(), theSwitch()); got != migration.OutcomeDone {
		t.Errorf("with the secret in a variable: %s, %v", got, err)
	}
}

func TestCheckChangesNothing(t *testing.T) {
	s := bindtest.Start(t)
	before := s.Serial(s.Primary)
	if err := newProvider(t, settingsFor(s)).Check(t.Context(), dnstest.Zone); err != nil {
		t.Error(err)
	}
	if after := s.Serial(s.Primary); after != before {
		t.Errorf("the serial went from %d to %d", before, after)
	}
	if err := newProvider(t, settingsFor(s)).Check(t.Context(), "unseen-university.am."); err == nil {
		t.Error("an unknown zone passes")
	}
}

func TestAPrimaryThatStandsStillLeavesTheOutcomeUnknown(t *testing.T) {
	s := bindtest.Start(t)
	p := newProvider(t, with(settingsFor(s), "timeout", "300ms"))
	s.PausePrimary()
	got, err := p.Swap(t.Context(), theSwitch())
	if got != migration.OutcomeUnknown || err == nil {
		t.Errorf("ended %s, %v", got, err)
	}
	facts, err := p.Observe(t.Context(), dnstest.Zone, "", []string{dnstest.Service})
	if err != nil || facts.Servers[0].Err == "" || facts.Servers[1].Err != "" {
		t.Errorf("the pausing primary and its secondary are seen as %+v, %v", facts.Servers, err)
	}
	s.ResumePrimary()
	eventually(t, "the change that was unknown is made", func() bool {
		return s.Ask(s.Primary, dnstest.Service, miekg.TypeA)[0].(*miekg.A).A.String() == dnstest.NewAddress
	})
}

func TestServersAreFoundByTheZonesOwnNSRecords(t *testing.T) {
	s := bindtest.Start(t, bindtest.WithRecords("@ 300 IN NS ns3", "ns3 300 IN AAAA ::1", "ns3 300 IN A 127.0.0.1"))
	p := newProvider(t, with(settingsFor(s), "servers", ""))
	rfc2136.SetNameServerPort(p, s.Primary.Port())
	facts, err := p.Observe(t.Context(), dnstest.Zone, "", []string{dnstest.Service})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range facts.Servers {
		answered := "answers"
		if f.Err != "" {
			answered = "does not answer"
		}
		got = append(got, strings.TrimSpace(f.Server+" "+strings.TrimSuffix(f.Address, ":"+port(s))+" "+answered))
	}
	want := "ns1.golemtrust.am. 127.0.0.1 answers\nns2.golemtrust.am. 127.0.0.1 answers\n" +
		"ns3.golemtrust.am. 127.0.0.1 answers\nns3.golemtrust.am. [::1] does not answer"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	s.StopPrimary()
	if facts, err := p.Observe(t.Context(), dnstest.Zone, "", []string{dnstest.Service}); err == nil || !strings.Contains(err.Error(), "servers") {
		t.Errorf("with nobody to ask for the name servers: %+v, %v", facts, err)
	}
}

func port(s *bindtest.Server) string {
	_, p, _ := strings.Cut(s.Primary.String(), ":")
	return p
}
