package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Observe tells what the namespace of env holds of the migration.
func (c *Cluster) Observe(ctx context.Context, spec migration.Spec, env migration.Env) (migration.ClusterFacts, error) {
	if _, err := c.enter(ctx, Call{Op: OpObserve, Env: env}); err != nil {
		return migration.ClusterFacts{}, err
	}
	defer c.mu.Unlock()
	n := c.namespace(spec.Namespace(env))
	now := c.now()
	facts := migration.ClusterFacts{Namespace: n.name, Routes: slices.Clone(n.routes), Quotas: n.headroom(spec, env, now, c.opts.Terminate)}
	for _, w := range spec.Workloads {
		facts.Config = append(facts.Config, n.configFacts(w)...)
		facts.Beside = append(facts.Beside, n.besideFacts(spec, w)...)
		if have := n.workloads[w.Name]; have != nil {
			f := have.facts(now, c.opts.Terminate)
			if !spec.Delivers() {
				f.Delivered = have.delivered(w)
			}
			facts.Workloads = append(facts.Workloads, f)
			facts.Claims = append(facts.Claims, have.claims(now, c.opts.Terminate)...)
		}
		if r := n.returns[w.Name]; r != nil && r.owner.ours(spec) {
			facts.ReturnPaths = append(facts.ReturnPaths, r.returnFacts(w.Name, now, c.opts.Terminate))
		}
		if e := n.exposures[w.Name]; e != nil && (e.owner.ours(spec) || !spec.Delivers()) {
			f := e.facts(w.Name, now, c.opts.AddressAfter)
			e.count(&f, len(n.ready(e.behind(n, w.Name), false, now, c.opts.Terminate)))
			if !spec.Delivers() {
				f.By = e.owner.by()
			}
			facts.Exposures = append(facts.Exposures, f)
		}
	}
	return facts, nil
}

func (n *namespace) configFacts(w migration.Workload) []migration.ConfigFacts {
	var out []migration.ConfigFacts
	for _, m := range w.Mounts {
		f := migration.ConfigFacts{Kind: "ConfigMap", Name: m.ConfigMap}
		if m.Secret != "" {
			f = migration.ConfigFacts{Kind: "Secret", Name: m.Secret}
		}
		f.Exists = n.config[f.Kind+"/"+f.Name]
		out = append(out, f)
	}
	return out
}

func (w *workload) facts(now time.Time, terminate time.Duration) migration.WorkloadFacts {
	f := migration.WorkloadFacts{
		Name: w.spec.Name, Kind: w.kind, Digest: w.digest, Generation: w.generation,
		Image: w.spec.Image, Desired: w.desired,
	}
	live, updated := int32(0), int32(0)
	for _, p := range w.current(now, terminate) {
		pf := p.facts(now)
		f.Pods = append(f.Pods, pf)
		if pf.Deleting {
			continue
		}
		live++
		if pf.Ready {
			f.Ready++
		}
		if p.template == w.template {
			updated++
		}
	}
	switch {
	case updated < w.desired:
		f.Status = fmt.Sprintf("Updated: %d/%d", updated, w.desired)
	case live > w.desired:
		f.Status = fmt.Sprintf("Pending termination: %d", live-w.desired)
	case f.Ready < w.desired:
		f.Status = fmt.Sprintf("Ready: %d/%d", f.Ready, w.desired)
	default:
		f.RolledOut = true
	}
	return f
}

func (w *workload) claims(now time.Time, terminate time.Duration) []migration.ClaimFacts {
	var out []migration.ClaimFacts
	for _, s := range w.spec.Storage {
		for _, p := range w.current(now, terminate) {
			out = append(out, migration.ClaimFacts{Name: s.Name + "-" + p.name, Phase: "Bound"})
		}
	}
	return out
}

func (e *exposure) facts(workload string, now time.Time, after time.Duration) migration.ExposureFacts {
	f := migration.ExposureFacts{Workload: workload, Kind: e.kind, Digest: e.digest, Generation: e.generation, Port: e.at}
	if !now.Before(e.applied.Add(after)) {
		f.Addresses = []string{e.address}
	}
	return f
}

// Forward gives the URL of the newest ready pod (Scheme); there is nothing to
// close.
func (c *Cluster) Forward(ctx context.Context, spec migration.Spec, env migration.Env, workload string) (string, func(), error) {
	if _, err := c.enter(ctx, Call{Op: OpForward, Env: env, Workload: workload}); err != nil {
		return "", nil, err
	}
	defer c.mu.Unlock()
	n := c.namespace(spec.Namespace(env))
	if w := n.workloads[workload]; w != nil {
		pods := w.current(c.now(), c.opts.Terminate)
		slices.Reverse(pods)
		for _, p := range pods {
			if p.ready(c.now()) {
				return Scheme + "://" + n.name + "/" + p.name, func() {}, nil
			}
		}
	}
	return "", nil, fmt.Errorf("forward: no ready pod of workload %s in namespace %s", workload, n.name)
}

// Logs gives what Options.Log says that each pod has written.
func (c *Cluster) Logs(ctx context.Context, spec migration.Spec, env migration.Env, workload string, lines int64) (map[string][]byte, error) {
	if _, err := c.enter(ctx, Call{Op: OpLogs, Env: env, Workload: workload}); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	n := c.namespace(spec.Namespace(env))
	out := map[string][]byte{}
	w := n.workloads[workload]
	if w == nil {
		return out, nil
	}
	for _, p := range w.current(c.now(), c.opts.Terminate) {
		out[p.name+"/"+workload] = tail(c.opts.Log(n.backend(workload, p)), lines)
	}
	return out, nil
}

// tail are the last lines of text.
func tail(text []byte, lines int64) []byte {
	all := bytes.SplitAfter(text, []byte("\n"))
	if k := len(all); k > 0 && len(all[k-1]) == 0 {
		all = all[:k-1]
	}
	if int64(len(all)) > lines {
		all = all[int64(len(all))-lines:]
	}
	return bytes.Join(all, nil)
}
