package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	sigsyaml "sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/migration"
)

const root = "../../.."

// TestFilesAreUpToDate: schemas and references are what the types say today.
func TestFilesAreUpToDate(t *testing.T) {
	t.Chdir(root)
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Errorf("%d files", len(files))
	}
	for path, want := range files {
		have, err := os.ReadFile(path)
		if err != nil || string(have) != string(want) {
			t.Errorf("%s is out of date: go run ./internal/config/schemagen (%v)", path, err)
		}
	}
}

// TestEveryFieldIsDescribed: an editor shows something for each field.
func TestEveryFieldIsDescribed(t *testing.T) {
	for _, o := range []string{"migration", "policy"} {
		text, err := os.ReadFile(filepath.Join(root, "docs/reference", o+".md"))
		if err != nil {
			t.Fatal(err)
		}
		if bare := regexp.MustCompile(`(?m)^\| .*\|\s*\|$`).FindAll(text, -1); len(bare) > 0 {
			t.Errorf("%s: no word about %s", o, bare)
		}
	}
}

// TestExamples: the examples load and their schemas take them.
func TestExamples(t *testing.T) {
	for file, of := range map[string]string{
		"examples/royal-bank-api.yaml": "migration", "examples/policy.yaml": "policy",
		"examples/lab/royal-bank-api.yaml": "migration", "examples/lab/policy.yaml": "policy",
	} {
		for _, fault := range faults(schemaOf(t, of), document(t, filepath.Join(root, file))) {
			t.Errorf("%s: %s", file, fault)
		}
	}
	for _, file := range []string{"examples/royal-bank-api.yaml", "examples/lab/royal-bank-api.yaml"} {
		l, err := config.Load(filepath.Join(root, file), "")
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		isLab := strings.Contains(file, "lab")
		if short := l.Policy.Shortened(); isLab != (len(short) > 0) {
			t.Errorf("%s: weaker than the runbook in %v", file, short)
		}
		if l.Spec.Target.Namespace != "royal-bank" || l.Spec.Namespace(migration.Staging) != "royal-bank-staging" ||
			l.Spec.Names[0].Zone != "golemtrust.am." || !slices.Contains(l.Policy.ApprovedBases, "registry.golemtrust.am/base/") {
			t.Errorf("%s is not about the runbook's organisation: %+v", file, l.Spec)
		}
	}
}

// TestSchemasRefuse: what an editor can see of a mistake, it shows.
func TestSchemasRefuse(t *testing.T) {
	bad := filepath.Join(root, "internal/config/testdata/bad")
	for file, want := range map[string]string{
		"policy-ttl-case":              "spec.dns: TTL is not known",
		"policy-durations":             "spec.dns.lead: 24 is not a string",
		"policy-enums":                 `spec.mesh: linkerd is none of [none istio]`,
		"policy-numbers":               "spec.watch.latencyFactor: 0.9 is less than 1.01",
		"migration-unknown-field":      "spec.workloads[0]: replica is not known",
		"migration-missing-fields":     "spec.names[0]: zone is missing",
		"migration-numbers":            "spec.oldEntry.port: 80800 is more than 65535",
		"migration-wrong-types":        "spec.workloads[0].replicas: 2 is not a integer",
		"migration-wrong-version":      "apiVersion: rehome.dev/v1 is not rehome.dev/v1alpha1",
		"migration-quantities":         "spec.workloads[0].resources.requests.cpu: fits 0 of 2",
		"migration-server-metadata":    "metadata: uid is not known",
		"migration-wrong-shapes":       "spec.oldEntry.addresses: 192.0.2.20 is not a array",
		"migration-missing-everything": "spec: vms is missing",
	} {
		kind, _, _ := strings.Cut(file, "-")
		found := faults(schemaOf(t, kind), document(t, filepath.Join(bad, file+".yaml")))
		if !slices.Contains(found, want) {
			t.Errorf("%s: no %q in %q", file, want, found)
		}
	}
}

// TestDefaultsAreTheRunbooks: the defaults that the schema shows, written out
// as a policy, are the default policy.
func TestDefaultsAreTheRunbooks(t *testing.T) {
	s := schemaOf(t, "policy")
	doc := map[string]any{"apiVersion": "rehome.dev/v1alpha1", "kind": "Policy", "metadata": map[string]any{"name": "default"}, "spec": map[string]any{}}
	n := defaults(s, s["properties"].(map[string]any)["spec"], doc["spec"].(map[string]any))
	if n != 30 {
		t.Errorf("%d defaults", n)
	}
	delete(doc["spec"].(map[string]any)["watch"].(map[string]any), "fixFor") // only beside fix-for
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.ParsePolicy("p.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if have, want := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", migration.DefaultPolicy()); have != want {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
}

func defaults(root map[string]any, of any, to map[string]any) int {
	n := 0
	s := target(root, of.(map[string]any))
	properties, _ := s["properties"].(map[string]any)
	for name, p := range properties {
		field := p.(map[string]any)
		if d, ok := field["default"]; ok {
			to[name] = d
			n++
			continue
		}
		if t := target(root, field); t["properties"] != nil {
			group := map[string]any{}
			if m := defaults(root, t, group); m > 0 {
				to[name] = group
				n += m
			}
		}
	}
	return n
}

func schemaOf(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/schema", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func document(t *testing.T, file string) any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := sigsyaml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return doc
}
