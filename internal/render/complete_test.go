package render

import (
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// What facts lead to, and that what is declared goes before it.
func TestCompletion(t *testing.T) {
	boot := func(f *inventory.Facts) { f.Unit.Boot = 2500 * time.Millisecond; f.Drills = nil }
	drained := func(in time.Duration) func(*inventory.Facts) {
		return func(f *inventory.Facts) { f.Drills[0].EndedIn = in }
	}
	logs := func(path string) func(*inventory.Facts) {
		return func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: path, Class: inventory.FileLog, Written: true})
		}
	}
	cases := []struct {
		name          string
		facts         func(*inventory.Facts)
		profile       *migration.Resources
		change        func(*migration.Spec, *migration.Workload)
		field, value  string
		from          From
		why, note     string
		withoutChoice bool
	}{
		{name: "measured boot", facts: boot, field: "health.startup", value: "3s", from: FromFacts, why: "a start took 2.5s, measured by the unit on bank-vm-1"},
		{name: "declared boot", facts: boot, change: func(_ *migration.Spec, w *migration.Workload) { w.Health.StartupSeconds = 9 }, field: "health.startup", value: "9s", from: FromFile, why: "a start took 2.5s"},
		{name: "declared boot, and a longer one", facts: boot, change: func(_ *migration.Spec, w *migration.Workload) { w.Health.StartupSeconds = 2 }, field: "health.startup", value: "2s", from: FromFile, note: "PROBES: declares a start of 2s, and one took 2.5s"},
		{name: "no boot", facts: func(f *inventory.Facts) { boot(f); f.Unit.Boot = 0 }, field: "health.startup", withoutChoice: true, note: "PROBES: how long a start takes is neither declared nor measured"},

		{name: "profile", profile: profile, field: "resources.requests.cpu", value: "132m", from: FromFacts, why: "profile under load"},
		{name: "declared resources", profile: profile, change: func(_ *migration.Spec, w *migration.Workload) { w.Resources.CPURequestMilli = 500 }, field: "resources.requests.cpu", value: "500m", from: FromFile, why: "covers the 132m"},
		{name: "declared too low", profile: profile, change: func(_ *migration.Spec, w *migration.Workload) { w.Resources.CPURequestMilli = 50 }, field: "resources.requests.cpu", value: "50m", from: FromFile, note: "RESOURCES: declares resources.requests.cpu 50m, and the profile under load leads to 132m"},
		{name: "a profile of several", profile: profile, change: func(s *migration.Spec, w *migration.Workload) {
			s.Workloads = []migration.Workload{{Name: "other", Image: image, Kind: migration.KindDeployment, Replicas: 1}}
		}, field: "resources.requests.cpu", withoutChoice: true, note: "RESOURCES: there are several workloads"},

		{name: "a long drain", facts: drained(19 * time.Second), field: "terminationGrace", value: "38s", from: FromFacts, why: "the drain under load took 19s"},
		{name: "a short drain", facts: drained(time.Second), field: "terminationGrace", value: "30s", from: FromDefault, why: "covers twice the 1s"},
		{name: "declared less than the drain", facts: drained(19 * time.Second), change: func(_ *migration.Spec, w *migration.Workload) { w.TerminationGraceSeconds = 20 }, field: "terminationGrace", value: "20s", from: FromFile, note: "SIGTERM-RACE: leaves 20s for the drain, which took 19s"},
		{name: "a drill that was not made", facts: func(f *inventory.Facts) { drained(19 * time.Second)(f); f.Drills[0].Err = "no root" }, field: "terminationGrace", value: "30s", from: FromDefault, why: "nobody has measured the drain"},
		{name: "no pause", change: func(_ *migration.Spec, w *migration.Workload) { w.PreStopSeconds = 0 }, field: "preStop", withoutChoice: true, note: "SIGTERM-RACE: has no preStop"},

		{name: "liveness that stays", facts: legacyLog, field: "health.livenessPath", value: "/healthz", from: FromFacts},
		{name: "liveness that nobody drilled", facts: func(f *inventory.Facts) { f.Drills = nil }, field: "health.livenessPath", value: "none", from: FromDefault},
		{name: "liveness in a drill that was not made", facts: func(f *inventory.Facts) { legacyLog(f); f.Drills[1].Err = "no root" }, field: "health.livenessPath", value: "none", from: FromDefault},
		{name: "liveness where nothing turned", facts: func(f *inventory.Facts) { legacyLog(f); f.Drills[1].Passed = false }, field: "health.livenessPath", value: "none", from: FromDefault},
		{name: "declared liveness that turns", facts: func(f *inventory.Facts) {
			f.Drills[1].Before = []inventory.HealthAnswer{{Path: "/healthz", Status: 200}}
			f.Drills[1].After = []inventory.HealthAnswer{{Path: "/healthz", Status: 503}}
		}, change: func(_ *migration.Spec, w *migration.Workload) { w.Health.LivenessPath = "/healthz" }, field: "health.livenessPath", value: "/healthz", from: FromFile, note: "PROBES: asks /healthz for liveness, which turned"},

		{name: "a log directory", facts: logs("/var/log/bank/a.log"), field: "scratch", value: "/var/log/bank", from: FromFacts},
		{name: "a log in /tmp", facts: logs("/tmp/a.log"), field: "scratch", withoutChoice: true},
		{name: "a log in what is mounted", facts: logs("/etc/royal-bank-api/a.log"), field: "scratch", withoutChoice: true, note: "CONFIG-RO: /etc/royal-bank-api/a.log is written on bank-vm-1, and is mounted read-only"},
		{name: "data of a Deployment", facts: func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: "/var/lib/bank/a.db", Class: inventory.FileData, Written: true})
		}, field: "scratch", withoutChoice: true, note: "STATE-DISK: /var/lib/bank/a.db (data) is written on bank-vm-1, and a pod cannot"},
		{name: "a Deployment that the facts contradict", facts: ledger, field: "kind", value: "Deployment", from: FromFile, note: "WORKLOAD-KIND: is declared a Deployment, and the facts speak against it"},

		{name: "a low port", facts: lowPort, change: func(_ *migration.Spec, w *migration.Workload) { w.Ports[0].Port = 80 }, field: "security.exceptions NET_BIND_SERVICE", value: "allowed", from: FromFacts, why: "it listens on port 80, seen on bank-vm-1"},
		{name: "a low port that pods do not have", facts: lowPort, field: "security.exceptions NET_BIND_SERVICE", withoutChoice: true, note: "RUN-AS-ROOT: royal-bank-api runs as root on bank-vm-1; its pods do not"},
		{name: "root that a fact speaks for", facts: lowPort, change: func(_ *migration.Spec, w *migration.Workload) {
			w.Security.Exceptions = []migration.Exception{{Allow: migration.AllowRoot, Because: "it binds raw sockets"}}
		}, field: "security.exceptions root", value: "allowed", from: FromFile, why: "it binds raw sockets; royal-bank-api runs as root on bank-vm-1"},
		{name: "root that no fact speaks for", change: func(_ *migration.Spec, w *migration.Workload) {
			w.Security.Exceptions = []migration.Exception{{Allow: migration.AllowRoot, Because: "it says so"}}
		}, field: "security.exceptions root", value: "allowed", from: FromFile, note: "RUN-AS-ROOT: is allowed root, and no fact speaks for it"},
		{name: "a capability that is missing", facts: func(f *inventory.Facts) { f.Processes[0].Capabilities = []string{"CAP_NET_RAW"} }, field: "security.exceptions NET_RAW", withoutChoice: true, note: "CAPABILITIES: royal-bank-api has the capability NET_RAW"},

		{name: "peers", facts: cache, change: func(_ *migration.Spec, w *migration.Workload) { w.NetworkPolicy = &migration.NetworkPolicy{} }, field: "networkPolicy.to", value: "192.0.2.30/32 port 5432", from: FromFacts, why: "dialled from bank-vm-1, postgres.golemtrust.am", note: "EGRESS: dials 127.0.0.1 port 11211, which is next door"},
		{name: "declared peers", facts: cache, change: func(_ *migration.Spec, w *migration.Workload) {
			w.NetworkPolicy = &migration.NetworkPolicy{To: []migration.NetworkPeer{{CIDR: "10.0.0.0/8", Port: 1}}}
		}, field: "networkPolicy.to", value: "10.0.0.0/8 port 1", from: FromFile},
		{name: "no policy", facts: cache, field: "networkPolicy.to", withoutChoice: true},
		{name: "one pod", change: func(_ *migration.Spec, w *migration.Workload) { w.Replicas = 1 }, field: "kind", value: "Deployment", from: FromFile, note: "PODS-RUNNING: has one pod"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := Render(Input{Spec: bank(c.change), Report: facts(c.facts), Profile: c.profile})
			if err != nil {
				t.Fatal(err)
			}
			var found *Choice
			for _, choice := range r.Choices {
				if choice.Workload == "royal-bank-api" && choice.Field == c.field && found == nil {
					found = &choice
				}
			}
			switch {
			case c.withoutChoice && found != nil:
				t.Errorf("chosen: %+v", *found)
			case c.withoutChoice:
			case found == nil || found.Value != c.value || found.From != c.from || !strings.Contains(found.Why, c.why):
				t.Errorf("%+v of %+v", found, r.Choices)
			}
			if c.note != "" && !noted(r, c.note) {
				t.Errorf("no note %q in %+v", c.note, r.Notes)
			}
		})
	}
}

func noted(r Result, text string) bool {
	for _, n := range r.Notes {
		if strings.Contains(string(n.Code)+": "+n.Text, text) {
			return true
		}
	}
	return false
}

// What was rendered must not change what it was rendered from.
func TestInputStays(t *testing.T) {
	in := shapes()["web-from-facts"]
	before := in.Spec.Digest()
	if _, err := Render(in); err != nil {
		t.Fatal(err)
	}
	if in.Spec.Digest() != before {
		t.Error("the declared migration was changed")
	}
}

func TestRefused(t *testing.T) {
	for want, in := range map[string]Input{
		"image is missing":                      {Spec: bank(func(_ *migration.Spec, w *migration.Workload) { w.Image = "" })},
		"the facts cannot say which":            {Spec: bank(auto), Report: facts(func(f *inventory.Facts) { f.Looked = nil })},
		"(PROBES)":                              {Spec: bank(func(_ *migration.Spec, w *migration.Workload) { w.Health.LivenessPath = "/readyz" })},
		"royal-bank-api would be written twice": {Spec: bank(func(s *migration.Spec, w *migration.Workload) { s.Workloads = []migration.Workload{*w} })},
	} {
		if _, err := Render(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func auto(_ *migration.Spec, w *migration.Workload) { w.Kind = migration.KindAuto }

// A schedule of which nobody knows what it runs is not written, and blocks.
func TestSchedulesThatNobodyKnows(t *testing.T) {
	spec := bank(func(s *migration.Spec, _ *migration.Workload) {
		s.Schedules = []migration.Schedule{{Name: "x.timer", Owner: migration.OwnerCluster}}
	})
	for name, in := range map[string]Input{
		"no facts":         {Spec: spec},
		"facts without it": {Spec: spec, Report: facts(nil)},
		"a monotonic timer": {Spec: spec, Report: facts(func(f *inventory.Facts) {
			f.Schedules = []inventory.Schedule{{Kind: "timer", Name: "x.timer", When: "OnBootSec=5min", Command: "/x"}}
		})},
		"a redacted command": {Spec: spec, Report: facts(func(f *inventory.Facts) {
			f.Schedules = []inventory.Schedule{{Kind: "timer", Name: "x.timer", When: "daily", Command: "/x --password [redacted]"}}
		})},
	} {
		r, err := Render(in)
		if err != nil {
			t.Fatal(err)
		}
		blocks := false
		for _, n := range r.Notes {
			blocks = blocks || n.Blocks && n.Code == migration.CodeCronTwice
		}
		if !blocks {
			t.Errorf("%s: nothing is said: %+v", name, r.Notes)
		}
		for _, f := range r.Files {
			if strings.Contains(f.Path, "cronjob") {
				t.Errorf("%s: %s is written", name, f.Path)
			}
		}
	}
}
