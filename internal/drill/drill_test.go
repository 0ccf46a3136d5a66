package drill

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/load"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// TestDrills has for each drill the application that passes, those that it stops, and
// those of which it can say nothing. A word is of the text, the remedy or the
// evidence.
func TestDrills(t *testing.T) {
	tests := []struct {
		drill migration.StagingDrill
		name  string
		spoil func(*world)
		want  migration.Verdict
		word  string
	}{
		{migration.DrillTruth, "turns", nil, migration.Pass, "503"},
		{migration.DrillTruth, "always ready", func(w *world) { w.bench.blindReady = true }, migration.Fail, "/readyz answers 200 although"},
		{migration.DrillTruth, "liveness turns too", func(w *world) { w.bench.aliveTurns = true }, migration.Fail, "/healthz turns too"},
		{migration.DrillTruth, "ends instead", func(w *world) { w.bench.crashes = true }, migration.Fail, "2 restarts"},
		{migration.DrillTruth, "undeclared", func(w *world) { w.spec.Drills.Truth = nil }, migration.Unknown, "drills.truth"},

		{migration.DrillSession, "holds", nil, migration.Pass, "were not tried"},
		{migration.DrillSession, "in memory", func(w *world) { w.bench.localSessions = true }, migration.Fail, "is not known to pod"},
		{migration.DrillSession, "undeclared", func(w *world) { w.spec.Drills.Session = nil }, migration.Unknown, "drills.session"},
		{migration.DrillSession, "check tells nothing", func(w *world) { w.spec.Drills.Session.Check = "/readyz" }, migration.Unknown, "the same with a session and without"},
		{migration.DrillSession, "no cookie", func(w *world) { w.spec.Drills.Session.Begin = "/readyz" }, migration.Unknown, "sets no cookie"},
		{migration.DrillSession, "one pod", func(w *world) { w.bench.pods = w.bench.pods[:1]; w.spec.Workloads[0].Replicas = 1; w.bench.add("") }, migration.Unknown, "ready"},

		{migration.DrillDrain, "not one fails", nil, migration.Pass, "not one failed"},
		{migration.DrillDrain, "some fail", func(w *world) { w.load.Errors = 3 }, migration.Fail, "failed while pods were deleted"},
		{migration.DrillDrain, "killed", func(w *world) { w.bench.killed = true }, migration.Fail, "2 processes had to be killed"},
		{migration.DrillDrain, "rate not reached", func(w *world) { w.load.Achieved = 20 }, migration.Unknown, "20.0 of 25"},
		{migration.DrillDrain, "end not seen", func(w *world) { w.bench.unseen = true }, migration.Unknown, "was not seen"},
		{migration.DrillDrain, "rate nearly reached", func(w *world) { w.load.Achieved = 23 }, migration.Pass, "not one failed"},
		{migration.DrillDrain, "no way", func(w *world) { w.bench.noWay = true }, migration.Unknown, "no way to the pods"},
		{migration.DrillDrain, "path fails before", func(w *world) { w.spec.Drills.Path = "/session" }, migration.Unknown, "/session answers 401"},

		{migration.DrillReplace, "nothing is lost", nil, migration.Pass, "its successor is"},
		{migration.DrillReplace, "scratch is named", func(w *world) { w.bench.pods[1].volume["cache"] = canary }, migration.Pass, "/tmp/cache: 13 bytes, gone"},
		{migration.DrillReplace, "session is lost", func(w *world) { w.bench.localSessions = true }, migration.Fail, "the session of the pod"},
		{migration.DrillReplace, "claim is kept", func(w *world) { w.claim(map[string]string{"data": canary}) }, migration.Pass, "has and answers"},
		{migration.DrillReplace, "claim is lost", func(w *world) { w.claim(nil); w.bench.pods[1].volume["data"] = canary }, migration.Fail, "/tmp/data is missing"},
		{migration.DrillReplace, "no agent", func(w *world) { w.policy.AgentImage = "" }, migration.Unknown, "images.agent"},
		{migration.DrillReplace, "fails before", func(w *world) { w.bench.brokenSmoke = true }, migration.Unknown, "before anything is disturbed"},

		{migration.DrillReadOnly, "nothing is written", nil, migration.Pass, "volume scratch grew by"},
		{migration.DrillReadOnly, "writable", func(w *world) { w.bench.pods[0].ReadOnlyRoot = false }, migration.Fail, "readOnlyRootFilesystem is not true"},
		{migration.DrillReadOnly, "grows", func(w *world) { w.bench.growing = true }, migration.Fail, "the layer above the image grew"},
		{migration.DrillReadOnly, "tries to write", func(w *world) { w.bench.refused = true }, migration.Fail, "writing to /var/cache/bank was refused"},
		{migration.DrillReadOnly, "does not work", func(w *world) { w.bench.brokenSmoke = true }, migration.Fail, "answers: got 500"},
		{migration.DrillReadOnly, "no stats", func(w *world) { w.bench.noStats = true; w.drills.Patience = 20e6 }, migration.Unknown, "nodes/proxy"},
		{migration.DrillReadOnly, "idle", func(w *world) { w.spec.Drills.Session, w.spec.Smoke = nil, migration.Smoke{} }, migration.Unknown, "smoke suite"},

		{migration.DrillLogs, "to stdout", nil, migration.Pass, "its log grew by"},
		{migration.DrillLogs, "to a file", func(w *world) { w.bench.logFile = true }, migration.Fail, "/tmp/bank.log grew by"},
		{migration.DrillLogs, "says nothing", func(w *world) { w.bench.silentLog = true }, migration.Unknown, "said nothing"},
		{migration.DrillLogs, "no agent", func(w *world) { w.policy.AgentImage = "" }, migration.Unknown, "images.agent"},

		{migration.DrillDial, "reached", nil, migration.Pass, "db.example.org:5432: answered"},
		{migration.DrillDial, "udp is said", nil, migration.Pass, "10.0.0.53:53 is udp"},
		{migration.DrillDial, "not reached", func(w *world) { w.bench.dialErr = map[string]string{"db.example.org:5432": "no such host"} }, migration.Fail, "db.example.org:5432: no such host"},
		{migration.DrillDial, "no facts", func(w *world) { w.machines = inventory.Report{} }, migration.Unknown, "no facts"},
		{migration.DrillDial, "a gap", func(w *world) {
			w.machines.Machines[0].Gaps = []inventory.Gap{{Subject: inventory.SubjectPeers, Why: "no permission"}}
		}, migration.Unknown, "no permission"},
		{migration.DrillDial, "no agent", func(w *world) { w.policy.AgentImage = "" }, migration.Unknown, "images.agent"},
		{migration.DrillDial, "agent does not start", func(w *world) { w.bench.enterErr = errors.New("ImagePullBackOff") }, migration.Unknown, "ImagePullBackOff"},

		{migration.DrillRoundTrip, "the same", nil, migration.Pass, "1 file of the machine's"},
		{migration.DrillRoundTrip, "another content", func(w *world) { w.mounted(map[string]string{"bank.conf": "key = other"}) }, migration.Fail, "/etc/bank/bank.conf differs"},
		{migration.DrillRoundTrip, "missing", func(w *world) { w.mounted(nil) }, migration.Fail, "/etc/bank/bank.conf is missing in the pod"},
		{migration.DrillRoundTrip, "missing, and not decided", func(w *world) { w.more("old.bak") }, migration.Fail, `such as "/etc/bank/old.bak is left out"`},
		{migration.DrillRoundTrip, "left out", func(w *world) { w.more("old.bak", "/etc/bank/old.bak is left out") }, migration.Pass, "/etc/bank/old.bak is left out, as approved"},
		{migration.DrillRoundTrip, "left out by its directory", func(w *world) { w.more("old/x", "/etc/bank/old is left out") }, migration.Pass, "/etc/bank/old/x is left out, as approved"},
		{migration.DrillRoundTrip, "another is left out", func(w *world) { w.more("old.bak", "/etc/bank/old is left out") }, migration.Fail, "/etc/bank/old.bak is missing"},
		{migration.DrillRoundTrip, "link out of it", func(w *world) { w.link("modules") }, migration.Unknown, `such as "/etc/bank/modules is left out"`},
		{migration.DrillRoundTrip, "link out of it, left out", func(w *world) { w.link("modules", "/etc/bank/modules is left out") }, migration.Pass, "/etc/bank/modules is left out, as approved"},
		{migration.DrillRoundTrip, "too much", func(w *world) { w.mounted(map[string]string{"bank.conf": "key = " + canary, "x": ""}) }, migration.Fail, "/etc/bank/x is in the pod and not"},
		{migration.DrillRoundTrip, "unreadable", func(w *world) { w.bench.mounted.Entries[1].Err = "permission denied" }, migration.Unknown, "permission denied"},
		{migration.DrillRoundTrip, "not mounted", func(w *world) { w.spec.VMs[0].ConfigDirs[0] = "/etc/other" }, migration.Fail, "/etc/other is not mounted"},
		{migration.DrillRoundTrip, "no directory", func(w *world) { w.spec.VMs[0].ConfigDirs = nil }, migration.Unknown, "vms.configDirs"},
		{migration.DrillRoundTrip, "machine is away", func(w *world) { w.drills.Machines = fakeMachines{err: errors.New("no route")} }, migration.Unknown, "no route"},
		{migration.DrillRoundTrip, "no agent", func(w *world) { w.policy.AgentImage = "" }, migration.Unknown, "images.agent"},
		{migration.DrillRoundTrip, "approved for staging", func(w *world) { w.differing("key = " + canary) }, migration.Pass, "as approved"},
		{migration.DrillRoundTrip, "approved, but production is wrong", func(w *world) { w.differing("key = wrong") }, migration.Fail, "production's is not the machine's either"},
	}
	for _, tt := range tests {
		t.Run(string(tt.drill)+"/"+tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.spoil != nil {
				tt.spoil(w)
			}
			if tt.name == "one pod" {
				w.bench.pods, w.spec.Workloads[0].Replicas = w.bench.pods[:2], 3
				w.drills.Patience = 20e6
			}
			res := w.drill(t, tt.drill)
			all := strings.Join(append([]string{res.Text, res.Remedy}, res.Evidence...), "\n")
			if res.Verdict != tt.want || !strings.Contains(all, tt.word) {
				t.Errorf("%s, wanted %s with %q:\n%s", res.Verdict, tt.want, tt.word, all)
			}
		})
	}
}

// claim lets the pods keep files in a claim; what is not in files is not kept.
func (w *world) claim(files map[string]string) {
	w.bench.kind, w.bench.files = MountClaim, files
	for _, p := range w.bench.pods {
		p.Mounts[1].Kind = MountClaim
		for k, v := range files {
			p.volume[k] = v
		}
	}
}

func (w *world) mounted(files map[string]string) { w.bench.mounted = treeOf("/etc/bank", files) }

// more gives the machine a file that no pod has, and approves lines.
func (w *world) more(name string, approved ...string) {
	w.drills.Machines = fakeMachines{tree: treeOf("/etc/bank", map[string]string{"bank.conf": "key = " + canary, name: canary})}
	w.spec.Drills.Approved = approved
}

// link gives it a link that leads out of the directory.
func (w *world) link(name string, approved ...string) {
	t := treeOf("/etc/bank", map[string]string{"bank.conf": "key = " + canary})
	t.Entries = append(t.Entries, tree.Entry{Path: name, Kind: tree.Link, Target: "/usr/lib/modules"})
	w.drills.Machines = fakeMachines{tree: t}
	w.spec.Drills.Approved = approved
}

// differing gives staging a configuration of its own, which is approved.
func (w *world) differing(production string) {
	w.mounted(map[string]string{"bank.conf": "key = staging's"})
	w.bench.productionData = []Datum{{"ConfigMap bank-config", "bank.conf", "/etc/bank/bank.conf", tree.Content(production)}}
	w.spec.Drills.Approved = []string{"bank.conf of ConfigMap bank-config differs"}
}

// The old side's session is tried where the migration asks for it.
func TestSessionOfTheOldSide(t *testing.T) {
	for _, shared := range []bool{true, false} {
		w := newWorld(t)
		old := newBench(t)
		if shared {
			old.sessions = w.bench.sessions
		}
		at, err := netip.ParseAddrPort(strings.TrimPrefix(old.pods[0].server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		w.spec.OldEntry = migration.OldEntry{Addresses: []string{at.Addr().String()}, Port: int(at.Port())}
		w.spec.Drills.Session.Old = true
		res := w.drill(t, migration.DrillSession)
		if want := map[bool]migration.Verdict{true: migration.Pass, false: migration.Fail}[shared]; res.Verdict != want || !strings.Contains(res.Text, "old side") {
			t.Errorf("shared %v: %s: %s", shared, res.Verdict, res.Text)
		}
	}
}

// What a drill that was killed has left is removed first.
func TestLeftoversAreRemovedFirst(t *testing.T) {
	w := newWorld(t)
	w.bench.left = []string{"Pod bank-drill-1"}
	w.drill(t, migration.DrillSession)
	if w.bench.left != nil || w.bench.swept != 2 {
		t.Errorf("left %v, swept %d times", w.bench.left, w.bench.swept)
	}
}

// A drill whose context ends has its pods back, and passes nothing.
func TestEndedDrillGivesBack(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attack := w.drills.Attack
	w.drills.Attack = func(ctx context.Context, o load.Options) (inventory.Load, error) {
		cancel()
		return attack(ctx, o)
	}
	res, err := w.drills.Drill(ctx, w.spec, w.policy, migration.RunDrill{Env: migration.Staging, Drill: migration.DrillDrain, Workload: "bank"}, w.machines)
	if err != nil || res.Verdict != migration.Unknown || !strings.Contains(res.Text, "ended") {
		t.Errorf("%s: %s, %v", res.Verdict, res.Text, err)
	}
	if len(w.bench.pods) != 2 || w.bench.swept != 2 {
		t.Errorf("%d pods, swept %d times", len(w.bench.pods), w.bench.swept)
	}
}

// Pods that do not come back take a pass away.
func TestPodsThatDoNotComeBack(t *testing.T) {
	w := newWorld(t)
	w.bench.neverReady = true
	w.drills.Patience = 30e6
	res := w.drill(t, migration.DrillDrain)
	if res.Verdict != migration.Unknown || !strings.Contains(res.Text, "not all of its pods again") {
		t.Errorf("%s: %s", res.Verdict, res.Text)
	}
}

func TestOnlyInStaging(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*migration.RunDrill, *migration.Spec){
		"production":     func(a *migration.RunDrill, _ *migration.Spec) { a.Env = migration.Production },
		"one namespace":  func(_ *migration.RunDrill, s *migration.Spec) { s.Target.StagingNamespace = s.Target.Namespace },
		"no namespace":   func(_ *migration.RunDrill, s *migration.Spec) { s.Target.StagingNamespace = "" },
		"other workload": func(a *migration.RunDrill, _ *migration.Spec) { a.Workload = "nobody" },
		"other drill":    func(a *migration.RunDrill, _ *migration.Spec) { a.Drill = "levitate" },
	} {
		a, spec := migration.RunDrill{Env: migration.Staging, Drill: migration.DrillDrain, Workload: "bank"}, w.spec
		change(&a, &spec)
		if res, err := w.drills.Drill(t.Context(), spec, w.policy, a, w.machines); err == nil {
			t.Errorf("%s: %s", name, res.Text)
		}
	}
	if w.bench.swept != 0 {
		t.Error("something was touched")
	}
}
