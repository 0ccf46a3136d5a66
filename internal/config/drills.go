package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// drills is what the file says about the experiments of step stage.
func (s *source) drills(w v1alpha1.Drills, fixes []migration.Fix) migration.Drills {
	const field = "spec.drills"
	out := migration.Drills{
		SafePeers: s.safePeers(field+".safePeers", w.SafePeers),
		Approved:  w.Approved, Rate: or(w.Rate, 0), Path: w.Path,
		Truth:   s.env(field+".truth", w.Truth),
		Session: s.sessionDrill(field+".session", w.Session),
		Skip:    s.skip(field+".skip", w.Skip, fixes),
	}
	s.unique(field+".approved", w.Approved, "")
	if w.Path != "" {
		s.requestPath(field+".path", w.Path)
	}
	if w.For != nil && s.said(field+".for") {
		out.For = w.For.Duration
		if out.For < time.Second || out.For > 5*time.Minute {
			s.problem(field+".for", "is "+out.For.String(), "write a time from 1s to 5m: the whole drill has ten minutes")
		}
	}
	return out
}

// safePeers are hosts, or hosts with a port, without anything that is a secret.
func (s *source) safePeers(field string, ws []v1alpha1.SafePeer) []migration.SafePeer {
	var out []migration.SafePeer
	addresses := make([]string, 0, len(ws))
	for i, w := range ws {
		at := fmt.Sprintf("%s[%d].address", field, i)
		host, _, err := net.SplitHostPort(w.Address)
		switch {
		case !s.said(at):
		case strings.Contains(w.Address, "@") || strings.Contains(w.Address, "://"):
			s.problem(at, "is not an address", "write the host, or host:port, and nothing else")
		case err == nil && host == "" || strings.ContainsAny(w.Address, " /*"):
			s.problem(at, "is "+quoted(w.Address)+", no address", "write the host, or host:port")
		}
		addresses = append(addresses, w.Address)
		out = append(out, migration.SafePeer{Address: w.Address, Reason: w.Reason})
	}
	s.unique(field, addresses, "address")
	return out
}

func (s *source) sessionDrill(field string, w *v1alpha1.SessionDrill) *migration.SessionDrill {
	if w == nil {
		return nil
	}
	s.requestPath(field+".begin", w.Begin)
	s.requestPath(field+".check", w.Check)
	return &migration.SessionDrill{
		Begin: w.Begin, Method: cmp.Or(w.Method, "GET"), Check: w.Check, Status: orNumber(w.Status, 200), Old: or(w.Old, false),
	}
}

// skip checks that what is left out is a drill, has a reason, and proves no fix.
func (s *source) skip(field string, w map[string]string, fixes []migration.Fix) map[migration.StagingDrill]string {
	if len(w) == 0 {
		return nil
	}
	var names []string
	for _, d := range migration.StagingDrills() {
		names = append(names, string(d))
	}
	out := map[migration.StagingDrill]string{}
	for _, name := range slices.Sorted(maps.Keys(w)) {
		at := child(field, name)
		drill := migration.StagingDrill(name)
		switch {
		case !slices.Contains(names, name):
			s.problem(at, "there is no drill "+quoted(name), suggestion(name, names))
		case strings.TrimSpace(w[name]) == "":
			s.problem(at, "has no reason", "say why the drill does not apply: plans and reports lead with it")
		case slices.ContainsFunc(fixes, func(f migration.Fix) bool { return f.Drill == drill }):
			s.problem(at, "is what proves a fix", "let it be made, or take the fix out")
		}
		out[drill] = w[name]
	}
	return out
}
