// Package render writes the manifests of a migration for review: the objects that
// are applied (package manifest), completed from facts where the migration leaves
// something open, as a Kustomize base with an overlay for each environment. Each
// value that was not declared is named with where it is from.
//
// It must not know a cluster, and writes no secret: objects refer to Secrets by
// name alone.
package render

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Input is everything that is rendered from.
type Input struct {
	Spec migration.Spec
	File string // of the migration, for people
	// Report are facts of the machines; nil renders what is declared and no more.
	Report *inventory.Report
	// Profile is what the load on the machines leads to, nil without a usable one.
	Profile *migration.Resources
	// Quotas are those of the production namespace, as they are used now.
	Quotas []migration.QuotaFacts
}

// From is where a value comes from.
type From string

// A declared value goes before a fact, and a fact before the default.
const (
	FromFile    From = "declared"
	FromFacts   From = "facts"
	FromDefault From = "default"
)

// Choice is one value of a workload, and why it is so.
type Choice struct {
	Workload string `json:"workload"`
	Field    string `json:"field"` // as in the migration's file
	Value    string `json:"value"`
	From     From   `json:"from"`
	Why      string `json:"why,omitempty"`
}

// Note is what a person should know of the result, under the code of the guard
// that it is about.
type Note struct {
	Code     migration.Code `json:"code"`
	Workload string         `json:"workload,omitempty"`
	Text     string         `json:"text"`
	// Blocks says that what was written is not whole, or would not be taken.
	Blocks bool `json:"blocks,omitempty"`
}

// Result is what was rendered.
type Result struct {
	// Spec is the migration with what was taken from facts. What is applied from it
	// and what is written are the same objects.
	Spec    migration.Spec `json:"-"`
	Files   []File         `json:"-"` // sorted by path
	Choices []Choice       `json:"choices"`
	Notes   []Note         `json:"notes"`
	Quota   []Headroom     `json:"quota,omitempty"`
}

// File is one file of the result; Path is relative, with slashes.
type File struct {
	Path    string
	Content []byte
}

// Render makes all manifests of a migration. The same input gives the same bytes.
func Render(in Input) (Result, error) {
	c := newCompletion(in)
	if err := c.all(); err != nil {
		return Result{}, err
	}
	c.whole()
	out := Result{Spec: c.spec, Choices: c.choices, Notes: c.notes}
	sets := map[migration.Env][]*unstructured.Unstructured{}
	for _, env := range environments {
		objs, err := Objects(c.spec, env)
		if err != nil {
			return Result{}, err
		}
		sets[env] = objs
	}
	files, err := layout(c.spec, in.File, sets, c.choices)
	if err != nil {
		return Result{}, err
	}
	out.Files = files
	out.Weigh(migration.Production, manifest.Headroom(sets[migration.Production], nil, in.Quotas))
	return out, nil
}

var environments = []migration.Env{migration.Staging, migration.Production}

// Objects are all objects of a migration in an environment, in the order in which
// they would be applied. In staging a workload that nobody asks for by name has no
// exposure.
func Objects(spec migration.Spec, env migration.Env) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, w := range spec.Workloads {
		pods, err := manifest.Objects(spec, env, migration.PartWorkload, w.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, pods...)
		if !exposed(spec, env, w) {
			continue
		}
		ways, err := manifest.Objects(spec, env, migration.PartExposure, w.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, ways...)
	}
	seen := map[string]bool{}
	for _, o := range out {
		if seen[identity(o)] {
			return nil, fmt.Errorf("%s would be written twice: give one of the workloads or schedules another name", identity(o))
		}
		seen[identity(o)] = true
	}
	return out, nil
}

// exposed says whether a way in is made: as the procedure does it, for each
// workload that a name leads to. By host name there is none without a host.
func exposed(spec migration.Spec, env migration.Env, w migration.Workload) bool {
	if spec.Target.Exposure == migration.ExposeLoadBalancer {
		return spec.Leads(w.Name)
	}
	return len(spec.HostNames(env, w.Name)) > 0
}

func identity(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }
