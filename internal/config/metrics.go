package config

import (
	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// metricsFallback demands the same vantage of both sources: a baseline is taken from
// one of them, and must hold for what the other counts.
func (s *source) metricsFallback(w v1alpha1.Metrics) migration.MetricsFallback {
	const field = "spec.metrics.fallback"
	f := w.Fallback
	if f == nil {
		return migration.MetricsFallback{}
	}
	if at := field + ".source"; s.said(at) && f.Source == w.Source {
		s.problem(at, "is the first source", "name another one, or leave fallback out")
	}
	for _, side := range []struct{ name, have, want string }{{"old", f.Old.Vantage, w.Old.Vantage}, {"new", f.New.Vantage, w.New.Vantage}} {
		at := field + "." + side.name + ".vantage"
		if s.said(at) && s.said("spec.metrics."+side.name+".vantage") && side.have != side.want {
			s.problem(at, "is "+quoted(side.have)+", and the first source measures at "+quoted(side.want), "measure both at the same kind of point: a baseline of one says nothing of the other")
		}
	}
	return migration.MetricsFallback{Source: f.Source, Old: s.sideMetrics(field+".old", f.Old), New: s.sideMetrics(field+".new", f.New)}
}
