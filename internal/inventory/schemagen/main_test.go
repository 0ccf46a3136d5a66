package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
)

func schema(t *testing.T) map[string]any {
	t.Helper()
	t.Chdir("../../..")
	text, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != string(text) {
		t.Errorf("%s is out of date: go run ./internal/inventory/schemagen (%v)", file, err)
	}
	var s map[string]any
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// What this program writes fits the schema; what it would refuse to read does not.
func TestFactsFitTheSchema(t *testing.T) {
	s := schema(t)
	now := time.Now()
	target := inventory.Target{Host: "bank-vm-1", Unit: "royal-bank-api.service"}
	r := inventory.Report{Format: inventory.Format, Machines: []inventory.Facts{
		imagined.Service(target, now), inventory.Unreachable(target, now, "no route to host"),
	}}
	r.Machines[0].Load = &inventory.Load{URL: "http://bank-vm-1:8080/", For: time.Minute}
	r.Machines[0].Drills = []inventory.Drill{{Name: inventory.DrillHealth, Before: []inventory.HealthAnswer{{Path: "/healthz"}}}}
	r.Machines[0].Trees = []inventory.Tree{{Path: "/etc/bank", Entries: []inventory.TreeEntry{{Path: "a", Keys: map[string]string{"b": "c"}}}}}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if faults := check(t, s, text); len(faults) > 0 {
		t.Errorf("what is written does not fit: %s", strings.Join(faults, "; "))
	}
	for change, want := range map[[2]string]string{
		{`"target":`, `"colour":1,"target":`}:                        "machines.0.colour is not known",
		{`"format":"` + inventory.Format, `"format":"rehome.dev/v9`}: "format is another",
		{`"began":`, `"Began":`}:                                     "machines.0.began is missing",
		{`"pid":812`, `"pid":"812"`}:                                 "machines.0.processes.0.pid is no integer",
	} {
		broken := strings.Replace(string(text), change[0], change[1], 1)
		if faults := fmt.Sprint(check(t, s, []byte(broken))); broken == string(text) || !strings.Contains(faults, want) {
			t.Errorf("%s: %s, want %s", change[1], faults, want)
		}
	}
}

// Every field is described, or its type is: an editor shows something for each.
func TestTypesAreDescribed(t *testing.T) {
	s := schema(t)
	for name, d := range s["$defs"].(map[string]any) {
		if d.(map[string]any)["description"] == nil {
			t.Errorf("no word about %s", name)
		}
	}
}

func check(t *testing.T, root map[string]any, text []byte) []string {
	t.Helper()
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return faults(root, root, doc, "")
}

// faults knows the words that the schema uses.
func faults(root, s map[string]any, doc any, at string) (out []string) {
	if ref, ok := s["$ref"].(string); ok {
		s = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	if want, ok := s["const"]; ok && want != doc {
		out = append(out, at+" is another")
	}
	if either, ok := s["oneOf"].([]any); ok { // a list or null
		if doc == nil {
			return nil
		}
		s = either[0].(map[string]any)
	}
	inside := func(name any) string { return strings.TrimPrefix(fmt.Sprintf("%s.%v", at, name), ".") }
	switch want := s["type"]; d := doc.(type) {
	case map[string]any:
		if want != "object" {
			return append(out, at+" is no "+fmt.Sprint(want))
		}
		for _, r := range list(s["required"]) {
			if _, there := d[r.(string)]; !there {
				out = append(out, inside(r)+" is missing")
			}
		}
		known, _ := s["properties"].(map[string]any)
		for name, v := range d {
			p, ok := known[name].(map[string]any)
			if !ok {
				p, ok = s["additionalProperties"].(map[string]any)
			}
			if !ok {
				out = append(out, inside(name)+" is not known")
				continue
			}
			out = append(out, faults(root, p, v, inside(name))...)
		}
	case []any:
		if want != "array" {
			return append(out, at+" is no "+fmt.Sprint(want))
		}
		for i, v := range d {
			out = append(out, faults(root, s["items"].(map[string]any), v, inside(i))...)
		}
	default:
		types := map[string]string{"string": "string", "bool": "boolean", "float64": "integer number", "<nil>": "null"}
		if want != nil && !strings.Contains(types[fmt.Sprintf("%T", doc)], want.(string)) {
			out = append(out, at+" is no "+want.(string))
		}
	}
	return out
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
