package workload

import (
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// machine is one on which everything was looked at, and nothing was seen.
func machine(name string, change func(*inventory.Facts)) inventory.Facts {
	f := inventory.Facts{
		Target: inventory.Target{Host: "ssh://" + name}, Host: inventory.Host{Name: name}, Ended: noon,
		Coverage: inventory.Coverage{Samples: 60, Planned: 60, Every: time.Second},
		Looked:   []inventory.Subject{inventory.SubjectMachine, inventory.SubjectFiles, inventory.SubjectMounts, inventory.SubjectPeers, inventory.SubjectProcesses, inventory.SubjectTrees},
	}
	if change != nil {
		change(&f)
	}
	return f
}

func of(machines ...inventory.Facts) inventory.Report { return inventory.Report{Machines: machines} }

func writes(path string, class inventory.FileClass, size, growth int64) func(*inventory.Facts) {
	return func(f *inventory.Facts) {
		f.Files = append(f.Files, inventory.File{Path: path, Class: class, Written: true, Seen: 41, Size: size, Growth: growth})
	}
}

func uses(s inventory.Store) func(*inventory.Facts) {
	return func(f *inventory.Facts) { f.Stores = append(f.Stores, s) }
}

func with(changes ...func(*inventory.Facts)) func(*inventory.Facts) {
	return func(f *inventory.Facts) {
		for _, c := range changes {
			c(f)
		}
	}
}

func at(address string) func(*inventory.Facts) {
	return func(f *inventory.Facts) {
		f.Host.Interfaces = []inventory.Interface{{Name: "ens3", Addresses: []string{address + "/24", "127.0.0.1/8"}}}
	}
}

func dials(address string, port int) func(*inventory.Facts) {
	return func(f *inventory.Facts) {
		f.Peers = append(f.Peers, inventory.Peer{Direction: inventory.Dialled, Address: address, Port: port, Seen: 60})
	}
}

func serves(port int) func(*inventory.Facts) {
	return func(f *inventory.Facts) { f.Listeners = append(f.Listeners, inventory.Listener{Port: port}) }
}

func namesItself(f *inventory.Facts) {
	f.Trees = []inventory.Tree{{Path: "/etc/x", Entries: []inventory.TreeEntry{{Path: "node.conf", PerHost: true}}}}
}

var ownPostgres = inventory.Store{Kind: "postgresql", Role: "database", Where: "127.0.0.1:5432", Own: true, Local: true, Why: "it is the process"}

// Each rule has what makes it fire, and its neighbour that does not.
func TestRules(t *testing.T) {
	cases := []struct {
		name   string
		report inventory.Report
		rule   Rule
		fires  bool
	}{
		{"data on the disk", of(machine("a", writes("/var/lib/x/a.db", inventory.FileData, 1, 0))), RuleStorage, true},
		{"data in a group", of(machine("a", func(f *inventory.Facts) {
			f.Groups = []inventory.FileGroup{{Directory: "/var/lib/x/up", Class: inventory.FileData, Count: 9, Created: 1}}
		})), RuleStorage, true},
		{"data that is only read", of(machine("a", func(f *inventory.Facts) {
			f.Files = []inventory.File{{Path: "/srv/x/a.db", Class: inventory.FileData, Read: true}}
		})), RuleStorage, false},
		{"data on nfs", of(machine("a", with(writes("/mnt/x/a.db", inventory.FileData, 1, 0), func(f *inventory.Facts) {
			f.Mounts = []inventory.Mount{{Point: "/mnt", FSType: "nfs4", Network: true}}
		}))), RuleStorage, false},
		{"data on nfs is shared", of(machine("a", with(writes("/mnt/x/a.db", inventory.FileData, 1, 0), func(f *inventory.Facts) {
			f.Mounts = []inventory.Mount{{Point: "/", FSType: "ext4"}, {Point: "/mnt", FSType: "nfs4", Network: true}}
		}))), RuleShared, true},
		{"session files", of(machine("a", writes("/var/lib/php/sessions/sess_1", inventory.FileSession, 1, 0))), RuleSessions, true},
		{"a log", of(machine("a", writes("/var/log/x.log", inventory.FileLog, 1, 0))), RuleStorage, false},
		{"a log is scratch", of(machine("a", writes("/var/log/x.log", inventory.FileLog, 1, 0))), RuleScratch, true},
		{"a log and data are not", of(machine("a", with(writes("/var/log/x.log", inventory.FileLog, 1, 0), writes("/srv/x", inventory.FileData, 1, 0)))), RuleScratch, false},
		{"a log and something strange are not", of(machine("a", with(writes("/var/log/x.log", inventory.FileLog, 1, 0), writes("/srv/x", inventory.FileOther, 1, 0)))), RuleScratch, false},
		{"nothing written", of(machine("a", nil)), RuleReadOnly, true},
		{"nothing written, not looked at whole", of(machine("a", blindTo(inventory.SubjectFiles))), RuleReadOnly, false},
		{"a database of its own", of(machine("a", uses(ownPostgres))), RuleStore, true},
		{"a database next door", of(machine("a", uses(inventory.Store{Kind: "postgresql", Role: "database", Local: true}))), RuleStore, false},
		{"a database next door is not outside", of(machine("a", uses(inventory.Store{Kind: "postgresql", Role: "database", Local: true}))), RuleOutside, false},
		{"a database outside", of(machine("a", uses(inventory.Store{Kind: "postgresql", Role: "database", Where: "db:5432"}))), RuleOutside, true},
		{"a mail server outside is no state", of(machine("a", uses(inventory.Store{Kind: "smtp", Role: "mail", Where: "mx:25"}))), RuleOutside, false},
		{"a redis outside", of(machine("a", uses(inventory.Store{Kind: "redis", Role: "cache", Where: "r:6379"}))), RuleCache, true},
		{"a redis outside, and session files", of(machine("a", with(uses(inventory.Store{Kind: "redis", Role: "cache"}), writes("/s/sess_1", inventory.FileSession, 1, 0)))), RuleCache, false},
		{"one instance of a store", of(machine("a", uses(ownPostgres))), RuleOrder, false},
		{"two instances of a store", of(machine("a", uses(ownPostgres)), machine("b", uses(ownPostgres))), RuleOrder, true},
		{"two of something else", of(machine("a", nil), machine("b", nil)), RuleOrder, false},
		{"two that dial each other", of(machine("a", with(at("192.0.2.1"), dials("192.0.2.2", 7000))), machine("b", with(at("192.0.2.2"), serves(7000)))), RuleIdentity, true},
		{"one that dials a store beside the other", of(machine("a", with(at("192.0.2.1"), dials("192.0.2.2", 5432))), machine("b", with(at("192.0.2.2"), serves(7000)))), RuleIdentity, false},
		{"two that dial a third", of(machine("a", with(at("192.0.2.1"), dials("192.0.2.9", 7000))), machine("b", at("192.0.2.2"))), RuleIdentity, false},
		{"two that dial a third are twins", of(machine("a", with(at("192.0.2.1"), dials("192.0.2.9", 7000))), machine("b", at("192.0.2.2"))), RuleTwins, true},
		{"two that dial each other are none", of(machine("a", with(at("192.0.2.1"), dials("192.0.2.2", 7000))), machine("b", with(at("192.0.2.2"), serves(7000)))), RuleTwins, false},
		{"two whose peers nobody saw", of(machine("a", nil), machine("b", blindTo(inventory.SubjectPeers))), RuleTwins, false},
		{"two behind a sticky proxy", of(machine("a", func(f *inventory.Facts) { f.Proxies = []inventory.Proxy{{Kind: "nginx", Sticky: "ip_hash"}} }), machine("b", nil)), RuleTwins, false},
		{"one alone has no twin", of(machine("a", nil)), RuleTwins, false},
		{"settings that name the machine", of(machine("a", namesItself)), RuleIdentity, false},
		{"a group", of(machine("a", func(f *inventory.Facts) { f.Listeners = []inventory.Listener{{Address: "239.0.0.1", Multicast: true}} })), RuleIdentity, true},
		{"memcached", of(machine("a", uses(inventory.Store{Kind: "memcached", Role: "cache", Own: true}))), RuleIdentity, true},
		{"memcached keeps nothing", of(machine("a", uses(inventory.Store{Kind: "memcached", Role: "cache", Own: true}))), RuleStore, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(migration.Workload{Name: "x", Kind: migration.KindAuto, Replicas: 1}, c.report)
			fired := false
			for _, f := range append(d.For, d.Against...) {
				if f.Rule != c.rule {
					continue
				}
				fired = true
				if f.Text == "" || len(f.Evidence) == 0 || f.Evidence[0].Machine == "" || f.Evidence[0].At != noon {
					t.Errorf("fires without evidence: %+v", f)
				}
			}
			if fired != c.fires {
				t.Errorf("%s fires: %v\n%+v", c.rule, fired, d)
			}
		})
	}
}

func blindTo(s inventory.Subject) func(*inventory.Facts) {
	return func(f *inventory.Facts) {
		f.Gaps = append(f.Gaps, inventory.Gap{Subject: s, What: "of another user", Why: "permission denied"})
	}
}

func TestVerdicts(t *testing.T) {
	data := writes("/var/lib/x/a.db", inventory.FileData, 1, 0)
	volume := []migration.Storage{{Name: "x", Path: "/var/lib/x", SizeBytes: 1 << 30}}
	cases := []struct {
		name     string
		declared migration.Kind
		storage  []migration.Storage
		report   inventory.Report
		kind     migration.Kind
		verdict  migration.Verdict
		remedy   string
	}{
		{"nothing against a Deployment", migration.KindDeployment, nil, of(machine("a", nil)), migration.KindDeployment, migration.Pass, ""},
		{"a Deployment with data", migration.KindDeployment, nil, of(machine("a", data)), migration.KindStatefulSet, migration.Fail, "kind: StatefulSet"},
		{"data on one machine of two", migration.KindDeployment, nil, of(machine("a", nil), machine("b", data)), migration.KindStatefulSet, migration.Fail, "kind: StatefulSet"},
		{"a StatefulSet of nothing", migration.KindStatefulSet, volume, of(machine("a", nil)), migration.KindDeployment, migration.Fail, "kind: Deployment"},
		{"a StatefulSet with data", migration.KindStatefulSet, volume, of(machine("a", data)), migration.KindStatefulSet, migration.Pass, ""},
		{"a StatefulSet without storage", migration.KindStatefulSet, nil, of(machine("a", data)), migration.KindStatefulSet, migration.Fail, "declare storage"},
		{"a store without storage", migration.KindStatefulSet, nil, of(machine("a", uses(ownPostgres))), migration.KindStatefulSet, migration.Fail, "declare storage"},
		{"auto, and data", migration.KindAuto, nil, of(machine("a", data)), migration.KindStatefulSet, migration.Pass, "kind: StatefulSet"},
		{"auto, and nothing", "", nil, of(machine("a", nil)), migration.KindDeployment, migration.Pass, "kind: Deployment"},
		{"auto, and something strange", migration.KindAuto, nil, of(machine("a", writes("/srv/odd", inventory.FileOther, 1, 0))), migration.KindAuto, migration.Unknown, "or write kind"},
		{"declared, and something strange", migration.KindDeployment, nil, of(machine("a", writes("/srv/odd", inventory.FileOther, 1, 0))), migration.KindDeployment, migration.Pass, ""},
		{"not seen whole", migration.KindDeployment, nil, of(machine("a", blindTo(inventory.SubjectFiles))), migration.KindAuto, migration.Unknown, "taken whole"},
		{"not seen whole, and data", migration.KindDeployment, nil, of(machine("a", with(blindTo(inventory.SubjectFiles), data))), migration.KindStatefulSet, migration.Fail, "kind: StatefulSet"},
		{"one machine unreachable", migration.KindDeployment, nil, of(machine("a", nil), inventory.Unreachable(inventory.Target{Host: "b"}, noon, "no route")), migration.KindAuto, migration.Unknown, "taken whole"},
		{"no machine", migration.KindDeployment, nil, of(), migration.KindAuto, migration.Unknown, "taken whole"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(migration.Workload{Name: "x", Kind: c.declared, Storage: c.storage}, c.report)
			if d.Kind != c.kind || d.Verdict != c.verdict || !strings.Contains(d.Remedy, c.remedy) || c.remedy == "" && d.Remedy != "" {
				t.Errorf("kind %s, %s, %q; wanted %s, %s, %q", d.Kind, d.Verdict, d.Remedy, c.kind, c.verdict, c.remedy)
			}
			if (d.Kind == migration.KindAuto) != strings.HasPrefix(d.Thumb, "nobody") || d.Kind == migration.KindAuto && len(d.Unknown) == 0 {
				t.Errorf("thumb %q, unknown %q", d.Thumb, d.Unknown)
			}
			if stateful := d.Kind == migration.KindStatefulSet || c.declared == migration.KindStatefulSet; stateful != (d.StatefulSet != nil) {
				t.Errorf("the StatefulSet is %+v", d.StatefulSet)
			}
		})
	}
}

func TestUnknownsAreNamed(t *testing.T) {
	d := Decide(migration.Workload{Name: "x"}, of(machine("a", with(
		blindTo(inventory.SubjectPeers), namesItself, writes("/srv/odd", inventory.FileOther, 1, 0), func(f *inventory.Facts) { f.Coverage.Samples = 1 }))))
	text := strings.Join(d.Unknown, "\n")
	for _, want := range []string{"a: the peers: of another user: permission denied", "a: what is in /srv/odd", "looked at once", "/etc/x/node.conf names the machine"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not among\n%s", want, text)
		}
	}
}

func TestVolumes(t *testing.T) {
	const gib = 1 << 30
	r := of(
		machine("small", writes("/var/lib/ledger/book.db", inventory.FileData, gib, 0)),
		machine("large", with(
			writes("/var/lib/ledger/book.db", inventory.FileData, 3*gib, 1<<20),
			writes("/var/lib/ledger/journal/1.wal", inventory.FileData, gib, 1<<20),
			writes("/var/lib/ledger/gone", inventory.FileData, 0, 0),
			writes("/srv/archive/2026/a.pdf", inventory.FileData, 1, 0),
			writes("/mnt/shared/a", inventory.FileData, 9*gib, 0),
			func(f *inventory.Facts) {
				f.Mounts = []inventory.Mount{{Point: "/", FSType: "ext4", Source: "/dev/vda1", Used: 50 * gib}, {Point: "/mnt/shared", FSType: "nfs4", Network: true}}
				f.Groups = []inventory.FileGroup{{Directory: "/srv/archive/2025", Class: inventory.FileData, Count: 900, Bytes: 2 * gib, Created: 3}}
				f.Usage.WriteBytes = 5 << 20
			})))
	got := Decide(migration.Workload{Name: "x", Kind: migration.KindAuto}, r).StatefulSet.Volumes
	want := []struct {
		name, path, why string
		gib             int64
	}{
		{"archive", "/srv/archive", "2.0 GiB on large, half of it on top; it was not seen to grow", 4}, // 2 GiB and a byte, and half
		{"ledger", "/var/lib/ledger", "4 GiB on large, half of it on top, and half a year's growth of 2 MiB an hour", 15},
	}
	if len(got) != len(want) {
		t.Fatalf("%d volumes: %+v", len(got), got)
	}
	for i, w := range want {
		v := got[i]
		if v.Name != w.name || v.Path != w.path || v.SizeBytes != w.gib*gib || !strings.Contains(v.Why, w.why) {
			t.Errorf("%+v", v)
		}
		if !strings.Contains(v.ClassWhy, "ReadWriteOnce") || !strings.Contains(v.ClassWhy, "5 MiB an hour") {
			t.Errorf("class: %s", v.ClassWhy)
		}
	}
	declared := Decide(migration.Workload{Name: "x", Kind: migration.KindStatefulSet, Storage: []migration.Storage{{Name: "l", Path: "/var/lib/ledger", SizeBytes: gib, Class: "fast"}}}, r).StatefulSet.Volumes
	if len(declared) != 1 || !declared[0].Declared || declared[0].Class != "fast" || !strings.Contains(declared[0].Why, "less than the 15 GiB") {
		t.Errorf("%+v", declared)
	}
}

// A file system that holds nothing else is as full as it says, not as what was
// seen open on it.
func TestVolumeOfItsOwnFileSystem(t *testing.T) {
	r := of(machine("a", with(writes("/var/lib/pg/main/base/1", inventory.FileData, 1, 0), func(f *inventory.Facts) {
		f.Mounts = []inventory.Mount{{Point: "/", FSType: "ext4", Used: 90 << 30}, {Point: "/var/lib/pg", Source: "/dev/vdb", FSType: "xfs", Block: true, Used: 10 << 30}}
	})))
	v := Decide(migration.Workload{Name: "x", Kind: migration.KindAuto}, r).StatefulSet.Volumes
	if len(v) != 1 || v[0].Path != "/var/lib/pg" || v[0].SizeBytes != 15<<30 || !strings.Contains(v[0].ClassWhy, "xfs on /dev/vdb") || !strings.Contains(v[0].ClassWhy, "a device of its own") {
		t.Errorf("%+v", v)
	}
}

func TestManagementAndOperators(t *testing.T) {
	two := Decide(migration.Workload{Name: "x", Kind: migration.KindAuto}, of(machine("a", uses(ownPostgres)), machine("b", uses(ownPostgres))))
	if s := two.StatefulSet; s.PodManagement != migration.ManageOrdered || s.UpdateStrategy != migration.UpdateOnDelete || s.Service != "x-headless" {
		t.Errorf("%+v", s)
	}
	if o := two.Operator; o == nil || o.Name != "CloudNativePG" {
		t.Errorf("operator %+v", o)
	}
	one := Decide(migration.Workload{Name: "x", Kind: migration.KindAuto, UpdateStrategy: migration.UpdateOnDelete}, of(machine("a", writes("/var/lib/x/a", inventory.FileData, 1, 0))))
	if s := one.StatefulSet; s.PodManagement != migration.ManageParallel || s.UpdateStrategy != migration.UpdateOnDelete || s.UpdateWhy != "declared" || one.Operator != nil {
		t.Errorf("%+v, %+v", s, one.Operator)
	}
	for _, kind := range clustered {
		s := inventory.Store{Kind: kind, Role: "database", Own: true}
		if Decide(migration.Workload{Name: "x"}, of(machine("a", uses(s)))).Kind != migration.KindStatefulSet {
			t.Errorf("%s is no StatefulSet", kind)
		}
	}
}

// A declared fix takes the contradiction only where its drill can prove all of it.
func TestOwed(t *testing.T) {
	sessions := writes("/var/lib/x/sessions/s1", inventory.FileSession, 1, 0)
	data := writes("/var/lib/x/a.db", inventory.FileData, 1, 0)
	fix := func(code migration.Code, drill migration.StagingDrill) migration.Fix {
		return migration.Fix{Code: code, Drill: drill, How: "sessions are signed cookies"}
	}
	session := fix(migration.CodeStateDisk, migration.DrillSession)
	for _, c := range []struct {
		name  string
		facts func(*inventory.Facts)
		fixes []migration.Fix
		want  migration.Verdict
	}{
		{"no fix", sessions, nil, migration.Fail},
		{"sessions, mended", sessions, []migration.Fix{fix(migration.CodeHealth, migration.DrillTruth), session}, migration.Pass},
		{"sessions, and another item mended", sessions, []migration.Fix{fix(migration.CodeConfigRO, migration.DrillReadOnly)}, migration.Fail},
		{"data, and sessions mended", data, []migration.Fix{session}, migration.Fail},
		{"both, and sessions mended", with(sessions, data), []migration.Fix{session}, migration.Fail},
		{"both, mended", with(sessions, data), []migration.Fix{session, fix(migration.CodeStateDisk, migration.DrillReplace)}, migration.Pass},
		{"a store of its own", with(sessions, uses(ownPostgres)), []migration.Fix{session}, migration.Fail},
	} {
		spec := migration.Spec{Workloads: []migration.Workload{{Name: "x", Kind: migration.KindDeployment}}, Fixes: c.fixes}
		d := Of(spec, of(machine("a", c.facts)))[0]
		if d.Verdict != c.want || (d.Fix != nil) != (c.want == migration.Pass) || d.Kind != migration.KindStatefulSet {
			t.Errorf("%s: %+v", c.name, d)
		}
		if d.Fix != nil && !strings.Contains(d.Remedy, "owed to the staging drill "+string(d.Fix.Drill)) {
			t.Errorf("%s: %q", c.name, d.Remedy)
		}
	}
}

// With several workloads, facts count for the one on whose port something listens.
func TestSeveralWorkloads(t *testing.T) {
	listens := func(port int) func(*inventory.Facts) {
		return func(f *inventory.Facts) { f.Listeners = append(f.Listeners, inventory.Listener{Port: port}) }
	}
	spec := migration.Spec{Workloads: []migration.Workload{
		{Name: "api", Kind: migration.KindDeployment, Ports: []migration.Port{{Port: 80}}},
		{Name: "store", Kind: migration.KindStatefulSet, Ports: []migration.Port{{Port: 5432}}, Storage: []migration.Storage{{Name: "d", Path: "/var/lib/postgresql", SizeBytes: 1 << 30}}},
		{Name: "worker", Kind: migration.KindDeployment},
	}}
	got := Of(spec, of(machine("a", listens(80)), machine("b", with(listens(5432), uses(ownPostgres)))))
	if got[0].Verdict != migration.Pass || got[0].Kind != migration.KindDeployment {
		t.Errorf("api: %+v", got[0])
	}
	if got[1].Kind != migration.KindStatefulSet || got[1].Verdict != migration.Pass {
		t.Errorf("store: %+v", got[1])
	}
	if got[2].Verdict != migration.Unknown || !strings.Contains(strings.Join(got[2].Unknown, " "), "none of them listens on a port of worker") {
		t.Errorf("worker: %+v", got[2])
	}
}
