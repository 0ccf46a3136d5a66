package readiness

import (
	"slices"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

var now = time.Date(2026, 12, 8, 12, 0, 0, 0, time.UTC)

var everySubject = []inventory.Subject{
	inventory.SubjectUnit, inventory.SubjectProcesses, inventory.SubjectPrograms, inventory.SubjectEnvironment, inventory.SubjectFiles,
	inventory.SubjectLogs, inventory.SubjectTrees, inventory.SubjectSecrets, inventory.SubjectAddresses, inventory.SubjectListeners, inventory.SubjectPeers,
	inventory.SubjectSockets, inventory.SubjectShared, inventory.SubjectMounts, inventory.SubjectSchedules, inventory.SubjectProxies,
	inventory.SubjectTraffic, inventory.SubjectHealth, inventory.SubjectUsage, inventory.SubjectKernel, inventory.SubjectInterfaces,
}

// good are the facts of an application that can move as it is: configured by its
// environment and a file that it reads, with a database elsewhere.
func good() inventory.Facts {
	return inventory.Facts{
		Target:   inventory.Target{Host: "vm1", Unit: "bank.service"},
		Taken:    inventory.Taken{Version: "test", User: "root", Root: true},
		Began:    now.Add(-11 * time.Minute),
		Ended:    now.Add(-10 * time.Minute),
		Coverage: inventory.Coverage{Samples: 60, Planned: 60, Every: time.Second},
		Looked:   slices.Clone(everySubject),
		Host: inventory.Host{Name: "vm1", Init: "systemd", Interfaces: []inventory.Interface{
			{Name: "lo", Addresses: []string{"127.0.0.1/8"}, Up: true}, {Name: "eth0", Addresses: []string{"192.0.2.11/24", "fe80::1/64"}, Up: true}}},
		Unit: &inventory.Unit{Name: "bank.service", Type: "notify", MainPID: 100, User: "bank", KillSignal: "15", Boot: 4 * time.Second},
		Processes: []inventory.Process{{PID: 100, Parent: 1, Name: "bank", User: "bank", UID: 998, Main: true, Seen: 60,
			Command: []string{"/usr/local/bin/bank"}, Signals: inventory.Signals{Known: true, Caught: []string{"SIGTERM", "SIGINT"}}}},
		Environment: []inventory.Variable{{Name: "PATH", Origin: "process"}, {Name: "BANK_DB_HOST", Origin: "unit"}, {Name: "BANK_DB_PASSWORD", Origin: "/etc/bank/env", Secret: true}},
		Files: []inventory.File{
			{Path: "/etc/bank/bank.yaml", Class: inventory.FileConfig, By: []string{"event"}, Read: true, AtStart: true, Seen: 1},
			{Path: "/usr/local/bin/bank", Class: inventory.FileProgram, By: []string{"map"}, Read: true, Seen: 60}},
		Trees: []inventory.Tree{{Path: "/etc/bank", KeyID: "k1", Entries: []inventory.TreeEntry{
			{Path: "bank.yaml", Mode: "-rw-r-----", Owner: "root:bank", Size: 120, Digest: "d1", Keys: map[string]string{"db.host": "h1", "db.pool": "h2"}}}}},
		Logs:      []inventory.LogSink{{Kind: inventory.SinkStdout, PIDs: []int{100}, Seen: 60}},
		Secrets:   []inventory.SecretPlace{{File: "/etc/bank/env", Line: 3, Key: "BANK_DB_PASSWORD", Rule: "name", In: "file"}},
		Listeners: []inventory.Listener{{Protocol: "tcp6", Address: "::", Port: 8080, PIDs: []int{100}, Seen: 60}},
		Peers:     []inventory.Peer{{Direction: inventory.Dialled, Protocol: "tcp", Address: "192.0.2.50", Port: 5432, Name: "db.bank.example", NameFrom: "ptr", Most: 4, Seen: 60, Count: 4}},
		Stores:    []inventory.Store{{Kind: "postgresql", Role: "database", Where: "192.0.2.50:5432", Why: "port 5432"}},
		Mounts:    []inventory.Mount{{Point: "/", Source: "/dev/vda1", FSType: "ext4"}},
		Health: []inventory.HealthAnswer{{URL: "http://127.0.0.1:8080/healthz", Path: "/healthz", Status: 200},
			{URL: "http://127.0.0.1:8080/readyz", Path: "/readyz", Status: 200}},
		Load: &inventory.Load{URL: "http://127.0.0.1:8080/", Rate: 100, Achieved: 100, For: time.Minute, Requests: 6000, Valid: true, Usage: inventory.Usage{
			CPUMilli: inventory.Quantiles{P50: 100, P95: 200, P99: 240, Max: 300, N: 60}, MemoryFrom: "pss",
			MemoryBytes: inventory.Quantiles{P50: 90 << 20, P95: 100 << 20, P99: 100 << 20, Max: 100 << 20, N: 60}}},
		Drills: []inventory.Drill{
			{Name: inventory.DrillSIGTERM, At: now.Add(-10 * time.Minute), How: "second instance", Passed: true, InFlight: 8, Answered: 8, EndedIn: 900 * time.Millisecond, Boot: 3 * time.Second},
			{Name: inventory.DrillHealth, At: now.Add(-10 * time.Minute), How: "second instance", Passed: true, Detail: "/readyz turned from 200 to 503"}},
	}
}

// input judges those facts by a migration that declares what they need.
func input(machines ...inventory.Facts) Input {
	policy := migration.DefaultPolicy()
	policy.ApprovedBases = []string{"registry.golemtrust.am/base"}
	spec := migration.Spec{
		Name: "bank",
		Workloads: []migration.Workload{{Name: "bank", Image: "registry.golemtrust.am/bank@sha256:00", Dockerfile: "Dockerfile", Replicas: 2,
			Ports:     []migration.Port{{Name: "http", Port: 8080, Protocol: "TCP"}},
			Health:    migration.Health{ReadinessPath: "/readyz", LivenessPath: "/healthz", StartupSeconds: 5},
			Mounts:    []migration.Mount{{ConfigMap: "bank-config", Path: "/etc/bank"}, {Secret: "bank-secrets", Env: true}},
			Resources: migration.Resources{CPURequestMilli: 260, MemoryRequestBytes: 130 << 20, MemoryLimitBytes: 130 << 20}}},
		Data: migration.Data{Shared: true, Stores: []string{"db.bank.example:5432"}},
	}
	for _, f := range machines {
		spec.VMs = append(spec.VMs, migration.VM{Host: f.Target.Host, Unit: f.Target.Unit, ConfigDirs: []string{"/etc/bank"}})
	}
	return Input{
		Spec: spec, Policy: policy, Report: inventory.Report{Format: inventory.Format, Machines: machines}, Attempt: 1, Now: now,
		Bases: map[string]migration.Observed[migration.BaseFacts]{"bank": {At: now.Add(-time.Minute), Source: "Dockerfile",
			Value: migration.BaseFacts{Workload: "bank", From: "registry.golemtrust.am/base/go:1", By: "dockerfile", User: "1000"}}},
	}
}

// finding is the finding of a code in what is judged.
func finding(in Input, code migration.Code) Finding {
	a := Judge(in)
	i := slices.IndexFunc(a.Findings, func(f Finding) bool { return f.Code == code })
	if i < 0 {
		return Finding{Observed: "there is no finding " + string(code)}
	}
	return a.Findings[i]
}

// without takes a subject from those that were looked at.
func without(f *inventory.Facts, subjects ...inventory.Subject) {
	f.Looked = slices.DeleteFunc(slices.Clone(f.Looked), func(s inventory.Subject) bool { return slices.Contains(subjects, s) })
}
