package runbook

import (
	"slices"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

func TestAllServers(t *testing.T) {
	at := migration.StepLowerTTL
	lags := func(p *play) { p.w.server(2, "lags"); record(bank, "A", 3600, "203.0.113.9")(p) }
	checkGuard(t, allServers, []guardCase{
		{name: "all agree", step: at, want: "pass"},
		{name: "one silent", step: at, vary: oneSilent, want: "unknown, watches"},
		{name: "all silent", step: at, vary: allSilent, want: "unknown, watches"},
		{name: "never asked", step: at, see: func(l *look) { l.f.DNS = nil }, want: "unknown, watches"},
		{name: "one lags", step: at, vary: lags, want: "fail, watches"},
		{name: "another TTL only", step: at, vary: func(p *play) { p.w.server(2, "lags"); record(bank, "A", 60, oldAddr)(p) }, want: "fail, watches"},
		{name: "cannot see: other names of the zone", step: at, vary: func(p *play) { p.w.server(2, "lags"); record("other."+zoneOne, "A", 60, oldAddr)(p) }, want: "pass"},
	})
}

func TestOurs(t *testing.T) {
	at := migration.StepLowerTTL
	checkGuard(t, ours, []guardCase{
		{name: "as found", step: at, want: "pass"},
		{name: "another value", step: at, vary: record(bank, "A", 60, "203.0.113.9"), want: "fail, blocks"},
		{name: "one more value", step: at, vary: record(bank, "A", 60, oldAddr, "203.0.113.9"), want: "fail, blocks"},
		{name: "another family beside it", step: at, vary: record(bank, "AAAA", 60, "2001:db8::9"), want: "fail, blocks"},
		{name: "gone", step: at, vary: record(bank, "A", 60), want: "fail, blocks"},
		{name: "another TTL", step: at, vary: record(bank, "A", 17, oldAddr), want: "pass"},
		{name: "switched by this attempt", step: migration.StepWatch, want: "pass"},
		{name: "unseen", step: at, vary: allSilent, want: "unknown, watches"},
		{name: "cannot see: changed and changed back", step: at, vary: declared(record(bank, "A", 60, "203.0.113.9"), record(bank, "A", 3600, oldAddr)), want: "pass"},
	})
	checkGuard(t, stillOurs, []guardCase{
		{name: "as switched", step: migration.StepWatch, want: "pass"},
		{name: "led back", step: migration.StepWatch, vary: record(bank, "A", 60, oldAddr), want: "fail, blocks"},
		{name: "led elsewhere", step: migration.StepWatch, vary: record(bank, "A", 60, "203.0.113.9"), want: "fail, asks"},
		{name: "unseen after the switch", step: migration.StepWatch, vary: allSilent, want: "unknown, watches"},
	})
}

func TestFamilies(t *testing.T) {
	at := migration.StepLowerTTL
	checkGuard(t, families, []guardCase{
		{name: "A alone", step: at, want: "pass"},
		{name: "A and AAAA", step: at, vary: record(bank, "AAAA", 60, "2001:db8::1"), want: "pass"},
		{name: "HTTPS with hints", step: at, vary: record(bank, "HTTPS", 60, "1 . ipv4hint=192.0.2.20"), want: "fail, blocks"},
		{name: "SVCB", step: at, vary: record(bank, "SVCB", 60, "1 ."), want: "fail, blocks"},
		{name: "unseen", step: at, vary: allSilent, want: "unknown, watches"},
	})
}

func TestProviders(t *testing.T) {
	at := migration.StepLowerTTL
	provider := func(typ string) func(*play) {
		return policy(func(p *migration.Policy) {
			p.DNSProviders = []migration.Connection{{Name: "golem-dns", Type: typ}}
		})
	}
	for _, code := range []migration.Code{migration.CodeAtomic, migration.CodeSplit, migration.CodeNegative} {
		checkGuard(t, atomic(code, "it holds"), []guardCase{
			{name: string(code) + " by UPDATE", step: at, vary: provider("rfc2136"), want: "pass"},
			{name: string(code) + " of an unknown kind", step: at, vary: provider("azure"), want: "unknown, blocks"},
			{name: string(code) + " of an undeclared one", step: at, vary: policy(func(p *migration.Policy) { p.DNSProviders = nil }), want: "unknown, blocks"},
		})
	}
	checkGuard(t, private, []guardCase{
		{name: "servers answer", step: at, want: "pass"},
		{name: "one answers", step: at, vary: oneSilent, want: "pass"},
		{name: "none can be asked", step: at, vary: allSilent, want: "unknown, watches"},
	})
}

func TestFloor(t *testing.T) {
	at := migration.StepLead
	checkGuard(t, floor, []guardCase{
		{name: "as low as set", step: at, want: "pass"},
		{name: "raised", step: at, vary: record(bank, "A", 300, oldAddr), want: "fail, watches"},
		{name: "raised on one server", step: at, vary: func(p *play) { p.w.server(2, "lags"); record(bank, "A", 20, oldAddr)(p); p.s.Policy.TTL = 30 }, want: "fail, watches"},
		{name: "unseen", step: at, vary: allSilent, want: "unknown, watches"},
		{name: "cannot see: a silent server with another TTL", step: at, vary: oneSilent, want: "pass"},
	})
}

func TestLead(t *testing.T) {
	at := migration.StepLead
	highest := func(s uint32) func(*play) {
		return func(p *play) { p.s.TTLLow = &migration.TTLLow{Since: p.w.now.Add(-36 * time.Hour), Highest: s} }
	}
	checkGuard(t, lead, []guardCase{
		{name: "just lowered", step: at, want: "fail, waits"},
		{name: "never lowered", step: at, vary: func(p *play) { p.s.TTLLow = nil }, want: "fail, blocks"},
		{name: "a second too early", step: at, vary: later(24*time.Hour - time.Second), want: "fail, waits"},
		{name: "long enough", step: at, vary: later(24 * time.Hour), want: "pass"},
		{name: "the old TTL was longer", step: at, vary: highest(2 * 86400), want: "fail, waits"},
		{name: "and is over", step: at, vary: highest(86400), want: "pass"},
		{name: "cannot see: the TTL of a host that the name is a CNAME to", step: at, vary: later(24 * time.Hour), want: "pass"},
	})
}

func TestTypeKnown(t *testing.T) {
	at := migration.StepLowerTTL
	addresses := func(a ...string) func(*play) {
		return production(func(c *migration.ClusterFacts) {
			c.Exposures = slices.Clone(c.Exposures)
			c.Exposures[0].Addresses = a
		})
	}
	apex := spec(func(s *migration.Spec) { s.Names = []migration.Name{name(zoneOne, zoneOne)} })
	checkGuard(t, typeKnown, []guardCase{
		{name: "an address", step: at, want: "pass"},
		{name: "both families", step: at, vary: addresses(newAddr, "2001:db8::7"), want: "pass"},
		{name: "a host name", step: at, vary: addresses("lb.example."), want: "pass"},
		{name: "a host name at the apex", step: at, vary: declared(apex, addresses("lb.example.")), want: "fail, blocks"},
		{name: "an address at the apex", step: at, vary: apex, want: "pass"},
		{name: "host name and address", step: at, vary: addresses("lb.example.", newAddr), want: "fail, blocks"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
	})
}

func TestReplayFenced(t *testing.T) {
	generation := record(generationName(bank), "TXT", 60)
	checkGuard(t, replayFenced, []guardCase{
		{name: "generation there", step: migration.StepGo, want: "pass"},
		{name: "generation gone", step: migration.StepGo, vary: generation, want: "fail, blocks"},
		{name: "nothing had to be changed yet", step: migration.StepGo, vary: func(p *play) { generation(p); p.s.TTLLow = &migration.TTLLow{Highest: 60} }, want: "pass"},
		{name: "unseen", step: migration.StepGo, vary: allSilent, want: "unknown, watches"},
	})
}

func TestSwitchedEverywhere(t *testing.T) {
	at := migration.StepWatch
	lags := func(p *play) {
		p.w.server(2, "lags")
		p.w.zones[zoneOne][1] = server{sets: standAt(t, migration.StepSwitch).w.zones[zoneOne][1].sets, lags: true}
	}
	checkGuard(t, switchedEverywhere, []guardCase{
		{name: "every server", step: at, want: "pass"},
		{name: "not switched", step: migration.StepSwitch, want: "fail, blocks"},
		{name: "one lags", step: at, vary: lags, want: "fail, watches"},
		{name: "one lags for too long", step: at, vary: declared(lags, later(6*time.Minute)), want: "fail, asks"},
		{name: "one silent", step: at, vary: oneSilent, want: "fail, watches"},
		{name: "all silent", step: at, vary: allSilent, want: "unknown, watches"},
	})
}

func TestBackEverywhere(t *testing.T) {
	at := migration.StepWatch
	back := declared(record(bank, "A", 60, oldAddr))
	backOnOne := func(p *play) { p.w.server(2, "lags"); record(bank, "A", 60, oldAddr)(p) }
	allowed := func(p *play) {
		p.s.Overs = []migration.Over{{Set: migration.RRset{Name: bank, Type: "A", Data: []string{"203.0.113.9"}}}}
	}
	checkGuard(t, backEverywhere, []guardCase{
		{name: "back", step: at, vary: back, want: "pass"},
		{name: "nothing was switched", step: migration.StepGo, want: "pass"},
		{name: "not back", step: at, want: "fail, watches"},
		{name: "not back for long", step: at, vary: later(time.Hour), want: "fail, watches"},
		{name: "on one server", step: at, vary: backOnOne, want: "fail, watches"},
		{name: "on one server for longer than it may take", step: at, vary: declared(backOnOne, later(6*time.Minute)), want: "pass"},
		{name: "somebody else's value", step: at, vary: record(bank, "A", 60, "203.0.113.9"), want: "fail, watches"},
		{name: "somebody else's value that may stay", step: at, vary: declared(record(bank, "A", 60, "203.0.113.9"), allowed), want: "pass"},
		{name: "unseen", step: at, vary: allSilent, want: "unknown, watches"},
	})
	checkGuard(t, restoredEverywhere, []guardCase{
		{name: "TTL still low", step: migration.StepLead, vary: func(p *play) { p.s.Mode = migration.ModeAborting }, want: "fail, watches"},
		{name: "nothing was changed", step: migration.StepAssess, vary: func(p *play) { p.s.Mode = migration.ModeAborting }, want: "pass"},
		{name: "unseen in abort", step: migration.StepLead, vary: func(p *play) { p.s.Mode = migration.ModeAborting; allSilent(p) }, want: "unknown, watches"},
	})
}
