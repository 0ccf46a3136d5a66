package runbook

import (
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// switchedEverywhere demands that every name server leads to the new side.
func switchedEverywhere(l look) migration.Reason {
	return l.perZone(migration.CodeAllNS, func(z zone, v zoneView) migration.Reason {
		moved, ok := l.s.Swaps[z.key()]
		if !ok {
			return fails(migration.CodeAllNS, "zone %s has not been switched", z.key())
		}
		n := 0
		for _, s := range v.answering() {
			if dataReached(s.Sets, moved.After) {
				n++
			}
		}
		if n < len(v.facts.Servers) {
			r := watches(fails(migration.CodeAllNS, "%d of %d name servers of %s lead to the new side; %s", n, len(v.facts.Servers), z.key(), v.silence()))
			if l.now.Sub(l.s.Since) > l.s.Policy.Propagation {
				r = asks(hint(r, "look at the lagging server; rehome rollback %s undoes the switch", l.s.Key))
			}
			return r
		}
		return passes(migration.CodeAllNS, "all %d name servers of %s lead to the new side", n, z.key())
	})
}

// stillOurs demands that nobody has changed the switched records. What stands
// there as before the switch was rolled back by hand.
func stillOurs(l look) migration.Reason {
	return l.perZone(migration.CodeForeign, func(z zone, v zoneView) migration.Reason {
		moved, ok := l.s.Swaps[z.key()]
		if !ok {
			return passes(migration.CodeForeign, "zone %s is not switched", z.key())
		}
		have := v.newest().Sets
		switch {
		case dataReached(have, moved.After):
			return passes(migration.CodeForeign, "zone %s holds what the switch wrote", z.key())
		case dataReached(have, moved.Before):
			return fails(migration.CodeForeign, "zone %s was led back by hand", z.key())
		}
		return hint(asks(fails(migration.CodeForeign, "somebody changed the switched records in %s: %s", z.key(), dataOf(setsOf(have, z.Names[0].Name)))),
			"find out who; rehome rollback %s leads them back", l.s.Key)
	})
}

// watched demands that the watch has lasted and that its last word is not blind.
func watched(l look) migration.Reason {
	if l.s.Switched == nil {
		return unknown(migration.CodeVerdict, "not switched yet")
	}
	v := l.s.Live.Judge.Verdict
	until := l.s.Switched.At.Add(l.s.Policy.Watch)
	switch {
	case l.now.Before(until):
		r := watches(fails(migration.CodeVerdict, "%s; watched until %s", verdictText(v), until.Format(time.RFC3339)))
		r.Until = until
		return r
	case v.Kind == analysis.Blind || v.Kind == "":
		return hint(watches(migration.Reason{Code: migration.CodeBlind, Verdict: migration.Unknown, Text: verdictText(v)}), "repair the metrics, or waive BLIND by name")
	}
	return seen(passes(migration.CodeVerdict, "%s", verdictText(v)), "metrics", l.s.Live.Judge.At)
}

func verdictText(v analysis.Verdict) string {
	switch v.Kind {
	case analysis.Blind:
		return fmt.Sprintf("blind since %s: %s", v.Since.UTC().Format(time.RFC3339), v.Why)
	case "":
		return "not judged yet"
	}
	what := "errors"
	if v.Metric == analysis.LatencyP99 {
		what = "surely slower than the p99 limit"
	}
	text := fmt.Sprintf("%s: %d requests, %d %s (%.3f %%), baseline %.3f %%", v.Kind, v.Requests, v.Errors, what, 100*v.Rate, 100*v.BaselineRate)
	if v.Kind == analysis.Unresolved && v.Needed > 0 {
		text += fmt.Sprintf("; about %d more requests would decide", v.Needed)
	}
	if v.Why != "" {
		text += "; " + v.Why
	}
	if v.Source != "" {
		text += "; counted by " + v.Source
	}
	return text
}

// podsRunning demands that every pod runs and none has restarted in the first
// minutes after the switch.
func podsRunning(l look) migration.Reason {
	c, r, ok := l.cluster(migration.Production, migration.CodePods)
	if !ok {
		return r
	}
	if l.s.Switched == nil {
		return unknown(migration.CodePods, "not switched yet")
	}
	for _, w := range c.Workloads {
		if len(w.Pods) == 0 {
			return fails(migration.CodePods, "%s has no pods", w.Name)
		}
		for _, p := range w.Pods {
			if p.Deleting {
				continue
			}
			if before := l.s.Switched.Restarts[p.Name]; p.Restarts > before {
				return hint(fails(migration.CodePods, "pod %s restarted %d times since the switch (%s)", p.Name, p.Restarts-before, p.LastState), "kubectl -n %s logs --previous %s", c.Namespace, p.Name)
			}
			if p.Phase != "Running" || !p.Ready {
				return watches(fails(migration.CodePods, "pod %s is %s, ready %t", p.Name, p.Phase, p.Ready))
			}
		}
	}
	until := l.s.Switched.At.Add(l.s.Policy.RestartFree)
	if l.now.Before(until) {
		r := watches(fails(migration.CodePods, "no restart so far; the first %s end %s", l.s.Policy.RestartFree, until.Format(time.RFC3339)))
		r.Until = until
		return r
	}
	return seen(passes(migration.CodePods, "all pods run; no restart in the first %s", l.s.Policy.RestartFree), "cluster", l.f.Cluster[migration.Production].At)
}

// healthy demands 200 from the health endpoint through the balancer.
func healthy(l look) migration.Reason {
	p := l.f.Probe[migration.NewSide]
	switch {
	case !p.Known():
		return seen(unknown(migration.CodeHealth200, "the new side has not been probed: %s", p.Err), p.Source, p.At)
	case !p.Value.OK:
		return seen(watches(fails(migration.CodeHealth200, "the health endpoint does not answer well: %s", p.Value.Detail)), p.Source, p.At)
	}
	return seen(passes(migration.CodeHealth200, "the health endpoint answers through the balancer"), p.Source, p.At)
}

// errorRateWithin says what the judgement has found about the error rate. What
// is unresolved goes on into the hold, which asks at its end.
func errorRateWithin(l look) migration.Reason {
	v := l.s.Live.Judge.Verdict
	at := l.s.Live.Judge.At
	switch {
	case v.Kind == analysis.Bad && v.Metric != analysis.LatencyP99:
		return seen(fails(migration.CodeErrorRate, "%s", verdictText(v)), "metrics", at)
	case v.Kind == analysis.Good, v.ErrorRateGood:
		return seen(passes(migration.CodeErrorRate, "certified within tolerance: %s", verdictText(v)), "metrics", at)
	case v.Kind == analysis.Unresolved:
		return seen(passes(migration.CodeErrorRate, "not worse so far, and watched on through the hold: %s", verdictText(v)), "metrics", at)
	}
	return unknown(migration.CodeErrorRate, "%s", verdictText(v))
}

// latencyWithin says what the judgement has found about the p99. Where no number
// of requests could resolve it, because no bucket edge lies where it is needed
// (BUCKET-EDGE), only a person can let it pass.
func latencyWithin(l look) migration.Reason {
	v := l.s.Live.Judge.Verdict
	at := l.s.Live.Judge.At
	switch {
	case v.Kind == analysis.Bad && v.Metric == analysis.LatencyP99:
		return seen(fails(migration.CodeLatency, "%s", verdictText(v)), "metrics", at)
	case v.Kind == analysis.Good:
		return seen(passes(migration.CodeLatency, "certified within tolerance: %s", verdictText(v)), "metrics", at)
	case v.Kind == analysis.Unresolved && v.Metric == analysis.LatencyP99 && v.Needed == 0:
		r := asks(seen(unknown(migration.CodeLatency, "%s", verdictText(v)), "metrics", at))
		return hint(r, "give the histogram an edge between the baseline's p99 and %g times it, or waive %s by name", l.s.Policy.LatencyFactor, migration.CodeLatency)
	case v.Kind == analysis.Unresolved:
		return seen(passes(migration.CodeLatency, "not worse so far, and watched on through the hold: %s", verdictText(v)), "metrics", at)
	}
	return unknown(migration.CodeLatency, "%s", verdictText(v))
}

// claimsBound demands that every PersistentVolumeClaim is bound.
func claimsBound(l look) migration.Reason {
	c, r, ok := l.cluster(migration.Production, migration.CodeClaims)
	if !ok {
		return r
	}
	for _, claim := range c.Claims {
		if claim.Phase != "Bound" {
			return hint(watches(fails(migration.CodeClaims, "claim %s is %s", claim.Name, claim.Phase)), "kubectl -n %s describe pvc %s", c.Namespace, claim.Name)
		}
	}
	return passes(migration.CodeClaims, "%d PersistentVolumeClaims, all bound", len(c.Claims))
}

// sidecars demands the mesh's sidecar where the policy has a mesh.
func sidecars(l look) migration.Reason {
	if l.s.Policy.Mesh == "" {
		return passes(migration.CodeSidecar, "the policy has no mesh")
	}
	c, r, ok := l.cluster(migration.Production, migration.CodeSidecar)
	if !ok {
		return r
	}
	for _, w := range c.Workloads {
		for _, p := range w.Pods {
			if !p.Sidecar {
				return hint(fails(migration.CodeSidecar, "pod %s has no sidecar", p.Name), "label the namespace for injection and restart the pods")
			}
		}
	}
	return passes(migration.CodeSidecar, "every pod has the mesh's sidecar")
}

// quotaKept demands that no ResourceQuota is exceeded.
func quotaKept(l look) migration.Reason {
	c, r, ok := l.cluster(migration.Production, migration.CodeQuota)
	if !ok {
		return r
	}
	for _, q := range c.Quotas {
		if q.Exceeded {
			return fails(migration.CodeQuota, "quota %s: %s uses %s of %s", q.Quota, q.Resource, q.Used, q.Hard)
		}
	}
	return passes(migration.CodeQuota, "%d quota limits, none exceeded", len(c.Quotas))
}

// heldLong demands the whole hold of stable operation.
func heldLong(l look) migration.Reason {
	if l.s.Hold == nil {
		return watches(fails(migration.CodeEarlyRetire, "the hold has not begun"))
	}
	until := l.s.Hold.Since.Add(l.s.Policy.Hold)
	if l.now.Before(until) {
		r := watches(fails(migration.CodeEarlyRetire, "held since %s; %s of stable operation end %s%s", l.s.Hold.Since.Format(time.RFC3339), l.s.Policy.Hold, until.Format(time.RFC3339), breachText(l.s.Hold)))
		r.Until = until
		return r
	}
	if _, r, ok := l.cluster(migration.Production, migration.CodeEarlyRetire); !ok {
		return r // whether it was stable cannot be told
	}
	return passes(migration.CodeEarlyRetire, "stable since %s, for %s", l.s.Hold.Since.Format(time.RFC3339), l.s.Policy.Hold)
}

func breachText(h *migration.Hold) string {
	if h.Breach == "" {
		return ""
	}
	return " (started again: " + h.Breach + ")"
}

// certified asks a person where the error rate is unresolved to the hold's end.
func certified(l look) migration.Reason {
	v := l.s.Live.Judge.Verdict
	switch {
	case v.Kind == analysis.Good, v.ErrorRateGood:
		return seen(passes(migration.CodeTooFew, "certified: %s", verdictText(v)), "metrics", l.s.Live.Judge.At)
	case v.Kind != analysis.Unresolved:
		return unknown(migration.CodeBlind, "%s", verdictText(v))
	case l.s.Hold != nil && l.now.Before(l.s.Hold.Since.Add(l.s.Policy.Hold)):
		return watches(fails(migration.CodeTooFew, "%s", verdictText(v)))
	}
	return hint(asks(fails(migration.CodeTooFew, "%s", verdictText(v))), "hold longer, or waive %s by name", migration.CodeTooFew)
}

// silent demands that the old side has had no requests for the policy's time.
func silent(code migration.Code) guard {
	return func(l look) migration.Reason {
		t := l.s.Live.OldQuiet
		if l.f.Sample == nil || l.f.Sample.Missing != "" || len(l.f.Sample.Old) == 0 {
			why := "no series of it is seen"
			if l.f.Sample != nil && l.f.Sample.Missing != "" {
				why = l.f.Sample.Missing
			}
			return unknown(code, "the old side's traffic is unknown: %s", why)
		}
		if t.Quiet.For() < l.s.Policy.Residual {
			r := watches(fails(code, "the old side is without requests for %s of %s; %d since it is looked at", t.Quiet.For().Round(time.Second), l.s.Policy.Residual, t.Seen))
			return hint(seen(r, "metrics", l.f.Sample.At), "find who still comes: a cached answer, a fixed address, a connection kept open")
		}
		return seen(passes(code, "no request to the old side for %s", t.Quiet.For().Round(time.Second)), "metrics", l.f.Sample.At)
	}
}

// breach says whether stable operation was interrupted, and why.
func (l look) breach() string {
	h := l.s.Hold
	c, _, ok := l.cluster(migration.Production, migration.CodePods)
	if h == nil || !ok {
		return ""
	}
	if images := strings.Join(imagesOf(c), " "); len(h.Images) > 0 && images != strings.Join(h.Images, " ") {
		return "another image runs: " + images
	}
	for _, w := range c.Workloads {
		for _, p := range w.Pods {
			if before, known := h.Restarts[p.Name]; (known && p.Restarts > before) || (!known && p.Restarts > 0) {
				return fmt.Sprintf("pod %s restarted (%s)", p.Name, p.LastState)
			}
		}
	}
	if p := l.f.Probe[migration.NewSide]; p.Known() && !p.Value.OK && p.At.After(h.Since) {
		return "the new side did not answer: " + p.Value.Detail
	}
	return ""
}

func imagesOf(c migration.ClusterFacts) []string {
	var out []string
	for _, w := range c.Workloads {
		out = append(out, w.Image)
	}
	return out
}

func restartsOf(c migration.ClusterFacts) map[string]int32 {
	out := map[string]int32{}
	for _, w := range c.Workloads {
		for _, p := range w.Pods {
			out[p.Name] = p.Restarts
		}
	}
	return out
}
