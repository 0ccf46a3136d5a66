package runbook

import (
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// QueryKind says what a Query observes.
type QueryKind string

// What can be observed.
const (
	QueryDNS      QueryKind = "dns"
	QueryCluster  QueryKind = "cluster"
	QuerySample   QueryKind = "sample"
	QueryBaseline QueryKind = "baseline"
	QueryProbe    QueryKind = "probe"
	// QueryInventory takes the facts of every machine, for as long as the policy
	// says; QueryBase looks at what the workloads' images stand on.
	QueryInventory QueryKind = "inventory"
	QueryBase      QueryKind = "base"
	// QueryIsolation looks at what the pods of staging name and talk to.
	QueryIsolation QueryKind = "isolation"
)

// Query asks for one observation that is at most MaxAge old.
type Query struct {
	Kind      QueryKind      `json:"kind"`
	Zone      string         `json:"zone,omitempty"`
	View      string         `json:"view,omitempty"`
	Provider  string         `json:"provider,omitempty"`
	Names     []string       `json:"names,omitempty"`
	Env       migration.Env  `json:"env,omitempty"`
	Side      migration.Side `json:"side,omitempty"`
	Host      string         `json:"host,omitempty"`
	Addresses []string       `json:"addresses,omitempty"`
	Port      int            `json:"port,omitempty"`
	Path      string         `json:"path,omitempty"`
	MaxAge    time.Duration  `json:"maxAge"`
}

// Key is under which the answer stands in Facts.
func (q Query) Key() string {
	switch q.Kind {
	case QueryDNS:
		return migration.ZoneKey(q.Zone, q.View)
	case QueryCluster:
		return string(q.Env)
	case QueryProbe:
		return string(q.Side)
	}
	return ""
}

// Facts are the observations that a decision may rest on. What was not asked
// for, or could not be had, is unknown.
type Facts struct {
	DNS      map[string]migration.Observed[migration.ZoneFacts]           `json:"dns,omitempty"`
	Cluster  map[migration.Env]migration.Observed[migration.ClusterFacts] `json:"cluster,omitempty"`
	Probe    map[migration.Side]migration.Observed[migration.ProbeFacts]  `json:"probe,omitempty"`
	Sample   *analysis.Sample                                             `json:"sample,omitempty"`
	Baseline migration.Observed[analysis.Baseline]                        `json:"baseline,omitzero"`
	// Inventory are the facts of the machines, Bases those of the images by workload.
	Inventory migration.Observed[inventory.Report]               `json:"inventory,omitzero"`
	Bases     map[string]migration.Observed[migration.BaseFacts] `json:"bases,omitempty"`
	// Isolation is what staging would reach.
	Isolation migration.Observed[migration.IsolationFacts] `json:"isolation,omitzero"`
}

// zoneView reads what the name servers of one zone say.
type zoneView struct {
	facts migration.ZoneFacts
	at    time.Time
	known bool
	err   string
}

func (f Facts) zone(key string) zoneView {
	o := f.DNS[key]
	v := zoneView{facts: o.Value, at: o.At, known: o.Known(), err: o.Err}
	if v.known && len(v.answering()) == 0 {
		v.known, v.err = false, "no name server answers: "+v.silence()
	}
	if !v.known && v.err == "" {
		v.err = "nobody has asked the name servers yet"
	}
	return v
}

// answering are the servers that gave an answer.
func (v zoneView) answering() []migration.ServerFacts {
	var out []migration.ServerFacts
	for _, s := range v.facts.Servers {
		if s.Err == "" {
			out = append(out, s)
		}
	}
	return out
}

// silent are the servers that gave none.
func (v zoneView) silent() []migration.ServerFacts {
	var out []migration.ServerFacts
	for _, s := range v.facts.Servers {
		if s.Err != "" {
			out = append(out, s)
		}
	}
	return out
}

func (v zoneView) silence() string {
	var out string
	for _, s := range v.silent() {
		if out != "" {
			out += "; "
		}
		out += s.Server + ": " + s.Err
	}
	return out
}

// newest is the answering server with the highest serial (RFC 1982 order): the
// others catch up with it.
func (v zoneView) newest() migration.ServerFacts {
	var best migration.ServerFacts
	for i, s := range v.answering() {
		if i == 0 || int32(s.Serial-best.Serial) > 0 {
			best = s
		}
	}
	return best
}
