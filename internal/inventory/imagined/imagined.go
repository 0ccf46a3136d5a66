// Package imagined gives the facts of machines that exist nowhere: of an
// application that could run in a pod as it is, and of one as they mostly are.
// Simulations and tests judge them.
//
// It knows no rule by which facts are judged: what stands here is what a probe
// would find, and whether that is enough is readiness' affair.
package imagined

import (
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// samples is how often each machine was looked at.
const samples = 60

// Service is a small service that takes its configuration from files that it only
// reads and from the environment, logs to stdout, keeps its data in a database
// elsewhere, tells its health and drains at SIGTERM. The facts were complete at at.
func Service(t inventory.Target, at time.Time) inventory.Facts {
	const name, pid = "royal-bank-api", 812
	began := at.Add(-samples * time.Second)
	file := func(path string, class inventory.FileClass, why string) inventory.File {
		return inventory.File{Path: path, Class: class, Why: why, By: []string{"fd"}, Read: true, AtStart: true, Seen: samples, PIDs: []int{pid}, Mount: "/", FSType: "ext4"}
	}
	return inventory.Facts{
		Target: t, Taken: inventory.Taken{Version: "simulated", User: "root", Root: true, Command: "rehome probe --host ssh://" + t.Host},
		Began: began, Ended: at, Coverage: inventory.Coverage{Samples: samples, Planned: samples, Every: time.Second},
		Looked: everything(),
		Host:   host(t.Host, at),
		Unit: &inventory.Unit{
			Name: t.Unit, Path: "/etc/systemd/system/" + t.Unit, Type: "notify", State: "active/running", MainPID: pid, User: name,
			Start: []string{"/opt/royal-bank-api/bin/royal-bank-api --config /etc/royal-bank-api/app.yaml"}, EnvironmentFiles: []string{"/etc/royal-bank-api/environment"},
			StandardOutput: "journal", StandardError: "journal", KillSignal: "SIGTERM", TimeoutStop: 30 * time.Second,
			StartedAt: at.Add(-40 * 24 * time.Hour), Boot: 3 * time.Second,
		},
		Processes: []inventory.Process{{
			PID: pid, Parent: 1, Name: name, Command: []string{"/opt/royal-bank-api/bin/royal-bank-api", "--config", "/etc/royal-bank-api/app.yaml"},
			Executable: "/opt/royal-bank-api/bin/royal-bank-api", User: name, UID: 997, Started: at.Add(-40 * 24 * time.Hour), Threads: 9, Main: true, Seen: samples,
			Signals: inventory.Signals{Known: true, Caught: []string{"SIGINT", "SIGTERM"}},
		}},
		Programs: []inventory.Program{{Path: "/opt/royal-bank-api/bin/royal-bank-api", Language: "Go", Runtime: "go1.26", Static: true, PIDs: []int{pid}}},
		Environment: []inventory.Variable{
			{Name: "BANK_DATABASE", Origin: "/etc/royal-bank-api/environment"}, {Name: "BANK_LISTEN", Origin: "/etc/royal-bank-api/environment"},
			{Name: "LANG", Origin: "process"}, {Name: "PATH", Origin: "process"},
		},
		Files: []inventory.File{
			file("/etc/royal-bank-api/app.yaml", inventory.FileConfig, "below a configuration directory"),
			file("/opt/royal-bank-api/bin/royal-bank-api", inventory.FileProgram, "the executable"),
		},
		Logs: []inventory.LogSink{{Kind: inventory.SinkJournal, PIDs: []int{pid}, Seen: samples}},
		Trees: []inventory.Tree{{Path: "/etc/royal-bank-api", KeyID: "simulated", Entries: []inventory.TreeEntry{
			{Path: "app.yaml", Mode: "-rw-r--r--", Owner: "root", Size: 412, Digest: "5d1f", Keys: map[string]string{"database.pool": "a3", "log.level": "b7"}},
			{Path: "environment", Mode: "-rw-r-----", Owner: "root", Size: 96, Digest: "77c0"},
		}}},
		Secrets: []inventory.SecretPlace{{File: "/etc/royal-bank-api/environment", Line: 2, Key: "BANK_DATABASE_PASSWORD", Rule: "the name says so", In: "file"}},
		Listeners: []inventory.Listener{
			{Protocol: "tcp", Address: "0.0.0.0", Port: 8080, PIDs: []int{pid}, Seen: samples},
		},
		Peers: []inventory.Peer{
			{Direction: inventory.Dialled, Protocol: "tcp", Address: "192.0.2.30", Port: 5432, Name: "postgres.golemtrust.am", NameFrom: "configuration", PIDs: []int{pid}, Most: 4, Seen: samples, Count: 4},
			{Direction: inventory.Accepted, Protocol: "tcp", Address: "192.0.2.10", Port: 8080, PIDs: []int{pid}, Most: 12, Seen: samples, Count: 40},
		},
		Stores: []inventory.Store{{Kind: "postgresql", Role: "database", Where: "postgres.golemtrust.am:5432", Why: "port 5432"}},
		Health: []inventory.HealthAnswer{
			{URL: "http://127.0.0.1:8080/healthz", Path: "/healthz", Status: 200, Micros: 900},
			{URL: "http://127.0.0.1:8080/readyz", Path: "/readyz", Status: 200, Micros: 1400},
		},
		Usage: usage(),
		Drills: []inventory.Drill{
			{
				Name: inventory.DrillSIGTERM, At: at, How: "SIGTERM under load on a second instance", Passed: true, Detail: "every request in flight was answered",
				Boot: 3 * time.Second, InFlight: 24, Answered: 24, EndedIn: 900 * time.Millisecond,
			},
			{
				Name: inventory.DrillHealth, At: at, How: "a second instance without a network", Passed: true, Detail: "/readyz turns when the database is away", Boot: 3 * time.Second,
				Before: []inventory.HealthAnswer{{Path: "/readyz", Status: 200}}, After: []inventory.HealthAnswer{{Path: "/readyz", Status: 503}},
			},
		},
	}
}

// Legacy is the same service as it mostly is: it logs into a file of its own, and
// is killed by SIGTERM in the middle of what it answers.
func Legacy(t inventory.Target, at time.Time) inventory.Facts {
	f := Service(t, at)
	const log = "/var/log/royal-bank-api/api.log"
	f.Processes[0].Signals.Caught = []string{"SIGINT"}
	f.Drills = nil
	f.Logs = []inventory.LogSink{{Kind: inventory.SinkFile, To: log, PIDs: f.Listeners[0].PIDs, Growth: 3 << 20, Seen: samples}}
	f.Files = append(f.Files, inventory.File{
		Path: log, Class: inventory.FileLog, Why: "below /var/log", By: []string{"fd"}, Written: true, AtStart: true, Seen: samples,
		PIDs: f.Listeners[0].PIDs, Size: 80 << 20, Growth: 3 << 20, Mount: "/", FSType: "ext4",
	})
	return f
}

func everything() []inventory.Subject {
	return []inventory.Subject{
		inventory.SubjectMachine, inventory.SubjectUnit, inventory.SubjectProcesses, inventory.SubjectPrograms, inventory.SubjectEnvironment, inventory.SubjectFiles,
		inventory.SubjectLogs, inventory.SubjectTrees, inventory.SubjectSecrets, inventory.SubjectAddresses, inventory.SubjectListeners, inventory.SubjectPeers,
		inventory.SubjectSockets, inventory.SubjectShared, inventory.SubjectMounts, inventory.SubjectSchedules, inventory.SubjectProxies, inventory.SubjectTraffic,
		inventory.SubjectHealth, inventory.SubjectUsage, inventory.SubjectKernel, inventory.SubjectInterfaces,
	}
}

func host(name string, at time.Time) inventory.Host {
	return inventory.Host{
		Name: name, OS: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.1.0", Arch: "x86_64", Virtual: "kvm", BootedAt: at.Add(-41 * 24 * time.Hour),
		CPUs: 4, Memory: 8 << 30, Init: "systemd", TimeZone: "UTC", ClockSync: "yes", SELinux: "disabled",
		Interfaces: []inventory.Interface{{Name: "ens3", Addresses: []string{"192.0.2.20/24"}, Up: true}},
	}
}

func usage() inventory.Usage {
	q := func(p50, p95, p99, most int64) inventory.Quantiles {
		return inventory.Quantiles{P50: p50, P95: p95, P99: p99, Max: most, N: samples}
	}
	return inventory.Usage{
		CPUMilli: q(60, 110, 140, 180), MemoryBytes: q(41<<20, 44<<20, 45<<20, 46<<20), Threads: q(9, 9, 9, 9),
		OpenFiles: q(22, 30, 31, 33), Processes: q(1, 1, 1, 1), MemoryFrom: "pss",
	}
}
