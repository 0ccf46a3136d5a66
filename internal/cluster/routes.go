package cluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// exposureFacts reads the Service that Apply makes for the workload.
func exposureFacts(spec migration.Spec, workload string, o *unstructured.Unstructured) (migration.ExposureFacts, bool) {
	if o.GetName() != workload || spec.Delivers() && !manifest.Ours(spec, o.GetLabels()) {
		return migration.ExposureFacts{}, false
	}
	var s corev1.Service
	if err := fromUnstructured(o.Object, &s); err != nil {
		return migration.ExposureFacts{}, false
	}
	f := migration.ExposureFacts{
		Workload: workload, Kind: "Service", Digest: s.Annotations[manifest.DigestAnnotation], Generation: s.Generation,
	}
	if len(s.Spec.Ports) > 0 {
		f.Port = s.Spec.Ports[0].Port
	}
	for _, in := range s.Status.LoadBalancer.Ingress {
		switch {
		case in.IP != "":
			f.Addresses = append(f.Addresses, in.IP)
		case in.Hostname != "":
			f.Addresses = append(f.Addresses, in.Hostname)
		}
	}
	return f, true
}

// routesTo are the Services and Ingresses that lead traffic from outside to
// pods with those labels, except for the workload's own exposure.
func routesTo(spec migration.Spec, workload string, pod labels.Set, svcs, ings []unstructured.Unstructured) []migration.RouteFacts {
	var out []migration.RouteFacts
	selecting := map[string]bool{}
	for i := range svcs {
		var s corev1.Service
		if err := fromUnstructured(svcs[i].Object, &s); err != nil || !selects(&s, pod) {
			continue
		}
		selecting[s.Name] = true
		if _, own := exposureFacts(spec, workload, &svcs[i]); !own && outside(&s) {
			out = append(out, migration.RouteFacts{Kind: "Service", Name: s.Name, To: workload})
		}
	}
	for i := range ings {
		var in networkingv1.Ingress
		if err := fromUnstructured(ings[i].Object, &in); err != nil {
			continue
		}
		if slices.ContainsFunc(backends(&in), func(name string) bool { return selecting[name] }) {
			out = append(out, migration.RouteFacts{Kind: "Ingress", Name: in.Name, To: workload})
		}
	}
	return out
}

func selects(s *corev1.Service, pod labels.Set) bool {
	return len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(pod)
}

// outside says whether the Service can be reached from outside the cluster.
func outside(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer || s.Spec.Type == corev1.ServiceTypeNodePort ||
		len(s.Spec.ExternalIPs) > 0
}

// backends are the Services that an Ingress leads to.
func backends(in *networkingv1.Ingress) []string {
	var out []string
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil {
			out = append(out, b.Service.Name)
		}
	}
	add(in.Spec.DefaultBackend)
	for _, r := range in.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for i := range r.HTTP.Paths {
			add(&r.HTTP.Paths[i].Backend)
		}
	}
	return out
}
