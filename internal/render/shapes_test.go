package render

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
)

var update = flag.Bool("update", false, "write the golden files anew")

const image = "registry.golemtrust.am/royal-bank-api@sha256:2f5c1e6d3b7a4980c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f405162738"

// canary stands for a secret: it is put wherever facts could carry one, and must
// come out nowhere.
const canary = "xoxb-271828182845-904523536028-Qm9TdG9uQmFuazQ3"

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// bank is a web application behind a balancer.
func bank(change func(*migration.Spec, *migration.Workload)) migration.Spec {
	w := migration.Workload{
		Name: "royal-bank-api", Image: image, Kind: migration.KindDeployment, Replicas: 3,
		Ports:  []migration.Port{{Name: "http", Port: 8080, Public: 80, Protocol: "TCP"}},
		Health: migration.Health{ReadinessPath: "/readyz"},
		Env:    map[string]string{"BANK_LISTEN": ":8080"},
		Mounts: []migration.Mount{
			{ConfigMap: "royal-bank-api-config", Path: "/etc/royal-bank-api"}, {Secret: "royal-bank-api-secrets", Path: "/etc/royal-bank-api"},
		},
		TerminationGraceSeconds: 30, PreStopSeconds: 5,
	}
	s := migration.Spec{
		Name:      "royal-bank",
		Names:     []migration.Name{{Name: "api.golemtrust.am.", Zone: "golemtrust.am.", Workload: "royal-bank-api"}},
		Rehearsal: &migration.Name{Name: "rehearsal.golemtrust.am.", Zone: "golemtrust.am.", Workload: "royal-bank-api"},
		Target:    migration.Destination{Namespace: "royal-bank", StagingNamespace: "royal-bank-staging", Exposure: migration.ExposeLoadBalancer},
		Delivery:  migration.DeliveryRehome,
	}
	if change != nil {
		change(&s, &w)
	}
	s.Workloads = append([]migration.Workload{w}, s.Workloads...)
	return s
}

// facts are those of the bank's machine, with a secret wherever one could be.
func facts(change func(*inventory.Facts)) *inventory.Report {
	f := imagined.Service(inventory.Target{Host: "bank-vm-1", Unit: "royal-bank-api.service"}, noon)
	f.Environment = append(f.Environment, inventory.Variable{Name: "BANK_TOKEN", Origin: "unit", Secret: true})
	f.Unit.Settings = map[string]string{"Environment": "BANK_TOKEN=" + canary}
	if change != nil {
		change(&f)
	}
	return &inventory.Report{Format: inventory.Format, Machines: []inventory.Facts{f}}
}

var profile = &migration.Resources{CPURequestMilli: 132, MemoryRequestBytes: 56 << 20, MemoryLimitBytes: 56 << 20}

// shapes are applications as they are met. Each has a golden file, which is meant
// to be read.
func shapes() map[string]Input {
	return map[string]Input{
		"web":            {Spec: bank(nil)},
		"web-from-facts": {Spec: bank(func(_ *migration.Spec, w *migration.Workload) { w.Kind = migration.KindAuto }), Report: facts(legacyLog), Profile: profile},
		"ingress-tls": {Spec: bank(func(s *migration.Spec, w *migration.Workload) {
			s.Names = append(s.Names, migration.Name{Name: "bank.golemtrust.am.", Workload: w.Name})
			s.Target.Exposure, s.Target.Ingress = migration.ExposeIngress, migration.Ingress{Class: "nginx", Issuer: "golemtrust"}
		})},
		"gateway": {Spec: bank(func(s *migration.Spec, _ *migration.Workload) {
			s.Target.Exposure, s.Target.Gateway = migration.ExposeGateway, migration.Gateway{Name: "edge", Namespace: "gateways", Listener: "https"}
			s.Rehearsal = nil
		})},
		"statefulset": {Spec: bank(func(_ *migration.Spec, w *migration.Workload) { w.Kind = migration.KindAuto }), Report: facts(ledger), Profile: profile},
		"worker": {Spec: bank(func(s *migration.Spec, _ *migration.Workload) {
			s.Workloads = []migration.Workload{{
				Name: "royal-bank-worker", Image: image, Kind: migration.KindDeployment, Replicas: 1, Health: migration.Health{Command: []string{"/opt/bank/alive"}},
				PreStopSeconds: 5, TerminationGraceSeconds: 120,
			}}
		})},
		"cronjobs": {Spec: bank(func(s *migration.Spec, _ *migration.Workload) {
			s.Schedules = []migration.Schedule{
				{Name: "royal-bank-api-report.timer", Owner: migration.OwnerCluster}, {Name: "/etc/cron.d/bank:3", Owner: migration.OwnerCluster, Command: []string{"/opt/bank/tidy"}},
				{Name: "/etc/cron.d/bank:4", Owner: migration.OwnerNobody},
			}
		}), Report: facts(timers)},
		"mesh": {Spec: bank(func(s *migration.Spec, w *migration.Workload) {
			s.Target.Mesh = migration.MeshIstio
			w.NetworkPolicy = &migration.NetworkPolicy{To: []migration.NetworkPeer{{CIDR: "192.0.2.30/32", Port: 5432, What: "postgres.golemtrust.am"}}}
		})},
		"scaled-and-fenced": {Spec: bank(func(s *migration.Spec, w *migration.Workload) {
			w.Autoscale = &migration.Autoscale{Min: 2, Max: 8, CPUPercent: 70}
			w.NetworkPolicy = &migration.NetworkPolicy{From: []string{"ingress-nginx"}}
			w.ServiceAccount = "royal-bank-api"
			s.Drills.SafePeers = []migration.SafePeer{{Address: "192.0.2.40:6379", Reason: "its own cache"}}
		}), Report: facts(cache), Profile: profile, Quotas: []migration.QuotaFacts{
			{Quota: "bank", Resource: "requests.cpu", Used: "0", Hard: "2"}, {Quota: "bank", Resource: "pods", Used: "4", Hard: "12"},
		}},
		"root-and-port-80": {Spec: bank(func(_ *migration.Spec, w *migration.Workload) {
			w.Ports[0] = migration.Port{Name: "http", Port: 80, Protocol: "TCP"}
			w.Security.Exceptions = []migration.Exception{{Allow: migration.AllowWrites, Because: "it unpacks itself into /opt/bank"}}
		}), Report: facts(lowPort)},
		"external": {Spec: bank(func(s *migration.Spec, w *migration.Workload) {
			s.Delivery = migration.DeliveryExternal
			w.Autoscale = &migration.Autoscale{Min: 2, Max: 4, CPUPercent: 70}
			w.Resources = migration.Resources{CPURequestMilli: 250, MemoryRequestBytes: 256 << 20, MemoryLimitBytes: 256 << 20}
		})},
	}
}

func legacyLog(f *inventory.Facts) {
	f.Files = append(f.Files, inventory.File{
		Path: "/var/log/royal-bank-api/api.log", Class: inventory.FileLog, By: []string{"fd"}, Written: true, Seen: 60, Size: 80 << 20, Growth: 3 << 20, Mount: "/", FSType: "ext4",
	})
	f.Drills[0].EndedIn = 19 * time.Second
	f.Drills[1].Before = append(f.Drills[1].Before, inventory.HealthAnswer{Path: "/healthz", Status: 200})
	f.Drills[1].After = append(f.Drills[1].After, inventory.HealthAnswer{Path: "/healthz", Status: 200})
}

func ledger(f *inventory.Facts) {
	f.Mounts = []inventory.Mount{{Point: "/", Source: "/dev/vda1", FSType: "ext4"}, {Point: "/var/lib/ledger", Source: "/dev/vdb", FSType: "xfs", Block: true, Size: 100 << 30, Used: 21 << 30}}
	f.Files = append(f.Files, inventory.File{
		Path: "/var/lib/ledger/book.db", Class: inventory.FileData, By: []string{"fd"}, Written: true, Seen: 60, Size: 20 << 30, Growth: 1 << 20, Mount: "/var/lib/ledger", FSType: "xfs",
	})
	f.Usage.WriteBytes = 2 << 30
}

func timers(f *inventory.Facts) {
	f.Host.TimeZone = "Europe/Berlin"
	f.Schedules = []inventory.Schedule{
		{Kind: "timer", Name: "royal-bank-api-report.timer", When: "Mon..Fri *-*-* 02:30:00", Command: "/opt/bank/report --all", Related: true},
		{Kind: "cron", Name: "/etc/cron.d/bank:3", When: "*/5 * * * *", Command: "/opt/bank/tidy --token [redacted]", Related: true},
		{Kind: "cron", Name: "/etc/cron.d/bank:9", When: "@daily", Command: "/opt/bank/other", Related: true},
	}
}

func cache(f *inventory.Facts) {
	f.Peers = append(f.Peers,
		inventory.Peer{Direction: inventory.Dialled, Protocol: "tcp", Address: "192.0.2.40", Port: 6379, Name: "redis.golemtrust.am", Seen: 60},
		inventory.Peer{Direction: inventory.Dialled, Protocol: "tcp6", Address: "2001:db8::25", Port: 25, Seen: 2},
		inventory.Peer{Direction: inventory.Dialled, Protocol: "tcp", Address: "127.0.0.1", Port: 11211, Local: true, Seen: 60},
		inventory.Peer{Direction: inventory.Dialled, Protocol: "udp", Address: "192.0.2.53", Port: 53, Seen: 9})
}

func lowPort(f *inventory.Facts) {
	f.Listeners[0].Port, f.Listeners[0].Privileged = 80, true
	f.Processes[0].UID, f.Processes[0].User = 0, "root"
	f.Files = append(f.Files, inventory.File{Path: "/opt/bank/unpacked/a.so", Class: inventory.FileOther, By: []string{"fd"}, Written: true, Seen: 3})
}

// archive is a result as one text, in the order of its paths.
func archive(r Result) []byte {
	var out bytes.Buffer
	for _, n := range r.Notes {
		fmt.Fprintf(&out, "note %s %s: %s\n", n.Code, n.Workload, n.Text)
	}
	for _, f := range r.Files {
		fmt.Fprintf(&out, "-- %s --\n%s", f.Path, f.Content)
	}
	return out.Bytes()
}

func TestShapes(t *testing.T) {
	for name, in := range shapes() {
		t.Run(name, func(t *testing.T) {
			in.File = "moves/royal-bank.yaml"
			r, err := Render(in)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Render(in)
			if err != nil || !bytes.Equal(archive(r), archive(again)) {
				t.Errorf("rendered twice it differs: %v", err)
			}
			golden(t, filepath.Join("testdata", "shapes", name+".txt"), archive(r))
			valid(t, r)
			sameObjects(t, r)
			noSecrets(t, r)
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s; run with -update and read the diff:\n%s", file, got)
	}
}
