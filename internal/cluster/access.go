package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Permission is what must be allowed in a namespace for one resource. Names,
// where there are any, are the only objects that it is needed for.
type Permission struct {
	Group    string   `json:"group"`
	Resource string   `json:"resource"`
	Names    []string `json:"names,omitempty"`
	Verbs    []string `json:"verbs"`
}

// Permissions are the least with which this package can do its work in one of
// a migration's namespaces. To see that a Secret exists takes the permission to
// read it, which is therefore limited to those that the workloads mount.
func Permissions(spec migration.Spec) []Permission {
	own := []string{"get", "create", "patch", "delete"}
	out := []Permission{
		{Group: deployments.Group, Resource: deployments.Resource, Verbs: own},
		{Group: statefulSets.Group, Resource: statefulSets.Resource, Verbs: own},
		{Group: daemonSets.Group, Resource: daemonSets.Resource, Verbs: own},
		{Group: policies.Group, Resource: policies.Resource, Verbs: own},
		{Group: endpoints.Group, Resource: endpoints.Resource, Verbs: []string{"list"}},
		{Resource: services.Resource, Verbs: append([]string{"list"}, own...)},
		{Resource: pods.Resource, Verbs: []string{"list"}},
		{Resource: "pods/log", Verbs: []string{"get"}},
		{Resource: "pods/portforward", Verbs: []string{"create"}},
		{Resource: quotas.Resource, Verbs: []string{"list"}},
		{Resource: claims.Resource, Verbs: []string{"list"}},
		{Group: ingresses.Group, Resource: ingresses.Resource, Verbs: []string{"list"}},
	}
	if spec.Target.Exposure == migration.ExposeIngress {
		out[len(out)-1].Verbs = append([]string{"list"}, own...)
	}
	for _, w := range spec.Workloads {
		for _, n := range manifest.Companions(spec, w) {
			r := resourceOf(n.Kind)
			if !slices.ContainsFunc(out, func(p Permission) bool { return p.Group == r.Group && p.Resource == r.Resource }) {
				out = append(out, Permission{Group: r.Group, Resource: r.Resource, Verbs: own})
			}
		}
		for _, m := range w.Mounts {
			if m.ConfigMap != "" {
				out = append(out, Permission{Resource: configMaps.Resource, Names: []string{m.ConfigMap}, Verbs: []string{"get"}})
			}
			if m.Secret != "" {
				out = append(out, Permission{Resource: secrets.Resource, Names: []string{m.Secret}, Verbs: []string{"get"}})
			}
		}
	}
	return out
}

// DrillPermissions are needed beside those in the staging namespace, for its drills.
// One that belongs to no namespace is not among them: get on nodes/proxy, by which
// is told what pods have written.
func DrillPermissions() []Permission {
	return []Permission{
		{Resource: pods.Resource, Verbs: []string{"get", "watch", "create", "delete"}},
		{Resource: "pods/ephemeralcontainers", Verbs: []string{"patch"}},
		{Resource: "pods/exec", Verbs: []string{"create"}},
	}
}

var accessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}

// Denied asks the cluster which of the permissions are lacking in a namespace:
// one line for each verb that is not allowed. An error means that it could not
// be asked.
func (c *Cluster) Denied(ctx context.Context, spec migration.Spec, env migration.Env) ([]string, error) {
	var out []string
	ns := spec.Namespace(env)
	needed := Permissions(spec)
	if env == migration.Staging {
		needed = append(needed, DrillPermissions()...)
	}
	for _, p := range needed {
		names := p.Names
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			for _, verb := range p.Verbs {
				ok, err := c.allowed(ctx, ns, p, name, verb)
				if err != nil {
					return out, err
				}
				if !ok {
					out = append(out, deniedText(p, name, verb))
				}
			}
		}
	}
	return out, nil
}

func deniedText(p Permission, name, verb string) string {
	resource := schema.GroupResource{Group: p.Group, Resource: p.Resource}.String()
	if name != "" {
		resource += " " + name
	}
	return fmt.Sprintf("%s %s", verb, resource)
}

// allowed asks for one verb (SelfSubjectAccessReview, which everybody may create).
func (c *Cluster) allowed(ctx context.Context, ns string, p Permission, name, verb string) (bool, error) {
	resource, sub, _ := strings.Cut(p.Resource, "/")
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]any{
			"namespace": ns, "verb": verb, "group": p.Group, "resource": resource, "subresource": sub, "name": name,
		}},
	}}
	var answer *unstructured.Unstructured
	r := request{verb: "create", resource: accessReviews, namespace: ns}
	err := c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		var err error
		answer, err = conn.dynamic.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return false, err
	}
	ok, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return ok, err
}
