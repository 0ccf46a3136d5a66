package sim

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// prober answers for both sides as a request by address would be answered.
type prober struct{ w *World }

// Probe asks every address.
func (p prober) Probe(_ context.Context, side migration.Side, _ string, addresses []string, port int, _ string) (migration.ProbeFacts, error) {
	f := migration.ProbeFacts{Side: side, OK: true, Latency: int64(2 * time.Millisecond / time.Microsecond)}
	for _, a := range addresses {
		switch {
		case side == migration.OldSide && p.w.oldStopped():
			f.OK, f.Detail = false, a+": connection refused"
		case side == migration.NewSide && len(p.w.Cluster.Backends(a, port)) == 0:
			f.OK, f.Detail = false, fmt.Sprintf("%s:%d: connection refused", a, port)
		}
	}
	return f, nil
}

// smoker runs the checks against a pod, or against who the name leads to. A
// release that answers some requests with errors still passes a smoke test.
type smoker struct{ w *World }

// Smoke runs every check.
func (s smoker) Smoke(_ context.Context, suite migration.Smoke, via, baseURL, _ string) (migration.SmokeResult, error) {
	res := migration.SmokeResult{Via: via}
	up := false
	if via == migration.ViaPortForward {
		_, up = s.w.Cluster.Pod(baseURL)
	} else if u, err := url.Parse(baseURL); err == nil && u.Host != "" {
		r := s.w.resolvers[0]
		addresses := s.w.resolve(&r, s.w.Clock.Now())
		up = len(addresses) > 0 && (addresses[0] == s.w.opts.Spec.OldEntry.Addresses[0] && !s.w.oldStopped() ||
			len(s.w.Cluster.Backends(addresses[0], int(s.w.port()))) > 0)
	}
	for _, c := range suite.Checks {
		res.Ran++
		res.Names = append(res.Names, c.Name)
		if !up {
			res.Failed++
			res.Detail = append(res.Detail, c.Name+": nobody answers")
		}
	}
	return res, nil
}

// loader asks as a load through a balancer would be answered.
type loader struct{ w *World }

// Load takes its time, and fails where nobody stands behind the address.
func (l loader) Load(ctx context.Context, _ string, addresses []string, port int, rate float64, over time.Duration, _ migration.OldEntry) (migration.TrialResult, error) {
	if err := l.w.Clock.Sleep(ctx, over); err != nil {
		return migration.TrialResult{}, err
	}
	n := uint64(rate * over.Seconds())
	res := migration.TrialResult{Rate: rate, For: over, Requests: n, Addresses: addresses, Valid: true}
	for _, a := range addresses {
		back := l.w.Cluster.Backends(a, port)
		if len(back) == 0 || back[0].Forwards && l.w.oldStopped() {
			res.Failed, res.Valid, res.Why = n, false, fmt.Sprintf("%s:%d: connection refused", a, port)
		}
	}
	return res, nil
}
