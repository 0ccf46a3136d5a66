package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

func TestOmittedNumbersAreTheRunbooks(t *testing.T) {
	got, err := ParsePolicy("p.yaml", []byte("apiVersion: rehome.dev/v1alpha1\nkind: Policy\nmetadata: {name: default}\nspec: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, migration.DefaultPolicy())
}

func TestEveryNumberArrives(t *testing.T) {
	got, err := ParsePolicy("/etc/rehome/p.yaml", []byte(`apiVersion: rehome.dev/v1alpha1
kind: Policy
metadata: {name: odd}
spec:
  dns: {ttl: 1s, lead: 2s, propagation: 3s}
  deploy: {rollout: 4s}
  balancer: {clean: 5s}
  baseline: {for: 6s, minRequests: 7}
  watch:
    for: 8s
    restartFree: 9s
    sampleEvery: 1500ms
    errorTolerance: 0.007
    latencyFactor: 1.5
    alpha: 0.01
    warmUp: 10s
    blind: {askAfter: 11s, rollbackAfter: 12s}
    onBad: fix-for
    fixFor: 13s
  rollback: {budget: 14s, drain: 15s, trial: 20s}
  hold: {for: 16s, residual: 17s}
  evidence: {maxAge: 31s, probeFor: 19s, probeEvery: 1200ms}
  resources: {margin: 12.5}
  ssh: {user: carrot, identityFile: ../keys/id, knownHostsFile: /etc/known_hosts, sudo: true}
  approvals: {self: true}
  images: {approvedBases: [registry.golemtrust.am/base/*, registry.golemtrust.am/go], agent: "registry.golemtrust.am/rehome-agent@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  mesh: istio
  providers:
    dns:
      - {name: d, type: rfc2136, settings: {server: "[2001:db8::53]:5353", servers: "ns1.golemtrust.am, 192.0.2.54:53", tsigName: rehome., tsigAlgorithm: HMAC-SHA512, tsigSecretEnv: TSIG_SECRET, timeout: 3s}}
      - {name: e, type: rfc2136, settings: {server: 192.0.2.53, tsigName: k, tsigSecretFile: ../keys/k}}
    clusters:
      - {name: c, type: kubernetes, settings: {kubeconfig: /root/kc, context: prod}}
    metrics:
      - {name: m, type: prometheus, settings: {url: "http://127.0.0.1:9090/prom", username: scout, passwordFile: pw, timeout: 2s}}
  standingWaivers:
    - {code: CRON-TWICE, reason: timers are owned elsewhere, by: vimes, until: 2026-12-31T00:00:00Z}
`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, migration.Policy{
		Name: "odd", TTL: 1, Lead: 2 * time.Second, Propagation: 3 * time.Second, Rollout: 4 * time.Second,
		BalancerClean: 5 * time.Second, BaselineFor: 6 * time.Second, BaselineMin: 7,
		Watch: 8 * time.Second, RestartFree: 9 * time.Second, SampleEvery: 1500 * time.Millisecond,
		ErrorTolerance: 0.00007, LatencyFactor: 1.5, Alpha: 0.01, WarmUp: 10 * time.Second,
		BlindAsk: 11 * time.Second, BlindRollback: 12 * time.Second, OnBad: migration.OnBadFix, FixFor: 13 * time.Second,
		RollbackBudget: 14 * time.Second, Drain: 15 * time.Second, Trial: 20 * time.Second, Hold: 16 * time.Second, Residual: 17 * time.Second,
		EvidenceAge: 31 * time.Second, ProbeFor: 19 * time.Second, ProbeEvery: 1200 * time.Millisecond, ResourceMargin: 0.125,
		SSH:           migration.SSH{User: "carrot", IdentityFile: "/etc/keys/id", KnownHostsFile: "/etc/known_hosts", Sudo: true},
		SelfApproval:  true,
		ApprovedBases: []string{"registry.golemtrust.am/base/", "registry.golemtrust.am/go"}, Mesh: "istio", AgentImage: "registry.golemtrust.am/rehome-agent@sha256:" + strings.Repeat("a", 64),
		DNSProviders: []migration.Connection{
			{Name: "d", Type: "rfc2136", Settings: map[string]string{"server": "[2001:db8::53]:5353", "servers": "ns1.golemtrust.am, 192.0.2.54:53", "tsigName": "rehome.", "tsigAlgorithm": "HMAC-SHA512", "tsigSecretEnv": "TSIG_SECRET", "timeout": "3s"}},
			{Name: "e", Type: "rfc2136", Settings: map[string]string{"server": "192.0.2.53", "tsigName": "k", "tsigSecretFile": "/etc/keys/k"}},
		},
		Clusters:       []migration.Connection{{Name: "c", Type: "kubernetes", Settings: map[string]string{"kubeconfig": "/root/kc", "context": "prod"}}},
		MetricsSources: []migration.Connection{{Name: "m", Type: "prometheus", Settings: map[string]string{"url": "http://127.0.0.1:9090/prom", "username": "scout", "passwordFile": "/etc/rehome/pw", "timeout": "2s"}}},
		StandingWaivers: []migration.Waiver{
			{Code: migration.CodeCronTwice, By: "vimes", Reason: "timers are owned elsewhere", Until: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)},
		},
	})
}

// TestRelativePathsFromARelativeFile: what an adapter gets does not depend on
// where the program is started.
func TestRelativePathsFromARelativeFile(t *testing.T) {
	p, err := LoadPolicy("testdata/good/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := filepath.Abs("testdata/good/tsig.key")
	if got := p.DNSProviders[0].Settings["tsigSecretFile"]; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestShareKeepsDecimals: 0.1 points must be the very number of the default,
// or a policy that writes the runbook's numbers would be called a weaker one.
func TestShareKeepsDecimals(t *testing.T) {
	for points, want := range map[float64]float64{0.1: 0.001, 0.3: 0.003, 0.7: 0.007, 5: 0.05, 0.0001: 0.000001} {
		if got := share(points); got != want {
			t.Errorf("%v points are %v, want %v", points, got, want)
		}
	}
}

func TestNamesOfSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		"tsigSecret": true, "DB_PASSWORD": true, "api_key": true, "tsigKey": true, "bearerToken": true, "token": true,
		"AWS_SECRET_ACCESS_KEY": true, "apikey": true, "PRIVATE-KEY": true, "client.secret": true,
		"tsigSecretFile": false, "tsigSecretEnv": false, "TOKEN_TTL": false, "PASSWORD_FILE": false, "keyFile": false,
		"KEY": false, "SORT_KEY": false, "MONKEY": false, "": false, "tsigName": false,
	} {
		if secretName(name) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
}

func TestAddressesWithPasswords(t *testing.T) {
	for value, want := range map[string]bool{
		"postgres://ledger:hunter2@db/ledger": true, "postgres://ledger:hunter%2@db/ledger": true, "http://:hunter2@db": true,
		"postgres://ledger@db/ledger": false, "https://golemtrust.am/a@b": false, "angua@golemtrust.am": false, "https://golemtrust.am": false,
	} {
		if hasCredentials(value) != want {
			t.Errorf("%q: %v, want %v", value, !want, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"names", "name", "oldEntry", "vms", "zone"}
	for word, want := range map[string]string{
		"Names": "names", "naem": "name", "nmaes": "names", "old_entry": "oldEntry", "vm": "vms", "zones": "zone", "znoe": "zone",
		"x": "", "banana": "", "": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
