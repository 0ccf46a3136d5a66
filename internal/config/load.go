package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// Loaded is a migration with the policy that holds for it, both checked, and
// the files that they were read from. PolicyFile is "" for the default policy.
type Loaded struct {
	Spec       migration.Spec
	Policy     migration.Policy
	File       string
	PolicyFile string
}

// Declared is the body of the record that declares the migration.
func (l Loaded) Declared() migration.Declared {
	return migration.Declared{Spec: l.Spec, Policy: l.Policy, File: l.File}
}

const (
	initMigration = "rehome init NAME"
	initPolicy    = "rehome init --policy NAME"
)

// Load reads a migration and its policy: the one at policyPath, or, where that
// is empty, the one that the migration names relative to its own file, or the
// default policy. Every mistake of both files is in the Errors that it returns.
func Load(migrationPath, policyPath string) (Loaded, error) {
	out := Loaded{File: migrationPath, PolicyFile: policyPath, Policy: migration.DefaultPolicy()}
	src, m, err := openMigration(migrationPath)
	if err != nil {
		if policyPath == "" {
			return Loaded{}, err
		}
		_, policyErr := LoadPolicy(policyPath)
		return Loaded{}, join(err, policyErr)
	}
	out.Spec = src.spec(m)
	if ref := m.Spec.Policy; policyPath == "" && ref != "" && src.said("spec.policy") {
		out.PolicyFile = ref
		if !filepath.IsAbs(ref) {
			out.PolicyFile = filepath.Join(filepath.Dir(migrationPath), ref)
		}
	}
	var policyErr error
	if out.PolicyFile != "" {
		out.Policy, policyErr = LoadPolicy(out.PolicyFile)
	}
	out.Spec.Target.Mesh = out.Policy.Mesh
	out.Spec.ReturnPath.Image = out.Policy.AgentImage
	if policyErr == nil && !src.bad["spec.policy"] {
		src.references(m, out)
	}
	if err := join(src.errs.orNil(), policyErr); err != nil {
		return Loaded{}, err
	}
	return out, nil
}

// LoadMigration reads a migration without its policy: what it refers to there
// is not checked. Its error is of type Errors.
func LoadMigration(path string) (migration.Spec, error) {
	src, m, err := openMigration(path)
	if err != nil {
		return migration.Spec{}, err
	}
	return finish(src, src.spec(m))
}

// ParseMigration is LoadMigration of a file that has been read already.
func ParseMigration(file string, data []byte) (migration.Spec, error) {
	src, m, err := parseMigration(file, data)
	if err != nil {
		return migration.Spec{}, err
	}
	return finish(src, src.spec(m))
}

// LoadPolicy reads a policy. Omitted numbers are the default policy's; paths in
// settings come back absolute. Its error is of type Errors.
func LoadPolicy(path string) (migration.Policy, error) {
	data, err := readFile(path, initPolicy)
	if err != nil {
		return migration.Policy{}, err
	}
	return ParsePolicy(path, data)
}

// ParsePolicy is LoadPolicy of a file that has been read already; relative
// paths in it begin at the file's directory.
func ParsePolicy(file string, data []byte) (migration.Policy, error) {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return migration.Policy{}, Errors{{File: file, Problem: plainReason(err), Remedy: "name the file by its absolute path"}}
	}
	var w v1alpha1.Policy
	src, err := decodeDocument(file, data, v1alpha1.KindPolicy, initPolicy, &w)
	if err != nil {
		return migration.Policy{}, err
	}
	return finish(src, src.policy(w, dir))
}

// finish gives the value only where nothing is wrong with it.
func finish[T any](src *source, value T) (T, error) {
	if err := src.errs.orNil(); err != nil {
		var none T
		return none, err
	}
	return value, nil
}

func openMigration(path string) (*source, v1alpha1.Migration, error) {
	data, err := readFile(path, initMigration)
	if err != nil {
		return nil, v1alpha1.Migration{}, err
	}
	return parseMigration(path, data)
}

func parseMigration(file string, data []byte) (*source, v1alpha1.Migration, error) {
	var m v1alpha1.Migration
	src, err := decodeDocument(file, data, v1alpha1.KindMigration, initMigration, &m)
	return src, m, err
}

// decodeDocument fills one wire object from a file. Its error is one after
// which nothing else can be checked; lesser ones are in the source.
func decodeDocument(file string, data []byte, kind, starter string, to any) (*source, error) {
	root, err := document(file, data, kind, starter)
	if err != nil {
		return nil, err
	}
	src := newSource(file)
	if !src.header(root, kind) {
		return nil, src.errs.orNil()
	}
	src.decode(root, reflect.ValueOf(to).Elem(), "", rules{})
	return src, nil
}

// references checks that the policy has the systems that a migration names.
func (s *source) references(m v1alpha1.Migration, l Loaded) {
	for i, n := range m.Spec.Names {
		s.known(fmt.Sprintf("spec.names[%d].provider", i), n.Provider, RoleDNS, l.Policy.DNSProviders, l.PolicyFile)
	}
	if r := m.Spec.Rehearsal; r != nil && r.Provider != "" {
		s.known("spec.rehearsal.provider", r.Provider, RoleDNS, l.Policy.DNSProviders, l.PolicyFile)
	}
	s.known("spec.target.cluster", m.Spec.Target.Cluster, RoleCluster, l.Policy.Clusters, l.PolicyFile)
	s.known("spec.metrics.source", m.Spec.Metrics.Source, RoleMetrics, l.Policy.MetricsSources, l.PolicyFile)
	s.ofProbes("spec.metrics", m.Spec.Metrics.Source, m.Spec.Metrics.Old, m.Spec.Metrics.New, l.Policy.MetricsSources)
	if f := m.Spec.Metrics.Fallback; f != nil {
		s.ofProbes("spec.metrics.fallback", f.Source, f.Old, f.New, l.Policy.MetricsSources)
		s.known("spec.metrics.fallback.source", f.Source, RoleMetrics, l.Policy.MetricsSources, l.PolicyFile)
	}
}

// ofProbes demands that what own probes count is said to be counted there.
func (s *source) ofProbes(field, name string, old, new v1alpha1.SideMetrics, have []migration.Connection) {
	i := slices.IndexFunc(have, func(c migration.Connection) bool { return c.Name == name })
	if i < 0 || have[i].Type != "probes" {
		return
	}
	for side, vantage := range map[string]string{"old": old.Vantage, "new": new.Vantage} {
		if at := field + "." + side + ".vantage"; s.said(at) && vantage != "probe" {
			s.problem(at, "is "+quoted(vantage)+", but "+quoted(name)+" makes probes", "write probe")
		}
	}
}

// known reports a name that no provider of the policy has.
func (s *source) known(field, name string, role Role, have []migration.Connection, file string) {
	if !s.said(field) {
		return
	}
	names := make([]string, len(have))
	for i, c := range have {
		if c.Name == name {
			return
		}
		names[i] = c.Name
	}
	list := "spec.providers." + string(role)
	switch {
	case file == "":
		s.problem(field, "names "+quoted(name)+", but no policy is given", "name the policy's file with --policy or in spec.policy; it lists what there is under "+list)
	case len(names) == 0:
		s.problem(field, "names "+quoted(name)+", but "+file+" has nothing under "+list, "add it there")
	default:
		s.problem(field, "names "+quoted(name)+", which "+file+" does not have under "+list, suggestion(name, names))
	}
}
