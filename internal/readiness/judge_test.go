package readiness

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// TestGoodApplicationIsReady shows that an honest yes is possible: nothing blocks,
// and the one thing that only staging can show is said to be owed.
func TestGoodApplicationIsReady(t *testing.T) {
	t.Parallel()
	a := Judge(input(good()))
	for _, f := range a.Findings {
		if f.Blocks || (!f.Verdict.OK() && f.Code != migration.CodeEgress) {
			t.Errorf("%s is %s, blocks %t: %s", f.Code, f.Verdict, f.Blocks, f.Observed)
		}
	}
	if !a.Ready || a.Expired || a.Effort != EffortConfigure || !a.Oldest.Equal(now.Add(-10*time.Minute)) || a.Migration != "bank" || !a.At.Equal(now) {
		t.Errorf("%+v", a)
	}
	if len(a.Work) != 1 || !slices.Equal(a.Work[0].Codes, []migration.Code{migration.CodeEgress}) {
		t.Errorf("work: %+v", a.Work)
	}
}

// TestNothingSeenPassesNothing: facts that nobody took, and no facts at all.
func TestNothingSeenPassesNothing(t *testing.T) {
	t.Parallel()
	blank := inventory.Facts{Target: inventory.Target{Host: "vm1"}, Began: now, Ended: now}
	for name, in := range map[string]Input{
		"unreachable": input(inventory.Unreachable(inventory.Target{Host: "vm1"}, now, "no route")),
		"blank":       input(blank),
		"none":        {Spec: input(good()).Spec, Policy: migration.DefaultPolicy(), Now: now},
		"zero":        {},
	} {
		a := Judge(in)
		if a.Ready {
			t.Errorf("%s: ready", name)
		}
		for _, f := range a.Findings {
			fine := f.Code == migration.CodeBaseImage || f.Code == migration.CodeStale && name == "blank" || f.Code == migration.CodeConfigDrift && name != "zero"
			if f.Verdict != migration.Unknown && !fine {
				t.Errorf("%s: %s is %s: %s", name, f.Code, f.Verdict, f.Observed)
			}
		}
	}
}

// weights says by which verdicts a finding blocks. It stands here once more
// because a slip of the table would let a move go on.
var weights = map[Weight][]migration.Code{
	Blocks: {migration.CodeConfigEnv, migration.CodeLogsStdout, migration.CodeStateDisk, migration.CodeHealth, migration.CodeSIGTERM,
		migration.CodeSecrets, migration.CodeData, migration.CodeResources, migration.CodeBaseImage,
		migration.CodeSplitWrites, migration.CodeCronTwice, migration.CodeConfigDrift, migration.CodeConfigRO, migration.CodeStale, migration.CodeEgress},
	BlocksSeen: {migration.CodeSticky, migration.CodeListenLocal, migration.CodePeerAddress, migration.CodeHostsFile, migration.CodeMulticast,
		migration.CodeNetworkFS, migration.CodeBlockDevice, migration.CodeLicence, migration.CodeSharedMemory, migration.CodeLocalMail,
		migration.CodeCapabilities, migration.CodeProbes},
	Advises: {migration.CodeHardAddress, migration.CodeMultiHomed, migration.CodePrivileged, migration.CodeRoot, migration.CodeKernel, migration.CodeSharedVM},
}

func TestWeights(t *testing.T) {
	t.Parallel()
	judged := 0
	for weight, codes := range weights {
		judged += len(codes)
		for _, code := range codes {
			i := slices.IndexFunc(rules(), func(r rule) bool { return r.code == code })
			if i < 0 {
				t.Errorf("nothing judges %s", code)
				continue
			}
			r := rules()[i]
			for verdict, blocks := range map[migration.Verdict]bool{fail: weight != Advises, unknown: weight == Blocks, pass: false} {
				if f := r.finding(opinion{verdict: verdict}); f.Blocks != blocks {
					t.Errorf("%s: %s blocks %t, want %t", code, verdict, f.Blocks, blocks)
				}
			}
			if f := r.finding(opinion{verdict: unknown, later: true}); f.Blocks {
				t.Errorf("%s: what only staging can show blocks", code)
			}
		}
	}
	if judged != len(rules()) {
		t.Errorf("%d codes here, %d rules", judged, len(rules()))
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	items, titles := Items(), Titles()
	a := Judge(input(good()))
	if len(titles) != len(items) || len(a.Findings) != len(items) {
		t.Fatalf("%d items, %d titles, %d findings", len(items), len(titles), len(a.Findings))
	}
	nine := 0
	for i, item := range items {
		if item.Code != a.Findings[i].Code || item.Title == "" || item.Required == "" || item.Why == "" || item.Weight.String() == "" || titles[item.Code] != item.Title {
			t.Errorf("%d: %+v", i, item)
		}
		if !slices.Contains(migration.Codes(), item.Code) {
			t.Errorf("%s is no code", item.Code)
		}
		if item.Runbook {
			nine++
		}
	}
	if nine != 9 || items[0].Code != migration.CodeConfigEnv || items[8].Code != migration.CodeBaseImage {
		t.Errorf("%d items of the runbook", nine)
	}
}

func legacy() inventory.Facts {
	f := good()
	f.Logs = []inventory.LogSink{{Kind: inventory.SinkFile, To: "/var/log/bank.log", Seen: 60}}
	return f
}

func TestFixes(t *testing.T) {
	t.Parallel()
	with := func(f inventory.Facts, fixes ...migration.Fix) Input {
		in := input(f)
		in.Spec.Fixes = fixes
		return in
	}
	logs := migration.Fix{Code: migration.CodeLogsStdout, Drill: migration.DrillLogs, How: "logs to stdout since 2.1"}
	if f := finding(with(legacy()), migration.CodeLogsStdout); !f.Blocks || f.Fix != nil {
		t.Errorf("without a fix: %+v", f)
	}
	owed := finding(with(legacy(), logs), migration.CodeLogsStdout)
	if owed.Verdict != fail || owed.Blocks || owed.Fix == nil || *owed.Fix != logs || !strings.Contains(owed.Observed, "owed to the staging drill logs-stdout") {
		t.Errorf("with a fix: %+v", owed)
	}
	if a := Judge(with(legacy(), logs)); !a.Ready || a.Effort != EffortConfigure {
		t.Errorf("with a fix: ready %t, effort %s", a.Ready, a.Effort)
	}
	wrong := migration.Fix{Code: migration.CodeLogsStdout, Drill: migration.DrillTruth}
	if f := finding(with(legacy(), wrong), migration.CodeLogsStdout); !f.Blocks || f.Fix != nil {
		t.Errorf("a drill that cannot prove it: %+v", f)
	}
	if f := finding(with(good(), logs), migration.CodeLogsStdout); f.Verdict != pass || f.Fix != nil {
		t.Errorf("a fix of what passes owes something: %+v", f)
	}
	unmendable := with(good(), migration.Fix{Code: migration.CodeSecrets, Drill: migration.DrillLogs})
	unmendable.Spec.Workloads[0].Mounts = nil
	if f := finding(unmendable, migration.CodeSecrets); !f.Blocks || f.Fix != nil {
		t.Errorf("no drill proves that secrets are moved: %+v", f)
	}
	undrilled := good()
	undrilled.Drills = nil
	drain := migration.Fix{Code: migration.CodeSIGTERM, Drill: migration.DrillDrain}
	if f := finding(with(undrilled, drain), migration.CodeSIGTERM); f.Verdict != unknown || f.Blocks || f.Fix == nil {
		t.Errorf("what nobody drilled, staging drills: %+v", f)
	}
	sticky := good()
	sticky.Proxies = []inventory.Proxy{{Kind: "haproxy", File: "/etc/haproxy/haproxy.cfg", Line: 9, Sticky: "cookie SERVERID insert"}}
	session := migration.Fix{Code: migration.CodeStateDisk, Drill: migration.DrillSession}
	replaced := migration.Fix{Code: migration.CodeStateDisk, Drill: migration.DrillReplace}
	if f := finding(with(sticky, session), migration.CodeSticky); f.Blocks || f.Fix == nil {
		t.Errorf("a session that holds on another pod needs no stickiness: %+v", f)
	}
	if f := finding(with(sticky, replaced), migration.CodeSticky); !f.Blocks || f.Fix != nil {
		t.Errorf("a replaced pod says nothing about stickiness: %+v", f)
	}
}

func TestWaivers(t *testing.T) {
	t.Parallel()
	waiver := migration.Waiver{Code: migration.CodeLogsStdout, Migration: "bank", By: "vimes", Reason: "a sidecar ships it", Until: now.Add(time.Hour)}
	judge := func(change func(in *Input, w *migration.Waiver)) Finding {
		in, w := input(legacy()), waiver
		change(&in, &w)
		in.Waivers = append(in.Waivers, w)
		return finding(in, migration.CodeLogsStdout)
	}
	plain := finding(input(legacy()), migration.CodeLogsStdout)
	f := judge(func(*Input, *migration.Waiver) {})
	if f.Verdict != migration.Waived || f.Blocks || f.Waiver == nil || f.Waiver.By != "vimes" || f.Observed != plain.Observed || !reflect.DeepEqual(f.Evidence, plain.Evidence) {
		t.Errorf("waived: %+v", f)
	}
	standing := input(legacy())
	standing.Policy.StandingWaivers = []migration.Waiver{{Code: migration.CodeLogsStdout, By: "patrician", Reason: "x", Until: now.Add(time.Hour)}}
	if f := finding(standing, migration.CodeLogsStdout); f.Verdict != migration.Waived || f.Waiver.By != "patrician" {
		t.Errorf("standing: %+v", f)
	}
	for name, change := range map[string]func(in *Input, w *migration.Waiver){
		"ended":             func(_ *Input, w *migration.Waiver) { w.Until = now },
		"another attempt":   func(_ *Input, w *migration.Waiver) { w.Attempt = 2 },
		"another migration": func(_ *Input, w *migration.Waiver) { w.Migration = "post" },
		"another code":      func(_ *Input, w *migration.Waiver) { w.Code = migration.CodeHealth },
	} {
		if f := judge(change); f.Verdict != fail || !f.Blocks || f.Waiver != nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	in := input(good())
	in.Waivers = []migration.Waiver{waiver}
	if f := finding(in, migration.CodeLogsStdout); f.Verdict != pass || f.Waiver != nil {
		t.Errorf("what passes needs no waiver: %+v", f)
	}
	if a := Judge(func() Input { in := input(legacy()); in.Waivers = []migration.Waiver{waiver}; return in }()); !a.Ready || len(a.Work) != 1 {
		t.Errorf("ready %t, work %+v", a.Ready, a.Work)
	}
	f = look{Input: Input{Waivers: []migration.Waiver{{Code: migration.CodeForeign, Until: now.Add(1)}}, Now: now}}.waive(Finding{Code: migration.CodeForeign, Blocks: true})
	if f.Verdict != unknown || !f.Blocks {
		t.Errorf("what cannot be waived was: %+v", f)
	}
}

func TestExpiredFactsSayNothing(t *testing.T) {
	t.Parallel()
	old := legacy()
	old.Began, old.Ended = now.Add(-50*time.Hour), now.Add(-49*time.Hour)
	a := Judge(input(old))
	if !a.Expired || a.Ready || !a.Oldest.Equal(old.Ended) {
		t.Errorf("expired %t, ready %t, oldest %s", a.Expired, a.Ready, a.Oldest)
	}
	for _, f := range a.Findings {
		if f.Verdict != unknown && f.Code != migration.CodeBaseImage {
			t.Errorf("%s is %s", f.Code, f.Verdict)
		}
	}
	f := a.Findings[1]
	if !f.Blocks || !strings.Contains(f.Observed, "49h0m old, the policy allows 24h0m; they said fail: writes the log /var/log/bank.log") {
		t.Errorf("%+v", f)
	}
	// One machine's facts are enough.
	other := good()
	other.Target.Host = "vm2"
	if a := Judge(input(other, old)); !a.Expired || a.Ready {
		t.Error("one machine's old facts count")
	}
	// What is exactly as old as allowed is not too old.
	old.Ended = now.Add(-24 * time.Hour)
	if Judge(input(old)).Expired {
		t.Error("as old as allowed is too old")
	}
	future := good()
	future.Ended = now.Add(time.Hour)
	if a := Judge(input(future)); a.Expired || a.Ready || a.Findings[0].Verdict != unknown {
		t.Errorf("facts of the future: %+v", a.Findings[0])
	}
}

func TestSeveralMachines(t *testing.T) {
	t.Parallel()
	bad, blind := legacy(), inventory.Unreachable(inventory.Target{Host: "vm3", Unit: "bank.service"}, now, "no route to host")
	two := good()
	two.Target.Host = "vm2"
	f := finding(input(bad, two, blind), migration.CodeLogsStdout)
	if f.Verdict != fail || f.Observed != "vm1: writes the log /var/log/bank.log" {
		t.Errorf("one fails: %s: %s", f.Verdict, f.Observed)
	}
	f = finding(input(two, blind), migration.CodeLogsStdout)
	if f.Verdict != unknown || f.Observed != "vm3: could not be seen: no route to host" || !strings.Contains(f.Remedy, "--host ssh://vm3") {
		t.Errorf("one could not be seen: %s: %s; %s", f.Verdict, f.Observed, f.Remedy)
	}
	stranger := input(good(), two)
	stranger.Spec.VMs = stranger.Spec.VMs[:1]
	stranger.Report.Machines[1].Logs = legacy().Logs
	if f := finding(stranger, migration.CodeLogsStdout); f.Verdict != pass {
		t.Errorf("a machine of nobody's is judged: %s", f.Observed)
	}
	f = finding(stranger, migration.CodeStale)
	if f.Verdict != pass || !slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return strings.Contains(e.What, "facts of vm2 are there") }) {
		t.Errorf("a machine of nobody's is not named: %+v", f)
	}
	nobody := input(good(), two)
	nobody.Spec.VMs = nil
	if a := Judge(nobody); a.Findings[0].Verdict != pass || len(a.Findings[1].Evidence) != 2 {
		t.Errorf("where no machine is declared all count: %+v", a.Findings[1])
	}
}

func TestCalled(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]inventory.Facts{
		"vm1":          {Target: inventory.Target{Host: "ssh://root@vm1:22"}, Host: inventory.Host{Name: "other"}},
		"debian":       {Host: inventory.Host{Name: "debian"}},
		"this machine": {},
	} {
		if got := called(f); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestBelongs(t *testing.T) {
	t.Parallel()
	here := inventory.Facts{Host: inventory.Host{Name: "vm1", Interfaces: []inventory.Interface{{Addresses: []string{"192.0.2.11/24"}}}}}
	there := func(host, unit string) inventory.Facts {
		return inventory.Facts{Target: inventory.Target{Host: host, Unit: unit}}
	}
	for _, tt := range []struct {
		name  string
		facts inventory.Facts
		vm    migration.VM
		want  bool
	}{
		{"its name", there("vm1.bank", ""), migration.VM{Host: "vm1.bank"}, true},
		{"its name in an address", there("ssh://root@VM1.bank:22", ""), migration.VM{Host: "vm1.bank"}, true},
		{"its reach", there("ssh://root@192.0.2.11:2222", ""), migration.VM{Host: "vm1.bank", Reach: "ssh://root@192.0.2.11:2222"}, true},
		{"the host of its reach", there("192.0.2.11", ""), migration.VM{Host: "vm1.bank", Reach: "ssh://root@192.0.2.11:2222"}, true},
		{"IPv6", there("ssh://root@[2001:db8::1]:22", ""), migration.VM{Host: "2001:db8::1"}, true},
		{"another", there("vm2.bank", ""), migration.VM{Host: "vm1.bank"}, false},
		{"another with the name's beginning", there("vm1", ""), migration.VM{Host: "vm1.bank"}, false},
		{"the unit", there("vm1", "bank"), migration.VM{Host: "vm1", Unit: "bank.service"}, true},
		{"another unit", there("vm1", "web"), migration.VM{Host: "vm1", Unit: "bank.service"}, false},
		{"taken here, by its name", here, migration.VM{Host: "vm1"}, true},
		{"taken here, by the first label", here, migration.VM{Host: "vm1.bank"}, true},
		{"taken here, by its address", here, migration.VM{Host: "192.0.2.11"}, true},
		{"taken here, declared so", here, migration.VM{Host: "x", Reach: "local"}, true},
		{"taken here, another", here, migration.VM{Host: "vm2.bank"}, false},
		{"taken here, without a name", inventory.Facts{}, migration.VM{Host: ".bank"}, false},
	} {
		if got := belongs(tt.facts, tt.vm); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// TestWork: what could end the plan first, the application's code before the
// image, and what is unknown before all.
func TestWork(t *testing.T) {
	t.Parallel()
	f := legacy()
	f.Host.Licences = []string{"/opt/x.lic"}
	f.Host.Others = []string{"redis-server.service"}
	without(&f, inventory.SubjectSecrets)
	in := input(f)
	in.Bases = nil
	in.Spec.Fixes = []migration.Fix{{Code: migration.CodeEgress, Drill: migration.DrillDial}}
	a := Judge(in)
	var order []migration.Code
	for _, w := range a.Work {
		order = append(order, w.Codes...)
		if w.What == "" || w.Effort == "" {
			t.Errorf("%+v", w)
		}
	}
	want := []migration.Code{migration.CodeSecrets, migration.CodeBaseImage, migration.CodeLicence, migration.CodeLogsStdout, migration.CodeSharedVM, migration.CodeEgress}
	if !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if a.Effort != EffortRedesign {
		t.Errorf("effort %s", a.Effort)
	}
}

func TestCommandsAreSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/etc/bank": "/etc/bank", "": "''", "a b": "'a b'", "$(reboot)": "'$(reboot)'", "it's": `'it'\''s'`, "a;b": "'a;b'", "~x": "'~x'",
	} {
		if got := quote(in); got != want {
			t.Errorf("%q becomes %s, want %s", in, got, want)
		}
	}
	f := good()
	f.Trees[0].Path = "/etc/$(reboot)"
	f.Unit.Name = "a;reboot.service"
	f.Secrets[0] = inventory.SecretPlace{File: "/etc/`reboot`", Key: "db.'pass", In: "file"}
	f.Health[1].URL = "http://127.0.0.1/'$(reboot)"
	in := input(f)
	in.Spec.VMs[0].Reach = "ssh://root@vm1;reboot"
	for _, g := range Judge(in).Findings {
		for _, bare := range []string{"$(reboot)", ";reboot", "`reboot`"} {
			for _, text := range []string{g.Command, g.Remedy} {
				if i := strings.Index(text, bare); i >= 0 && strings.Count(strings.ReplaceAll(text[:i], `'\''`, ""), "'")%2 == 0 {
					t.Errorf("%s: %s", g.Code, text)
				}
			}
		}
	}
}

// TestCommandsWithoutAUnit: what was found by its port is shown by its process.
func TestCommandsWithoutAUnit(t *testing.T) {
	t.Parallel()
	f := good()
	f.Unit, f.Target.Unit, f.Target.Port = nil, "", 8080
	for _, g := range Judge(input(f)).Findings {
		if strings.Contains(g.Command, "systemctl show") || strings.HasSuffix(g.Command, " ") || strings.Contains(g.Command, "UNIT") {
			t.Errorf("%s: %s", g.Code, g.Command)
		}
	}
	if p := (machine{Facts: f}).probe(); p != "rehome probe --host ssh://vm1 --port 8080" {
		t.Error(p)
	}
}

// TestEvidenceSaysWhere: what is no reproach is told, too, with its place.
func TestEvidenceSaysWhere(t *testing.T) {
	t.Parallel()
	f := good()
	f.Processes = append(f.Processes, inventory.Process{PID: 101, Name: "worker", Seen: 60, Signals: inventory.Signals{Known: true, Ignored: []string{"SIGTERM"}}})
	f.Secrets = append(f.Secrets, inventory.SecretPlace{Key: "TOKEN", Rule: "its name", In: "environment"})
	for code, want := range map[migration.Code]string{
		migration.CodeSIGTERM: "worker (101) ignores SIGTERM",
		migration.CodeSecrets: "a secret in the environment: TOKEN (its name)",
		migration.CodeEgress:  "dials 192.0.2.50:5432 (db.bank.example)",
	} {
		if g := finding(input(f), code); !slices.ContainsFunc(g.Evidence, func(e Evidence) bool { return e.What == want }) {
			t.Errorf("%s: no %q in %+v", code, want, g.Evidence)
		}
	}
}

// TestEvidenceIsBounded: ten thousand files make no page of ten thousand lines.
func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	f := good()
	for range 10_000 {
		f.Files = append(f.Files, written("/var/lib/x/sess", inventory.FileSession))
	}
	g := finding(input(f), migration.CodeStateDisk)
	if len(g.Evidence) != listed+1 || !strings.Contains(g.Evidence[listed].What, "9980 more") || len(g.Observed) > 500 {
		t.Errorf("%d lines of evidence, observed %q", len(g.Evidence), g.Observed)
	}
}

// TestAssessmentIsJSON: lists are never null, so that a reader can count them.
func TestAssessmentIsJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(Judge(Input{}))
	if err != nil || strings.Contains(string(b), `"evidence":null`) || strings.Contains(string(b), `"findings":null`) {
		t.Errorf("%v %s", err, b)
	}
}
