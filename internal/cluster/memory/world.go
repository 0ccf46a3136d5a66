package memory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Backend is one pod as traffic sees it.
type Backend struct {
	Namespace string
	Workload  string
	Pod       string
	Image     string
	Since     time.Time // when it was created
	Ready     bool
	// Forwards says that the pod only leads to the old entry.
	Forwards bool
}

func (n *namespace) backend(workload string, p *pod) Backend {
	return Backend{Namespace: n.name, Workload: workload, Pod: p.name, Image: p.image, Since: p.created}
}

// Backends are the ready pods behind the address and port of a Service, in the
// order of their creation. None: nothing answers there.
func (c *Cluster) Backends(address string, port int) []Backend {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	var out []Backend
	for _, n := range c.namespaces {
		for name, e := range n.exposures {
			if e.address != address || now.Before(e.applied.Add(c.opts.AddressAfter)) || !e.has(port) {
				continue
			}
			out = append(out, n.ready(e.behind(n, name), e.leads == migration.OldSide, now, c.opts.Terminate)...)
		}
	}
	slices.SortFunc(out, func(a, b Backend) int {
		if d := a.Since.Compare(b.Since); d != 0 {
			return d
		}
		return strings.Compare(a.Namespace+"/"+a.Pod, b.Namespace+"/"+b.Pod)
	})
	return out
}

// Serving are the ready pods of the workloads of a namespace, whether anybody is led
// to them or not, in the order of their workloads' names and of their creation.
func (c *Cluster) Serving(ns string) []Backend {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespace(ns)
	var out []Backend
	for _, name := range slices.Sorted(maps.Keys(n.workloads)) {
		out = append(out, n.ready(n.workloads[name], false, c.now(), c.opts.Terminate)...)
	}
	return out
}

func (e *exposure) has(port int) bool {
	if e.kind == manifest.KindIngress {
		return int(e.at) == port
	}
	return slices.ContainsFunc(e.ports, func(p migration.Port) bool { return int(p.Served()) == port })
}

func (n *namespace) ready(w *workload, forwards bool, now time.Time, terminate time.Duration) []Backend {
	if w == nil {
		return nil
	}
	var out []Backend
	for _, p := range w.current(now, terminate) {
		if p.ready(now) {
			b := n.backend(w.spec.Name, p)
			b.Ready, b.Forwards = true, forwards
			out = append(out, b)
		}
	}
	return out
}

// Pod reads a URL of Forward. It is false where the pod is gone.
func (c *Cluster) Pod(url string) (Backend, bool) {
	rest, ok := strings.CutPrefix(url, Scheme+"://")
	ns, name, found := strings.Cut(rest, "/")
	if !ok || !found {
		return Backend{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespaces[ns]
	if n == nil {
		return Backend{}, false
	}
	w, p := n.find(name, c.now(), c.opts.Terminate)
	if p == nil {
		return Backend{}, false
	}
	b := n.backend(w, p)
	b.Ready = p.ready(c.now())
	return b, true
}

func (n *namespace) find(name string, now time.Time, terminate time.Duration) (string, *pod) {
	for workload, w := range n.workloads {
		for _, p := range w.current(now, terminate) {
			if p.name == name {
				return workload, p
			}
		}
	}
	return "", nil
}

// AddConfig makes a ConfigMap or Secret exist.
func (c *Cluster) AddConfig(namespace, kind, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.namespace(namespace).config[kind+"/"+name] = true
}

// AddRoute lets something else lead outside traffic to the pods.
func (c *Cluster) AddRoute(namespace string, r migration.RouteFacts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespace(namespace)
	n.routes = append(n.routes, r)
}

// SetQuota replaces what is observed of quotas.
func (c *Cluster) SetQuota(namespace string, q ...migration.QuotaFacts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.namespace(namespace).quotas = q
}

// Seize puts somebody else's object where the workload's part would stand.
func (c *Cluster) Seize(namespace string, part migration.Part, w migration.Workload, manager string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespace(namespace)
	if part == migration.PartExposure {
		n.exposures[w.Name] = &exposure{owner: owner{manager: manager}, applied: c.now()}
		return
	}
	have := &workload{owner: owner{manager: manager}, kind: manifest.KindOf(w), spec: w, template: manager, generation: 1}
	n.workloads[w.Name] = have
	c.scale(have, w.Replicas, manager)
}

// Deliver makes a part be what the spec says, as manager does who delivers what
// was rendered.
func (c *Cluster) Deliver(spec migration.Spec, env migration.Env, part migration.Part, name, manager string) error {
	w, ok := spec.Workload(name)
	if !ok {
		return fmt.Errorf("no workload %s", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespace(spec.Namespace(env))
	theirs := owner{migration: spec.Name, manager: manager}
	if part == migration.PartExposure {
		e := n.exposures[name]
		if e == nil {
			e = &exposure{address: c.opts.Address(n.name, name), applied: c.now()}
			n.exposures[name] = e
		}
		e.owner = theirs
		e.reached(spec, w, spec.ExposureDigest(env, name))
		return nil
	}
	have := n.workloads[name]
	if have == nil {
		have = &workload{generation: 1}
	}
	n.stand(spec, w)
	have.owner, have.kind, have.spec, have.template = theirs, manifest.KindOf(w), w, templateOf(w)
	have.digest = spec.WorkloadDigest(env, name)
	n.workloads[name] = have
	have.desired, have.desiredBy = w.Replicas, manager
	have.generation++
	have.roll(c.now(), c.opts.Terminate, c.opts.Release)
	return nil
}

// delivered compares with what is declared.
func (w *workload) delivered(declared migration.Workload) migration.Delivered {
	d := migration.Delivered{By: w.owner.by()}
	switch {
	case w.template != templateOf(declared):
		d.Differs = "spec.template is another"
	case declared.Autoscale == nil && w.desired != declared.Replicas:
		d.Differs = fmt.Sprintf("spec.replicas is %d, and declared is %d", w.desired, declared.Replicas)
	}
	return d
}

func (o owner) by() []string {
	if o.manager == "" {
		return nil
	}
	return []string{o.manager}
}

// ScaleBy lets somebody else set the number of replicas, as `kubectl scale` or
// an autoscaler does.
func (c *Cluster) ScaleBy(namespace, workload string, replicas int32, manager string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.namespace(namespace).workloads[workload]
	if w == nil {
		return fmt.Errorf("no workload %s in namespace %s", workload, namespace)
	}
	c.scale(w, replicas, manager)
	return nil
}

// Restart ends the container of one pod; Kubernetes starts it again.
func (c *Cluster) Restart(namespace, name, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, p := c.namespace(namespace).find(name, c.now(), c.opts.Terminate)
	if p == nil {
		return fmt.Errorf("no pod %s in namespace %s", name, namespace)
	}
	p.killed, p.reason = append(p.killed, c.now()), reason
	return nil
}

// Evict ends one pod, as a drained node does; another takes its place.
func (c *Cluster) Evict(namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespace(namespace)
	workload, p := n.find(name, c.now(), c.opts.Terminate)
	if p == nil {
		return fmt.Errorf("no pod %s in namespace %s", name, namespace)
	}
	p.gone = c.now()
	n.workloads[workload].roll(c.now(), c.opts.Terminate, c.opts.Release)
	return nil
}
