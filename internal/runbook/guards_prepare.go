package runbook

import (
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// supported refuses what the object model declares and this version cannot do.
func supported(l look) migration.Reason {
	var no []string
	spec := l.s.Spec
	if spec.Cutover != migration.CutoverDNS {
		no = append(no, fmt.Sprintf("cutover %q", spec.Cutover))
	}
	if d := spec.Delivery; d != migration.DeliveryRehome && d != migration.DeliveryExternal {
		no = append(no, fmt.Sprintf("delivery %q", d))
	}
	if e := spec.Target.Exposure; e != migration.ExposeLoadBalancer && e != migration.ExposeIngress {
		no = append(no, fmt.Sprintf("exposure %q", spec.Target.Exposure))
	}
	if l.s.Policy.OnBad != migration.OnBadRollback {
		no = append(no, fmt.Sprintf("onBad %q", l.s.Policy.OnBad))
	}
	for _, w := range spec.Workloads {
		if w.Kind == migration.KindAuto {
			no = append(no, fmt.Sprintf("kind %q of workload %s", w.Kind, w.Name))
		}
		for _, p := range w.Ports {
			if p.Protocol == "UDP" {
				no = append(no, fmt.Sprintf("UDP port %d of workload %s", p.Port, w.Name))
			}
		}
	}
	if len(no) > 0 {
		return hint(fails(migration.CodeUnsupported, "not built yet: %s", strings.Join(no, ", ")),
			"use cutover dns, exposure LoadBalancer or Ingress, onBad rollback, a declared kind and TCP ports%s", kinds(l))
	}
	return passes(migration.CodeUnsupported, "everything declared can be performed")
}

// analysed demands a written root cause analysis of every incident before
// another attempt, however that attempt is begun.
func analysed(l look) migration.Reason {
	if inc, open := l.s.OpenIncident(); open {
		return hint(fails(migration.CodeNoRCA, "incident %s has no root cause analysis", inc.ID), "write it, then: rehome rca %s --file FILE", l.s.Key)
	}
	return passes(migration.CodeNoRCA, "every incident has its root cause analysis")
}

// pinned demands images by digest: a tag can mean another image tomorrow.
func pinned(l look) migration.Reason {
	for _, w := range l.s.Spec.Workloads {
		if !strings.HasPrefix(migration.ImageDigest(w.Image), "sha256:") {
			return hint(fails(migration.CodeImageDigest, "workload %s: image %s is not pinned by digest", w.Name, w.Image), "write NAME@sha256:…")
		}
	}
	return passes(migration.CodeImageDigest, "every image is pinned by digest")
}

// cluster reads an environment's facts, or says why they are unknown.
func (l look) cluster(env migration.Env, code migration.Code) (migration.ClusterFacts, migration.Reason, bool) {
	o := l.f.Cluster[env]
	if !o.Known() {
		why := o.Err
		if why == "" {
			why = "nobody has looked yet"
		}
		return o.Value, seen(unknown(code, "the cluster's %s environment is unknown: %s", env, why), o.Source, o.At), false
	}
	return o.Value, migration.Reason{}, true
}

// missingConfig are the ConfigMaps and Secrets that the workloads of an
// environment refer to and that are not there.
func (l look) missingConfig(env migration.Env) ([]string, migration.Reason, bool) {
	c, r, ok := l.cluster(env, migration.CodeConfigThere)
	var missing []string
	for _, o := range c.Config {
		if !o.Exists {
			missing = append(missing, fmt.Sprintf("%s %s/%s", o.Kind, c.Namespace, o.Name))
		}
	}
	return missing, r, ok
}

// configPresent demands that every ConfigMap and Secret that a workload refers
// to exists in both environments.
func configPresent(l look) migration.Reason {
	var missing []string
	for _, env := range []migration.Env{migration.Staging, migration.Production} {
		m, r, ok := l.missingConfig(env)
		if !ok {
			return r
		}
		missing = append(missing, m...)
	}
	if len(missing) > 0 {
		return hint(fails(migration.CodeConfigThere, "missing: %s", strings.Join(missing, ", ")),
			"create them (a Secret never from a file in a repository) and run again")
	}
	return passes(migration.CodeConfigThere, "every ConfigMap and Secret is there in both namespaces")
}

// configPresentIn is configPresent for one environment.
func configPresentIn(env migration.Env) guard {
	return func(l look) migration.Reason {
		missing, r, ok := l.missingConfig(env)
		switch {
		case !ok:
			return r
		case len(missing) > 0:
			return fails(migration.CodeConfigThere, "%s is missing", missing[0])
		}
		return passes(migration.CodeConfigThere, "every ConfigMap and Secret is there in %s", l.f.Cluster[env].Value.Namespace)
	}
}

// rolledOut demands that every workload runs as declared, in an environment.
func rolledOut(env migration.Env) guard {
	return func(l look) migration.Reason {
		c, r, ok := l.cluster(env, migration.CodeRollout)
		if !ok {
			return r
		}
		for _, w := range l.s.Spec.Workloads {
			f, ok := findWorkload(c, w.Name)
			switch {
			case !ok:
				return watches(fails(migration.CodeRollout, "%s/%s does not exist", c.Namespace, w.Name))
			case !l.s.Spec.Delivers() && l.undelivered(env, migration.PartWorkload, w) != "":
				return watches(fails(migration.CodeRollout, "%s/%s is not what is declared", c.Namespace, w.Name))
			case l.s.Spec.Delivers() && f.Digest != l.s.Spec.WorkloadDigest(env, w.Name):
				return watches(fails(migration.CodeRollout, "%s/%s is not what is declared", c.Namespace, w.Name))
			case !f.RolledOut || f.Ready < w.Fewest():
				until := l.disturbed(env).Add(l.s.Policy.Rollout)
				r := fails(migration.CodeRollout, "%s/%s: %d of %d ready; %s", c.Namespace, w.Name, f.Ready, w.Replicas, f.Status)
				if !l.now.Before(until) {
					return hint(r, "kubectl -n %s describe deployment %s; mend it and run again", c.Namespace, w.Name)
				}
				r = watches(r)
				r.Until = until
				return r
			}
		}
		return seen(passes(migration.CodeRollout, "every workload is rolled out in %s", c.Namespace), "cluster", l.f.Cluster[env].At)
	}
}

// disturbed is since when the pods of an environment are left alone: a drill in
// staging takes some away.
func (l look) disturbed(env migration.Env) time.Time {
	out := l.s.Since
	for _, d := range l.s.Drills {
		if env == migration.Staging && d.At.After(out) {
			out = d.At
		}
	}
	return out
}

func findWorkload(c migration.ClusterFacts, name string) (migration.WorkloadFacts, bool) {
	for _, w := range c.Workloads {
		if w.Name == name {
			return w, true
		}
	}
	return migration.WorkloadFacts{}, false
}

func findExposure(c migration.ClusterFacts, workload string) (migration.ExposureFacts, bool) {
	for _, e := range c.Exposures {
		if e.Workload == workload {
			return e, true
		}
	}
	return migration.ExposureFacts{}, false
}

// smoked demands that the last run of the suite had tests and no failure.
func smoked(env migration.Env, via string, code migration.Code) guard {
	return func(l look) migration.Reason {
		o, ran := l.s.Smoke[smokeKey(env, via)]
		if !ran {
			return unknown(code, "the smoke suite has not run against %s through %s", env, via)
		}
		res := o.Value
		switch {
		case res.Ran == 0:
			return hint(fails(code, "the smoke suite ran no test"), "declare smoke.checks or smoke.command")
		case res.Failed > 0:
			return hint(fails(code, "%d of %d smoke tests failed: %s", res.Failed, res.Ran, strings.Join(res.Detail, "; ")), "mend it and run again")
		}
		return seen(passes(code, "%d smoke tests passed against %s through %s", res.Ran, env, via), via, o.At)
	}
}

// rehearsed demands a rehearsal of switch and rollback with the same images.
func rehearsed(l look) migration.Reason {
	r := l.s.Rehearsal
	switch {
	case r == nil && l.s.Spec.Rehearsal == nil:
		return hint(fails(migration.CodeNoRehearsal, "no rehearsal record is declared"), "declare rehearsal: a name of its own in the same zone")
	case r == nil:
		return fails(migration.CodeNoRehearsal, "the switch and the rollback have not been rehearsed")
	case strings.Join(r.Images, " ") != strings.Join(l.s.Spec.Images(), " "):
		return fails(migration.CodeNoRehearsal, "the rehearsal was made with other images")
	}
	return seen(passes(migration.CodeNoRehearsal, "rehearsed: switch in %s, rollback in %s", r.Forward, r.Back), "rehearsal record", r.At)
}

// noTraffic demands that nothing leads outside traffic to the new pods yet.
// What an earlier attempt left in place is known, and fine.
func noTraffic(l look) migration.Reason {
	c, r, ok := l.cluster(migration.Production, migration.CodeNoTraffic)
	if !ok {
		return r
	}
	var routes []string
	for _, route := range c.Routes {
		routes = append(routes, route.Kind+" "+route.Name)
	}
	if len(routes) > 0 {
		return hint(fails(migration.CodeNoTraffic, "already led to the pods: %s", strings.Join(routes, ", ")), "remove it, or take it out of the selector's way")
	}
	return passes(migration.CodeNoTraffic, "nothing else leads to the pods")
}

// dataMove blocks while persistent data that the sides do not share would have
// to move: no command of this version moves it.
func dataMove(l look) migration.Reason {
	if l.s.Spec.Data.Shared {
		return passes(migration.CodeDataMove, "the data stores are declared shared: nothing has to move")
	}
	return hint(migration.Reason{Code: migration.CodeDataMove, Verdict: migration.Unknown, Text: "the data stores are not declared shared"},
		"declare data.shared, or move the data by hand and waive it")
}
