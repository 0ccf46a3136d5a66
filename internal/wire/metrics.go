package wire

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/accesslog"
	"rehome.dev/rehome/internal/metrics/edge"
	"rehome.dev/rehome/internal/metrics/fallback"
	"rehome.dev/rehome/internal/metrics/grafana"
	"rehome.dev/rehome/internal/metrics/probes"
	"rehome.dev/rehome/internal/metrics/prometheus"
	"rehome.dev/rehome/internal/migration"
)

// metricsSources is the registry of sources of metrics.
func metricsSources() map[string]func(migration.Connection) (engine.Metrics, error) {
	return map[string]func(migration.Connection) (engine.Metrics, error){
		"prometheus": newPrometheus, "accesslog": newAccessLog, "edge": newEdge, "probes": newProbes, "grafana": newGrafana,
	}
}

func newPrometheus(c migration.Connection) (engine.Metrics, error) {
	p, err := prometheus.New(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func newEdge(c migration.Connection) (engine.Metrics, error) {
	s, err := edge.New(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newAccessLog(c migration.Connection) (engine.Metrics, error) {
	s, err := accesslog.New(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newProbes(c migration.Connection) (engine.Metrics, error) {
	s, err := probes.New(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newGrafana(c migration.Connection) (engine.Metrics, error) {
	s, err := grafana.New(c)
	if err != nil {
		return nil, err
	}
	s.Open = func(address string, client *http.Client, timeout, scrape time.Duration) (grafana.Reader, error) {
		return prometheus.Over(address, client, timeout, scrape)
	}
	return s, nil
}

// metrics makes the source of a migration, with the second one that carries on where
// it has one. It is whole even beside an error.
func (r Registry) metrics(spec migration.Spec, policy migration.Policy, c engine.Cluster) (engine.Metrics, error) {
	first, err := r.source(spec.Metrics.Source, spec, policy, c)
	if spec.Metrics.Fallback.Source == "" {
		return first, err
	}
	second, otherwise := r.source(spec.Metrics.Fallback.Source, spec, policy, c)
	two := fallback.New(first, second, patience(policy))
	err = errors.Join(err, otherwise)
	if telling, ok := two.Telling(); ok {
		return telling, err
	}
	return two, err
}

// patience is for how long a sample may be late before the second source is asked.
func patience(policy migration.Policy) time.Duration {
	return min(max(policy.SampleEvery, time.Second), 5*time.Second)
}

func (r Registry) source(name string, spec migration.Spec, policy migration.Policy, c engine.Cluster) (engine.Metrics, error) {
	s, err := choose("metrics source", name, policy.MetricsSources, r.Metrics)
	if err != nil {
		return noMetrics{err}, err
	}
	switch s := s.(type) {
	case *accesslog.Source:
		overSSH(s, policy.SSH)
	case *edge.Source:
		if pods, ok := c.(edge.Pods); ok {
			s.Pods = pods
		}
	case *probes.Source:
		if err := aim(s, spec, c); err != nil {
			err = fmt.Errorf("metrics source %q: %w", name, err)
			return noMetrics{err}, err
		}
	}
	return s, nil
}

// MetricsSource is one source of a migration, and how it is asked.
type MetricsSource struct {
	Name string
	Port engine.Metrics
	As   migration.Metrics
	// Remembers says that it can be asked for the past.
	Remembers bool
}

// MetricsSources are those of a migration, each by itself.
func MetricsSources(p engine.Metrics, m migration.Metrics) []MetricsSource {
	two, ok := p.(interface {
		First() fallback.Port
		Second() fallback.Port
	})
	if !ok {
		return []MetricsSource{{m.Source, p, m, remembers(p)}}
	}
	return []MetricsSource{
		{m.Source, two.First(), m, remembers(two.First())},
		{m.Fallback.Source, two.Second(), fallback.Of(m), remembers(two.Second())},
	}
}

// remembers is not true of what counts only while it is looked at.
func remembers(p engine.Metrics) bool {
	switch p.(type) {
	case *edge.Source, *probes.Source:
		return false
	}
	return true
}
