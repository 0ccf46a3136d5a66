package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

func TestLoadFillsTheSpec(t *testing.T) {
	got, err := Load("testdata/good/ledger.yaml", "testdata/good/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	side := func(job string) migration.SideMetrics {
		return migration.SideMetrics{
			Requests: `http_requests_total{job="` + job + `"}`, Errors: `http_requests_total{job="` + job + `",code=~"5.."}`,
			Vantage: "application",
		}
	}
	want := migration.Spec{
		Name:     "ledger",
		Names:    []migration.Name{{Name: "ledger.golemtrust.am.", Zone: "golemtrust.am.", Provider: "golemtrust-dns", Workload: "ledger"}},
		OldEntry: migration.OldEntry{Addresses: []string{"192.0.2.20"}, Port: 8080, ProbePath: "/healthz"},
		VMs:      []migration.VM{{Host: "vm-1.golemtrust.am", Unit: "ledger.service"}},
		Workloads: []migration.Workload{{
			Name: "ledger", Image: "registry.golemtrust.am/ledger:1.4", Kind: migration.KindAuto, Replicas: 2,
			Ports:                   []migration.Port{{Name: "http", Port: 8080, Protocol: "TCP"}},
			Health:                  migration.Health{ReadinessPath: "/readyz"},
			TerminationGraceSeconds: 30, PreStopSeconds: 5,
		}},
		Target:  migration.Destination{Cluster: "ankh-morpork", Namespace: "ledger", StagingNamespace: "ledger-staging", Exposure: migration.ExposeLoadBalancer},
		Cutover: migration.CutoverDNS, Delivery: migration.DeliveryRehome,
		Metrics:   migration.Metrics{Source: "prometheus", Old: side("vm"), New: side("pods")},
		Smoke:     migration.Smoke{Checks: []migration.HTTPCheck{{Name: "answers", Path: "/", Status: 200}}},
		Data:      migration.Data{Shared: true},
		Approvals: migration.ApprovalRule{Required: 1},
	}
	same(t, got.Spec, want)
	if got.File != "testdata/good/ledger.yaml" || got.PolicyFile != "testdata/good/policy.yaml" || got.Policy.Name != "golemtrust" {
		t.Errorf("read from %q and %q, policy %q", got.File, got.PolicyFile, got.Policy.Name)
	}
	d := got.Declared()
	same(t, d, migration.Declared{Spec: want, Policy: got.Policy, File: got.File})
}

// everything is a migration that says whatever can be said.
const everything = `apiVersion: rehome.dev/v1alpha1
kind: Migration
metadata: {name: ledger, namespace: moves, labels: {team: bank}, annotations: {note: "yes"}}
spec:
  names:
    - {name: Ledger.GolemTrust.am., zone: golemtrust.am., view: internal, provider: a, workload: api}
    - {name: golemtrust.am, zone: GOLEMTRUST.AM, view: default, provider: b, workload: batch}
  rehearsal: {name: rehearsal.golemtrust.am, view: external, provider: b, workload: batch}
  oldEntry: {addresses: ["2001:DB8::1", Balancer.golemtrust.am], port: 443, probePath: "/up?deep=1"}
  returnPath: {scheme: tls, serverName: old.golemtrust.am, caConfigMap: old-ca, proxyProtocol: v2}
  vms:
    - {host: 192.0.2.7, port: 8080, configDirs: [/etc/ledger, /srv/ledger], reach: "ssh://angua@192.0.2.7:2222"}
  workloads:
    - name: api
      image: registry.golemtrust.am:5000/ledger@sha256:0000000000000000000000000000000000000000000000000000000000000000
      dockerfile: build/Dockerfile
      kind: StatefulSet
      replicas: 3
      ports: [{name: http, port: 8080, public: 80, protocol: TCP}, {name: dns, port: 8080, public: 80, protocol: UDP}]
      health: {readinessPath: /r, livenessPath: /l, startup: 1m30s}
      resources: {requests: {cpu: 0.25, memory: 1Gi}, limits: {cpu: 2, memory: 2G}}
      env: {LEVEL: info}
      mounts: [{configMap: c, path: /etc/ledger}, {secret: s, env: true}]
      storage: [{name: data, path: /data, size: 10Gi, class: fast}]
      terminationGrace: 1m
      preStop: 0s
      security: {runAsUser: 7, runAsGroup: 8, fsGroup: 9, exceptions: [{allow: NET_BIND_SERVICE, because: port 80}, {allow: writable-root, because: it unpacks itself}]}
      scratch: [/var/cache/ledger]
      serviceAccount: ledger
      autoscale: {min: 2, max: 5}
      networkPolicy: {to: [{cidr: 192.0.2.30, port: 5432, protocol: TCP, what: postgres}], from: [ingress]}
      podManagement: Parallel
      updateStrategy: OnDelete
    - {name: worker, image: worker, health: {command: [/alive, now]}}
    - {name: batch, image: batch, ports: [{name: http, port: 1}], health: {readinessPath: /}}
  target: {cluster: c, namespace: bank, stagingNamespace: drills, exposure: Gateway, gateway: {name: edge, namespace: gateways, listener: https}}
  cutover: handover
  delivery: external
  metrics:
    source: p
    old: {requests: a, errors: b, latency: c_bucket, vantage: edge}
    new: {requests: d, errors: e, latency: f_bucket, vantage: probe}
    dashboard: https://grafana.golemtrust.am/d/1
  smoke: {command: [./smoke, --fast], checks: [{name: check, path: /p, status: 204, contains: x}]}
  data: {shared: false, stores: [postgres]}
  windows: [{from: 2026-12-08T22:00:00+01:00, to: "2026-12-09T02:00:00+01:00"}]
  approvals: {required: 0, from: [angua]}
  fixes: [{code: LOGS-STDOUT, drill: logs-stdout, how: the appender writes to the console}]
  drills:
    safePeers: [{address: "mail.golemtrust.am:25", reason: a sink}]
    approved: ["the replicas are 1", "not 3"]
    rate: 80
    for: 45s
    path: /busy
    truth: {DATABASE: nowhere}
    session: {begin: "/login?customer=1", method: POST, check: /session, status: 204, old: true}
    skip: {read-only-root: it writes a cache there}
  schedules: [{name: ledger-night.timer, owner: cluster, when: 30 2 * * 1-5, timeZone: Europe/Berlin, command: [/app/night, --all], workload: worker}, {name: "/etc/cron.d/ledger:3", owner: nobody}]
`

func TestEveryFieldArrives(t *testing.T) {
	got, err := ParseMigration("m.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	cet := time.FixedZone("", 3600)
	want := migration.Spec{
		Name: "ledger",
		Names: []migration.Name{
			{Name: "ledger.golemtrust.am.", Zone: "golemtrust.am.", View: "internal", Provider: "a", Workload: "api"},
			{Name: "golemtrust.am.", Zone: "golemtrust.am.", Provider: "b", Workload: "batch"},
		},
		Rehearsal:  &migration.Name{Name: "rehearsal.golemtrust.am.", Zone: "golemtrust.am.", View: "external", Provider: "b", Workload: "batch"},
		OldEntry:   migration.OldEntry{Addresses: []string{"2001:db8::1", "balancer.golemtrust.am."}, Port: 443, ProbePath: "/up?deep=1"},
		ReturnPath: migration.ReturnPath{Scheme: migration.LeadTLS, ServerName: "old.golemtrust.am", CA: "old-ca", Proxy: "v2"},
		VMs:        []migration.VM{{Host: "192.0.2.7", Port: 8080, ConfigDirs: []string{"/etc/ledger", "/srv/ledger"}, Reach: "ssh://angua@192.0.2.7:2222"}},
		Workloads: []migration.Workload{{
			Name: "api", Image: "registry.golemtrust.am:5000/ledger@sha256:" + strings.Repeat("0", 64),
			Dockerfile: "build/Dockerfile",
			Kind:       migration.KindStatefulSet, Replicas: 3,
			Ports:     []migration.Port{{Name: "http", Port: 8080, Public: 80, Protocol: "TCP"}, {Name: "dns", Port: 8080, Public: 80, Protocol: "UDP"}},
			Health:    migration.Health{ReadinessPath: "/r", LivenessPath: "/l", StartupSeconds: 90},
			Resources: migration.Resources{CPURequestMilli: 250, CPULimitMilli: 2000, MemoryRequestBytes: 1 << 30, MemoryLimitBytes: 2e9},
			Env:       map[string]string{"LEVEL": "info"},
			Mounts:    []migration.Mount{{ConfigMap: "c", Path: "/etc/ledger"}, {Secret: "s", Env: true}},
			Storage:   []migration.Storage{{Name: "data", Path: "/data", SizeBytes: 10 << 30, Class: "fast"}},

			TerminationGraceSeconds: 60,
			Security: migration.Security{User: 7, Group: 8, FilesGroup: 9, Exceptions: []migration.Exception{
				{Allow: "NET_BIND_SERVICE", Because: "port 80"}, {Allow: migration.AllowWrites, Because: "it unpacks itself"},
			}},
			Scratch: []string{"/var/cache/ledger"}, ServiceAccount: "ledger",
			Autoscale: &migration.Autoscale{Min: 2, Max: 5, CPUPercent: 70},
			NetworkPolicy: &migration.NetworkPolicy{
				To:   []migration.NetworkPeer{{CIDR: "192.0.2.30/32", Port: 5432, Protocol: "TCP", What: "postgres"}},
				From: []string{"ingress"},
			},
			PodManagement: migration.ManageParallel, UpdateStrategy: migration.UpdateOnDelete,
		}, {
			Name: "worker", Image: "worker", Kind: migration.KindAuto, Replicas: 1, Ports: []migration.Port{},
			Health: migration.Health{Command: []string{"/alive", "now"}}, TerminationGraceSeconds: 30, PreStopSeconds: 5,
		}, {
			Name: "batch", Image: "batch", Kind: migration.KindAuto, Replicas: 1,
			Ports: []migration.Port{{Name: "http", Port: 1, Protocol: "TCP"}}, Health: migration.Health{ReadinessPath: "/"},
			TerminationGraceSeconds: 30, PreStopSeconds: 5,
		}},
		Target: migration.Destination{Cluster: "c", Namespace: "bank", StagingNamespace: "drills", Exposure: migration.ExposeGateway,
			Gateway: migration.Gateway{Name: "edge", Namespace: "gateways", Listener: "https"}},
		Cutover: migration.CutoverHandover, Delivery: migration.DeliveryExternal,
		Metrics: migration.Metrics{
			Source: "p", Dashboard: "https://grafana.golemtrust.am/d/1",
			Old: migration.SideMetrics{Requests: "a", Errors: "b", Latency: "c_bucket", Vantage: "edge"},
			New: migration.SideMetrics{Requests: "d", Errors: "e", Latency: "f_bucket", Vantage: "probe"},
		},
		Smoke: migration.Smoke{Command: []string{"./smoke", "--fast"}, Checks: []migration.HTTPCheck{{Name: "check", Path: "/p", Status: 204, Contains: "x"}}},
		Data:  migration.Data{Stores: []string{"postgres"}},
		Windows: []migration.Window{{
			From: time.Date(2026, 12, 8, 22, 0, 0, 0, cet), To: time.Date(2026, 12, 9, 2, 0, 0, 0, cet),
		}},
		Approvals: migration.ApprovalRule{From: []string{"angua"}},
		Drills: migration.Drills{
			SafePeers: []migration.SafePeer{{Address: "mail.golemtrust.am:25", Reason: "a sink"}},
			Approved:  []string{"the replicas are 1", "not 3"},
			Rate:      80, For: 45 * time.Second, Path: "/busy", Truth: map[string]string{"DATABASE": "nowhere"},
			Session: &migration.SessionDrill{Begin: "/login?customer=1", Method: "POST", Check: "/session", Status: 204, Old: true},
			Skip:    map[migration.StagingDrill]string{migration.DrillReadOnly: "it writes a cache there"},
		},
		Fixes: []migration.Fix{{Code: migration.CodeLogsStdout, Drill: migration.DrillLogs, How: "the appender writes to the console"}},
		Schedules: []migration.Schedule{{
			Name: "ledger-night.timer", Owner: migration.OwnerCluster, When: "30 2 * * 1-5", TimeZone: "Europe/Berlin",
			Command: []string{"/app/night", "--all"}, Workload: "worker",
		}, {Name: "/etc/cron.d/ledger:3", Owner: migration.OwnerNobody}},
	}
	if !got.Windows[0].From.Equal(want.Windows[0].From) || !got.Windows[0].To.Equal(want.Windows[0].To) {
		t.Errorf("window %v", got.Windows)
	}
	got.Windows, want.Windows = nil, nil
	same(t, got, want)
}

func TestRehearsalTakesTheFirstName(t *testing.T) {
	text := strings.Replace(everything, "view: external, provider: b, workload: batch}\n  old", "zone: golemtrust.am}\n  old", 1)
	got, err := ParseMigration("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	same(t, *got.Rehearsal, migration.Name{Name: "rehearsal.golemtrust.am.", Zone: "golemtrust.am.", View: "internal", Provider: "a", Workload: "api"})
}

// TestWhichPolicy: the command line's goes before the migration's own
// reference, which is relative to the migration, and then the default.
func TestWhichPolicy(t *testing.T) {
	dir := t.TempDir()
	base := read(t, "testdata/good/ledger.yaml")
	write(t, filepath.Join(dir, "moves", "ledger.yaml"), strings.Replace(base, "spec:\n", "spec:\n  policy: ../policies/own.yaml\n", 1))
	own := strings.Replace(read(t, "testdata/good/policy.yaml"), "name: golemtrust\n", "name: own\n", 1)
	write(t, filepath.Join(dir, "policies", "own.yaml"), own)
	file := filepath.Join(dir, "moves", "ledger.yaml")

	for _, c := range []struct{ flag, name, from string }{
		{"", "own", filepath.Join(dir, "policies", "own.yaml")},
		{"testdata/good/policy.yaml", "golemtrust", "testdata/good/policy.yaml"},
	} {
		got, err := Load(file, c.flag)
		if err != nil || got.Policy.Name != c.name || got.PolicyFile != c.from {
			t.Errorf("--policy %q: %q from %q, %v", c.flag, got.Policy.Name, got.PolicyFile, err)
		}
	}
	got, _ := Load(file, "")
	if want := filepath.Join(dir, "policies", "tsig.key"); got.Policy.DNSProviders[0].Settings["tsigSecretFile"] != want {
		t.Errorf("the key's file is %v, want %s", got.Policy.DNSProviders[0].Settings, want)
	}
	if err := os.Remove(filepath.Join(dir, "policies", "own.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, ""); err == nil || !strings.Contains(err.Error(), "own.yaml: there is no such file") {
		t.Errorf("a policy that is gone: %v", err)
	}
}

func TestReferencesToThePolicy(t *testing.T) {
	dir := t.TempDir()
	base := read(t, "testdata/good/ledger.yaml")
	wrong := filepath.Join(dir, "ledger.yaml")
	write(t, wrong, strings.NewReplacer("provider: golemtrust-dns", "provider: golemtrus-dns", "cluster: ankh-morpork", "cluster: uberwald", "source: prometheus", "source: grafana").Replace(base))
	empty := filepath.Join(dir, "empty.yaml")
	write(t, empty, "apiVersion: rehome.dev/v1alpha1\nkind: Policy\nmetadata: {name: empty}\nspec: {}\n")

	for _, c := range []struct {
		name, file, policy string
		want               []string
	}{
		{"unknown", wrong, "testdata/good/policy.yaml", []string{
			`:9:17: spec.names[0].provider: names "golemtrus-dns", which testdata/good/policy.yaml does not have under spec.providers.dns (did you mean golemtrust-dns?)`,
			`:26:14: spec.target.cluster: names "uberwald", which testdata/good/policy.yaml does not have under spec.providers.clusters (known here: ankh-morpork)`,
			`:29:13: spec.metrics.source: names "grafana", which testdata/good/policy.yaml does not have under spec.providers.metrics (known here: prometheus)`,
		}},
		{"nothing there", "testdata/good/ledger.yaml", empty, []string{
			`spec.names[0].provider: names "golemtrust-dns", but ` + empty + ` has nothing under spec.providers.dns (add it there)`,
		}},
		{"default policy", "testdata/good/ledger.yaml", "", []string{
			`spec.target.cluster: names "ankh-morpork", but no policy is given (name the policy's file with --policy or in spec.policy; it lists what there is under spec.providers.clusters)`,
		}},
	} {
		_, err := Load(c.file, c.policy)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no line with %s in:\n%v", c.name, want, err)
			}
		}
		if es, _ := errors.AsType[Errors](err); len(es) != 3 {
			t.Errorf("%s: %d mistakes, want 3", c.name, len(es))
		}
	}
}

// TestMistakesOfBothFiles: a person mends both files in one go.
func TestMistakesOfBothFiles(t *testing.T) {
	for _, file := range []string{"testdata/bad/migration-many-mistakes.yaml", "testdata/bad/migration-tab.yaml"} {
		_, err := Load(file, "testdata/bad/policy-ttl-case.yaml")
		if err == nil || !strings.Contains(err.Error(), file+":") || !strings.Contains(err.Error(), "policy-ttl-case.yaml:7:5: spec.dns.TTL") {
			t.Errorf("%v", err)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	write(t, big, strings.Repeat("#", maxSize+1))
	for _, c := range []struct{ file, want string }{
		{filepath.Join(dir, "none.yaml"), "none.yaml: there is no such file (check the path, or write a starter with: rehome init NAME)"},
		{dir, ": is a directory (name the YAML file in it)"},
		{big, "big.yaml: is larger than 1048576 bytes (is this the right file?)"},
		{"/dev/null", "/dev/null: is not a regular file (name the YAML file)"},
		{filepath.Join(big, "x.yaml"), "cannot be read: not a directory (check the path and its permissions)"},
	} {
		if _, err := LoadMigration(c.file); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.file, err)
		}
		if _, err := Load(c.file, ""); err == nil {
			t.Errorf("%s loads", c.file)
		}
		if _, err := LoadPolicy(c.file); err == nil {
			t.Errorf("%s loads as a policy", c.file)
		}
	}
}

func same[T any](t *testing.T, have, want T) {
	t.Helper()
	if !reflect.DeepEqual(have, want) {
		t.Errorf("have\n%+v\nwant\n%+v", have, want)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
