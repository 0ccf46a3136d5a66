package readiness

import (
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

func TestHealthAndSignals(t *testing.T) {
	t.Parallel()
	answers := func(a ...inventory.HealthAnswer) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) { f.Health, f.Drills = a, nil })
	}
	undrilled := func(change func(*inventory.Facts)) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) { f.Drills = nil; change(f) })
	}
	mask := func(s inventory.Signals) func(*Input, *inventory.Facts) {
		return undrilled(func(f *inventory.Facts) { f.Processes[0].Signals = s })
	}
	caught := inventory.Signals{Known: true, Caught: []string{"SIGTERM"}}
	runTrials(t, []trial{
		{"200, drilled", migration.CodeHealth, unchanged, pass, "turned in the drill"},
		{"200, not drilled", migration.CodeHealth, undrilled(func(*inventory.Facts) {}), pass, "was not drilled"},
		{"200, drill could not be made", migration.CodeHealth, facts(func(f *inventory.Facts) { f.Drills[1].Err, f.Drills[1].Passed = "did not start", false }), pass, "was not drilled"},
		{"200 whatever happens", migration.CodeHealth, facts(func(f *inventory.Facts) {
			f.Drills[1].Passed, f.Drills[1].Detail = false, "/readyz stayed 200"
		}), fail, "stayed 200"},
		{"the declared path", migration.CodeHealth, func(in *Input, _ *inventory.Facts) {
			in.Spec.Workloads[0].Health.ReadinessPath = "/up"
			for i := range in.Report.Machines {
				in.Report.Machines[i].Health = []inventory.HealthAnswer{{URL: "http://127.0.0.1:8080/up", Path: "/up", Status: 200}}
			}
		}, pass, "200 from /up"},
		{"a path that nobody declared", migration.CodeHealth, answers(inventory.HealthAnswer{Path: "/status", URL: "u", Status: 200}), fail, "no workload declares it"},
		{"404", migration.CodeHealth, answers(inventory.HealthAnswer{Path: "/healthz", URL: "u", Status: 404}), fail, "answers 200"},
		{"moved elsewhere", migration.CodeHealth, answers(inventory.HealthAnswer{Path: "/healthz", URL: "u", Status: 302}), fail, "answers 200"},
		{"silence", migration.CodeHealth, answers(inventory.HealthAnswer{Path: "/healthz", URL: "u", Err: "timeout"}), unknown, "timeout"},
		{"no HTTP", migration.CodeHealth, answers(), fail, "no port speaks HTTP"},
		{"no listener", migration.CodeHealth, undrilled(func(f *inventory.Facts) { f.Health, f.Listeners = nil, nil }), unknown, "no port"},
		{"listeners not seen", migration.CodeHealth, gap(inventory.SubjectListeners), unknown, "permission denied"},
		{"nobody asked", migration.CodeHealth, unseen(inventory.SubjectHealth), unknown, "nobody looked"},

		{"drained in the drill", migration.CodeSIGTERM, unchanged, pass, "all 8 requests"},
		{"drained in the drill, masks not seen", migration.CodeSIGTERM, gap(inventory.SubjectProcesses), unknown, "permission denied"},
		{"lost requests in the drill", migration.CodeSIGTERM, facts(func(f *inventory.Facts) {
			f.Drills[0].Passed, f.Drills[0].Answered, f.Drills[0].Detail = false, 3, "5 connections were reset"
		}), fail, "3 of 8"},
		{"a drill that says passed and counts a loss", migration.CodeSIGTERM, facts(func(f *inventory.Facts) { f.Drills[0].Answered = 7 }), fail, "7 of 8"},
		{"a drill without requests proves nothing", migration.CodeSIGTERM, facts(func(f *inventory.Facts) { f.Drills[0].InFlight, f.Drills[0].Answered = 0, 0 }), unknown, "was not drilled"},
		{"a drill that could not be made", migration.CodeSIGTERM, facts(func(f *inventory.Facts) { f.Drills[0].Err, f.Drills[0].Passed = "no systemd", false }), unknown, "was not drilled"},
		{"drained at another signal", migration.CodeSIGTERM, facts(func(f *inventory.Facts) { f.Unit.KillSignal = "3" }), unknown, "SIGQUIT"},
		{"caught, not drilled", migration.CodeSIGTERM, mask(caught), unknown, "was not drilled"},
		{"blocked for signalfd", migration.CodeSIGTERM, mask(inventory.Signals{Known: true, Blocked: []string{"SIGTERM"}}), unknown, "blocks SIGTERM"},
		{"ignored", migration.CodeSIGTERM, mask(inventory.Signals{Known: true, Ignored: []string{"SIGTERM"}}), fail, "ignores"},
		{"not caught", migration.CodeSIGTERM, mask(inventory.Signals{Known: true, Caught: []string{"SIGHUP"}}), fail, "dies at once"},
		{"masks not read", migration.CodeSIGTERM, mask(inventory.Signals{}), unknown, "could not be read"},
		{"the main process decides", migration.CodeSIGTERM, undrilled(func(f *inventory.Facts) {
			f.Processes[0].Signals = inventory.Signals{Known: true}
			f.Processes = append(f.Processes, inventory.Process{PID: 101, Parent: 100, Name: "worker", Signals: caught})
		}), fail, "bank does not catch"},
		{"a worker does not", migration.CodeSIGTERM, undrilled(func(f *inventory.Facts) {
			f.Processes = append(f.Processes, inventory.Process{PID: 101, Parent: 100, Name: "worker", Signals: inventory.Signals{Known: true}})
		}), unknown, "bank catches"},
		{"no main process", migration.CodeSIGTERM, undrilled(func(f *inventory.Facts) {
			f.Processes[0].Main, f.Unit = false, nil
			f.Processes = append(f.Processes, inventory.Process{PID: 101})
		}), unknown, "which of 2 processes"},
		{"processes not seen", migration.CodeSIGTERM, undrilled(func(f *inventory.Facts) { f.Processes = nil; without(f, inventory.SubjectProcesses) }), unknown, "nobody looked"},

		{"time enough", migration.CodeProbes, unchanged, pass, "4s"},
		{"slower than declared", migration.CodeProbes, facts(func(f *inventory.Facts) { f.Unit.Boot = 20e9 }), fail, "may take 5s to start, and a start took 20s"},
		{"slower in the drill", migration.CodeProbes, facts(func(f *inventory.Facts) { f.Drills[0].Boot = 20e9 }), fail, "a start took 20s"},
		{"nothing declared, slow", migration.CodeProbes, func(in *Input, f *inventory.Facts) {
			in.Spec.Workloads[0].Health.StartupSeconds = 0
			f.Unit.Boot = 90e9
		}, fail, "may take 1m0s"},
		{"nothing declared, fast", migration.CodeProbes, func(in *Input, _ *inventory.Facts) { in.Spec.Workloads[0].Health.StartupSeconds = 0 }, pass, ""},
		{"one path for both", migration.CodeProbes, func(in *Input, _ *inventory.Facts) { in.Spec.Workloads[0].Health.LivenessPath = "/readyz" }, fail, "liveness and readiness"},
		{"not measured", migration.CodeProbes, undrilled(func(f *inventory.Facts) { f.Unit.Boot = 0 }), unknown, "was not measured"},
		{"no workload", migration.CodeProbes, func(in *Input, _ *inventory.Facts) { in.Spec.Workloads = nil }, unknown, "no workload"},
	})
}
