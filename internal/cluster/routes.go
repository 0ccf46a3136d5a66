package cluster

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// exposureOf reads what Apply makes to lead to the workload: its Service, and its
// Ingress where that is what clients come to. An Ingress without its Service leads
// nowhere, and is none.
func exposureOf(spec migration.Spec, workload string, svcs, ings []unstructured.Unstructured) (migration.ExposureFacts, bool) {
	i := slices.IndexFunc(svcs, func(o unstructured.Unstructured) bool { return leadsTo(spec, workload, &o) })
	if i < 0 {
		return migration.ExposureFacts{}, false
	}
	if spec.Target.Exposure != migration.ExposeIngress {
		return exposureFacts(workload, &svcs[i])
	}
	k := slices.IndexFunc(ings, func(o unstructured.Unstructured) bool { return leadsTo(spec, workload, &o) })
	if k < 0 {
		return migration.ExposureFacts{}, false
	}
	return ingressFacts(spec, workload, &ings[k])
}

// leadsTo says whether an object is the one that was made for the workload.
func leadsTo(spec migration.Spec, workload string, o *unstructured.Unstructured) bool {
	return o.GetName() == workload && (!spec.Delivers() || manifest.Ours(spec, o.GetLabels()))
}

func exposureFacts(workload string, o *unstructured.Unstructured) (migration.ExposureFacts, bool) {
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
		if at := cmp.Or(in.IP, in.Hostname); at != "" {
			f.Addresses = append(f.Addresses, at)
		}
	}
	return f, true
}

// httpPort is where an ingress controller listens, unless clients come to another
// port today: a name that moves is asked for at the same one.
const httpPort = 80

// ingressFacts reads an Ingress. Its addresses are those that its controller has
// published.
func ingressFacts(spec migration.Spec, workload string, o *unstructured.Unstructured) (migration.ExposureFacts, bool) {
	var in networkingv1.Ingress
	if err := fromUnstructured(o.Object, &in); err != nil {
		return migration.ExposureFacts{}, false
	}
	f := migration.ExposureFacts{
		Workload: workload, Kind: manifest.KindIngress, Digest: in.Annotations[manifest.DigestAnnotation], Generation: in.Generation,
		Port: int32(cmp.Or(spec.OldEntry.Port, httpPort)),
	}
	for _, at := range in.Status.LoadBalancer.Ingress {
		if a := cmp.Or(at.IP, at.Hostname); a != "" {
			f.Addresses = append(f.Addresses, a)
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
		if !leadsTo(spec, workload, &svcs[i]) && outside(&s) {
			out = append(out, migration.RouteFacts{Kind: "Service", Name: s.Name, To: workload})
		}
	}
	for i := range ings {
		var in networkingv1.Ingress
		if err := fromUnstructured(ings[i].Object, &in); err != nil {
			continue
		}
		own := spec.Target.Exposure == migration.ExposeIngress && leadsTo(spec, workload, &ings[i])
		if !own && slices.ContainsFunc(backends(&in), func(name string) bool { return selecting[name] }) {
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
