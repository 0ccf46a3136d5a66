package cluster

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Observe tells what the namespace of env holds of the migration. What is not
// there is missing from the facts and no error; that something could not be
// looked at is one, because a part of the truth must not pass for all of it.
//
// It cannot see routes that do not name the pods' Service in this namespace: a
// mesh's own, a Gateway's, or an external balancer's that was set up by address.
func (c *Cluster) Observe(ctx context.Context, spec migration.Spec, env migration.Env) (migration.ClusterFacts, error) {
	ns := spec.Namespace(env)
	facts := migration.ClusterFacts{Namespace: ns}
	svcs, err := c.list(ctx, request{resource: services, namespace: ns}, "")
	if err != nil {
		return facts, err
	}
	ings, err := c.list(ctx, request{resource: ingresses, namespace: ns}, "")
	if err != nil {
		return facts, err
	}
	used := map[string]bool{} // claims that a pod of ours mounts
	for _, w := range spec.Workloads {
		if err := c.observeWorkload(ctx, spec, env, w, &facts, svcs, ings, used); err != nil {
			return facts, err
		}
	}
	if err := c.observeReturn(ctx, spec, &facts, svcs); err != nil {
		return facts, err
	}
	if facts.Quotas, err = c.observeQuotas(ctx, spec, env); err != nil {
		return facts, err
	}
	facts.Claims, err = c.observeClaims(ctx, spec, ns, used)
	return facts, err
}

func (c *Cluster) observeWorkload(ctx context.Context, spec migration.Spec, env migration.Env, w migration.Workload, facts *migration.ClusterFacts,
	svcs, ings []unstructured.Unstructured, used map[string]bool,
) error {
	config, err := c.observeConfig(ctx, facts.Namespace, w)
	if err != nil {
		return err
	}
	facts.Config = append(facts.Config, config...)
	facts.Beside = append(facts.Beside, c.observeBeside(ctx, spec, facts.Namespace, w)...)
	o, err := c.findWorkload(ctx, spec, facts.Namespace, w.Name)
	if err != nil {
		return err
	}
	// What the pods are labelled with, or will be: a route must be seen before
	// there is any pod to follow it.
	template := labels.Set(manifest.Selector(spec, w.Name))
	if o != nil {
		list, err := c.podsOf(ctx, o)
		if err != nil {
			return err
		}
		for _, p := range list {
			for _, v := range p.Spec.Volumes {
				if v.PersistentVolumeClaim != nil {
					used[v.PersistentVolumeClaim.ClaimName] = true
				}
			}
		}
		f := workloadFacts(o, list)
		if !spec.Delivers() {
			if f.Delivered, err = c.delivered(ctx, spec, env, migration.PartWorkload, w.Name); err != nil {
				return err
			}
		}
		facts.Workloads = append(facts.Workloads, f)
		t, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
		template = t
	}
	if e, ok := exposureOf(spec, w.Name, svcs, ings); ok {
		if !spec.Delivers() {
			if e.Delivered, err = c.delivered(ctx, spec, env, migration.PartExposure, w.Name); err != nil {
				return err
			}
		}
		facts.Exposures = append(facts.Exposures, e)
	}
	facts.Routes = append(facts.Routes, routesTo(spec, w.Name, template, svcs, ings)...)
	return nil
}

// findWorkload gives the Deployment or StatefulSet of that name, the kind that
// the spec wants before the other; nil where there is none.
func (c *Cluster) findWorkload(ctx context.Context, spec migration.Spec, ns, name string) (*unstructured.Unstructured, error) {
	order := []schema.GroupVersionResource{deployments, statefulSets}
	if w, ok := spec.Workload(name); ok && manifest.KindOf(w) == migration.KindStatefulSet {
		slices.Reverse(order)
	}
	for _, r := range order {
		o, err := c.get(ctx, request{resource: r, namespace: ns, name: name})
		if o != nil || err != nil {
			return o, err
		}
	}
	return nil, nil
}

// observeConfig asks for the metadata of ConfigMaps and Secrets alone: the
// server then sends no data, and none can leak.
func (c *Cluster) observeConfig(ctx context.Context, ns string, w migration.Workload) ([]migration.ConfigFacts, error) {
	var out []migration.ConfigFacts
	for _, m := range w.Mounts {
		f := migration.ConfigFacts{Kind: "ConfigMap", Name: m.ConfigMap}
		r := request{verb: "get", resource: configMaps, namespace: ns, name: m.ConfigMap}
		if m.Secret != "" {
			f.Kind, f.Name = "Secret", m.Secret
			r.resource, r.name = secrets, m.Secret
		}
		err := c.call(ctx, r, func(ctx context.Context, conn *connection) error {
			_, err := conn.meta.Resource(r.resource).Namespace(ns).Get(ctx, r.name, getOptions)
			return err
		})
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		f.Exists = err == nil
		out = append(out, f)
	}
	return out, nil
}

// selectorOf is the workload's own selector, which need not be one of ours.
func selectorOf(o *unstructured.Unstructured) (labels.Selector, error) {
	m, _, err := unstructured.NestedMap(o.Object, "spec", "selector")
	if err != nil {
		return nil, err
	}
	var s metav1.LabelSelector
	if err := fromUnstructured(m, &s); err != nil {
		return nil, err
	}
	return metav1.LabelSelectorAsSelector(&s)
}

// cut keeps what a cluster says short enough for a line of a report.
func cut(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
