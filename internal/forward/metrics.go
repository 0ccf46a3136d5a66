package forward

import (
	"maps"
	"slices"
)

// metrics is the report for Prometheus.
func (r Report) metrics() []byte {
	e := &exposition{}
	e.sample(e.family("info", "gauge", "whose forwarder this is and where it leads"), 1,
		"name", r.Name, "leads_to", r.LeadsTo, "id", r.ID, "version", r.Version)
	e.sample(e.family("draining", "gauge", "1 while it is ending"), truth(r.Draining))
	r.ofTargets(e)
	r.ofRoutes(e)
	return e.Bytes()
}

func (r Report) ofTargets(e *exposition) {
	for _, m := range []struct {
		name, kind, help string
		value            func(TargetReport) float64
	}{
		{"connections_open", "gauge", "connections to the target", func(t TargetReport) float64 { return float64(t.Open) }},
		{"connections_total", "counter", "connections made to the target for clients", func(t TargetReport) float64 { return float64(t.Total) }},
		{"connections_failed_total", "counter", "attempts for clients that failed", func(t TargetReport) float64 { return float64(t.Failed) }},
		{"target_up", "gauge", "1 where it takes connections", func(t TargetReport) float64 { return truth(t.Up) }},
	} {
		name := e.family(m.name, m.kind, m.help)
		for _, route := range r.Routes {
			for _, t := range route.Targets {
				e.sample(name, m.value(t), "listen", route.Listen, "target", t.Address)
			}
		}
	}
	name := e.family("bytes_total", "counter", "bytes that were led")
	for _, route := range r.Routes {
		for _, t := range route.Targets {
			e.sample(name, float64(t.BytesToTarget), "listen", route.Listen, "target", t.Address, "direction", "to_target")
			e.sample(name, float64(t.BytesToClient), "listen", route.Listen, "target", t.Address, "direction", "to_client")
		}
	}
}

func (r Report) ofRoutes(e *exposition) {
	for _, m := range []struct {
		name, kind, help string
		of               func(RouteReport) int64
	}{
		{"accepted_total", "counter", "connections of clients", func(r RouteReport) int64 { return r.Accepted }},
		{"accepted_open", "gauge", "connections of clients that are open", func(r RouteReport) int64 { return r.Open }},
		{"from_target_total", "counter", "connections from an address that it leads to", func(r RouteReport) int64 { return r.FromTarget }},
	} {
		name := e.family(m.name, m.kind, m.help)
		for _, route := range r.Routes {
			e.sample(name, float64(m.of(route)), "listen", route.Listen)
		}
	}
	refused := e.family("refused_total", "counter", "connections and requests that were not led on, and with reason limit those that had to wait")
	for _, route := range r.Routes {
		for _, reason := range reasonNames {
			e.sample(refused, float64(route.Refused[reason]), "listen", route.Listen, "reason", reason)
		}
	}
	requests := e.family("requests_total", "counter", "answers to requests by their code")
	for _, route := range r.Routes {
		for _, code := range slices.Sorted(maps.Keys(route.Requests)) {
			e.sample(requests, float64(route.Requests[code]), "listen", route.Listen, "code", code)
		}
	}
	age := e.family("resolve_age_seconds", "gauge", "age of the answer that is used for a name")
	for _, route := range r.Routes {
		for _, n := range route.Names {
			e.sample(age, n.Age, "listen", route.Listen, "name", n.Name)
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
