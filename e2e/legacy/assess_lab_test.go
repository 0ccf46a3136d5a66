//go:build lab

package legacy_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/lab/legacy"
)

// application is what a migration declares of an application, and how it is probed.
type application struct {
	unit string
	port int
	dirs []string
	// dockerfile is the text of one; declared are more lines of the migration's spec
	// and mounts those of its workload's mounts.
	dockerfile, declared, mounts string
	resources                    string   // those of the workload, instead of the usual ones
	probe                        []string // more arguments of the probe
	user                         string   // who takes the facts; root where it is empty
}

// policy lets images of the bank stand on what the bank keeps.
const policy = `apiVersion: rehome.dev/v1alpha1
kind: Policy
metadata: {name: golemtrust}
spec:
  images: {approvedBases: ["registry.golemtrust.am/base/*"]}
  providers:
    dns: [{name: bind, type: rfc2136, settings: {server: "10.76.0.50:53", tsigName: rehome., tsigAlgorithm: hmac-sha256, tsigSecretFile: tsig}}]
    clusters: [{name: here, type: kubernetes, settings: {kubeconfig: kubeconfig}}]
    metrics: [{name: prometheus, type: prometheus, settings: {url: "http://10.76.0.50:9090"}}]
`

const migrationFile = `apiVersion: rehome.dev/v1alpha1
kind: Migration
metadata: {name: %[1]s}
spec:
  policy: policy.yaml
  names: [{name: %[1]s.golemtrust.am, zone: golemtrust.am, provider: bind, workload: %[1]s}]
  rehearsal: {name: rehearsal.%[1]s.golemtrust.am}
  oldEntry: {addresses: [%[2]s], port: 80, probePath: /}
  vms: [{host: %[2]s, %[3]s, configDirs: [%[4]s]}]
  workloads:
    - name: %[1]s
      image: registry.golemtrust.am/%[1]s@sha256:3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a
      kind: Deployment
      replicas: 2
      ports: [{name: http, port: 8080}]
      health: {readinessPath: /readyz, livenessPath: /healthz}
      resources: %[8]s
      mounts: [%[5]s]
%[6]s  target: {cluster: here, namespace: bank, stagingNamespace: bank-staging, exposure: LoadBalancer}
  metrics:
    source: prometheus
    old: {requests: 'r{side="vm"}', errors: 'r{side="vm",code=~"5.."}', vantage: application}
    new: {requests: 'r{side="kubernetes"}', errors: 'r{side="kubernetes",code=~"5.."}', vantage: application}
  smoke: {checks: [{name: answers, path: /}]}
%[7]s`

// files writes what assess reads, and returns the migration's.
func (a application) files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	name, target := a.unit, "unit: "+a.unit+".service"
	if a.port > 0 {
		name, target = fmt.Sprint("port-", a.port), fmt.Sprint("port: ", a.port)
	}
	var dockerfile string
	if a.dockerfile != "" {
		dockerfile = "      dockerfile: " + filepath.Join(dir, "Dockerfile") + "\n"
	}
	declared := a.declared
	if declared == "" {
		declared = "  data: {shared: false}\n"
	}
	name = strings.Trim(strings.NewReplacer("@", "-", ".", "-").Replace(name), "-")
	texts := map[string]string{"policy.yaml": policy, "Dockerfile": a.dockerfile,
		"migration.yaml": fmt.Sprintf(migrationFile, name, legacy.Address, target, strings.Join(a.dirs, ", "), a.mounts, dockerfile, declared,
			cmp.Or(a.resources, "{requests: {cpu: 250m, memory: 256Mi}, limits: {memory: 256Mi}}"))}
	for file, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "migration.yaml")
}

// assessment is what assess says, with its exit code in Ready.
type assessment struct{ readiness.Assessment }

func (a assessment) byCode() map[string]readiness.Finding {
	out := map[string]readiness.Finding{}
	for _, f := range a.Findings {
		out[string(f.Code)] = f
	}
	return out
}

// assess judges a facts file in every form. What is ready ends with 0, what is not with 3.
func (w *world) assess(t *testing.T, facts string, app application) assessment {
	t.Helper()
	file := app.files(t)
	for _, form := range [][]string{{"-o", "text"}, {"-o", "yaml"}, {"--format", "markdown"}, {"--format", "sarif"}, {"--format", "junit"}} {
		if out := w.run(t, append([]string{"assess", file, "--facts", facts}, form...)...); out.stdout == "" {
			t.Errorf("nothing as %s: %s", form, out.stderr)
		}
	}
	out := w.run(t, "assess", file, "--facts", facts, "-o", "json")
	var a assessment
	if err := json.Unmarshal([]byte(out.stdout), &a.Assessment); err != nil {
		t.Fatalf("assess ended with %d: %v\n%s%s", out.code, err, out.stdout, out.stderr)
	}
	if want := map[bool]int{true: 0, false: 3}[a.Ready]; out.code != want {
		t.Errorf("assess ended with %d where ready is %t", out.code, a.Ready)
	}
	return a
}
