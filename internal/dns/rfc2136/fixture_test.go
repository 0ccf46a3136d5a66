package rfc2136_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/dns/dnstest"
	"rehome.dev/rehome/internal/dns/rfc2136"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/dns/bindtest"
)

// switchable sends its next change by another way.
type switchable struct {
	*rfc2136.Provider
	next *rfc2136.Provider
}

func (s *switchable) Swap(ctx context.Context, c migration.SwapRecords) (migration.Outcome, error) {
	p := s.Provider
	if s.next != nil {
		p, s.next = s.next, nil
	}
	return p.Swap(ctx, c)
}

func start(t *testing.T, o dnstest.Options) *bindtest.Server {
	t.Helper()
	var opts []bindtest.Option
	for _, s := range o.Sets {
		records, err := dns.Records(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, rr := range records {
			opts = append(opts, bindtest.WithRecords(rr.String()))
		}
	}
	if o.Lagging {
		opts = append(opts, bindtest.WithLaggingSecondary())
	}
	return bindtest.Start(t, opts...)
}

func settingsFor(s *bindtest.Server) map[string]string {
	return map[string]string{
		"server": s.Primary.String(), "servers": s.Primary.String() + ", " + s.Secondary.String(),
		"tsigName": bindtest.KeyName, "tsigSecretFile": s.SecretFile, "timeout": "2s",
	}
}

func with(settings map[string]string, pairs ...string) map[string]string {
	for i := 0; i < len(pairs); i += 2 {
		settings[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "" {
			delete(settings, pairs[i])
		}
	}
	return settings
}

func newProvider(t *testing.T, settings map[string]string) *rfc2136.Provider {
	t.Helper()
	p, err := rfc2136.New(migration.Connection{Name: "lab", Type: "rfc2136", Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// foreign changes sets past the code under test.
func foreign(t *testing.T, s *bindtest.Server, sets []migration.RRset) {
	t.Helper()
	m := new(miekg.Msg).SetUpdate(s.Zone)
	for _, set := range sets {
		m.RemoveRRset([]miekg.RR{&miekg.ANY{Hdr: miekg.RR_Header{Name: set.Name, Rrtype: miekg.StringToType[set.Type]}}})
		records, err := dns.Records(set)
		if err != nil {
			t.Fatal(err)
		}
		m.Insert(records)
	}
	send(t, s, s.Primary, m)
}

// send signs and sends an update of the test's own.
func send(t *testing.T, s *bindtest.Server, at netip.AddrPort, m *miekg.Msg) {
	t.Helper()
	m.SetTsig(bindtest.KeyName, miekg.HmacSHA256, 300, time.Now().Unix())
	client := &miekg.Client{Net: "tcp", TsigSecret: map[string]string{bindtest.KeyName: s.Secret}, Timeout: 5 * time.Second}
	reply, _, err := client.Exchange(m, at.String())
	if err != nil || reply.Rcode != miekg.RcodeSuccess {
		t.Fatalf("update: %v, %v", reply, err)
	}
}

func serviceSet(ttl uint32, data ...string) migration.RRset {
	return migration.RRset{Name: dnstest.Service, Type: "A", TTL: ttl, Data: data}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}
