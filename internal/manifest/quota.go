package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/migration"
)

// Headroom says of quotas what objects need of them at the most: with every pod of
// a scaler, the surge of each rolling update and each job at once. What is there
// already, pods among it, is counted as used and needed no more. The proxies that a
// mesh adds to pods are not counted.
func Headroom(wanted, there []*unstructured.Unstructured, quotas []migration.QuotaFacts) []migration.QuotaFacts {
	out := slices.Clone(quotas)
	need, has := demandOf(wanted), demandOf(there)
	for i := range out {
		q := &out[i]
		hard, err1 := resource.ParseQuantity(q.Hard)
		used, err2 := resource.ParseQuantity(q.Used)
		if err1 != nil || err2 != nil {
			q.Lacks = fmt.Sprintf("quota %s: %s is %q of %q, which is no amount", q.Quota, q.Resource, q.Used, q.Hard)
			continue
		}
		hard.Sub(used)
		name := canonical(q.Resource)
		n, without := need.sum(name, q.Default)
		h, _ := has.sum(name, q.Default)
		n.Sub(h)
		if n.Sign() < 0 {
			n = resource.Quantity{}
		}
		q.Need, q.Left = n.String(), hard.String()
		switch {
		case len(without) > 0:
			q.Lacks = fmt.Sprintf("quota %s counts %s, which %s does not set: its pods would be refused", q.Quota, q.Resource, strings.Join(without, ", "))
		case n.Cmp(hard) > 0 && n.Sign() > 0:
			q.Lacks = RoomText(*q)
		}
	}
	return out
}

// RoomText says what a quota leaves, and what is needed of it.
func RoomText(q migration.QuotaFacts) string {
	return fmt.Sprintf("quota %s leaves %s of %s, and %s are needed at the most", q.Quota, q.Left, q.Resource, q.Need)
}

// demand is what objects ask for, by the canonical names of quotas.
type demand struct {
	need map[string]resource.Quantity
	// unset are the containers that ask for none of a resource, by the object's name.
	unset map[string]map[string]int64
}

func (d demand) add(name string, q resource.Quantity, times int64) {
	sum := d.need[name]
	q.Mul(times)
	sum.Add(q)
	d.need[name] = sum
}

// sum is what is asked for of a resource. Containers that set none get the default;
// where there is no default, they are named.
func (d demand) sum(name, byDefault string) (resource.Quantity, []string) {
	n := d.need[name].DeepCopy()
	each, err := resource.ParseQuantity(cmp.Or(byDefault, "none"))
	var without []string
	for object, times := range d.unset[name] {
		if err != nil {
			without = append(without, object)
			continue
		}
		q := each.DeepCopy()
		q.Mul(times)
		n.Add(q)
	}
	slices.Sort(without)
	return n, without
}

// canonical is the one name of a resource that a quota can call by two (Kubernetes,
// "Resource Quotas").
func canonical(name string) string {
	switch name {
	case "cpu", "memory":
		return "requests." + name
	case "count/pods":
		return "pods"
	case "count/services":
		return "services"
	case "count/persistentvolumeclaims":
		return "persistentvolumeclaims"
	}
	return name
}

// counted are the resources that a pod must set where a quota counts them.
var counted = []string{"requests.cpu", "requests.memory", "limits.cpu", "limits.memory"}

// countNames are how quotas call the number of objects of a kind.
var countNames = map[string]string{
	"Deployment": "count/deployments.apps", "StatefulSet": "count/statefulsets.apps", "CronJob": "count/cronjobs.batch",
	"Ingress": "count/ingresses.networking.k8s.io", "Service": "services", "ServiceAccount": "count/serviceaccounts",
}

func demandOf(objs []*unstructured.Unstructured) demand {
	d := demand{need: map[string]resource.Quantity{}, unset: map[string]map[string]int64{}}
	one := *resource.NewQuantity(1, resource.DecimalSI)
	most := scaled(objs)
	for _, o := range objs {
		if name := countNames[o.GetKind()]; name != "" {
			d.add(name, one, 1)
		}
		if t, _, _ := unstructured.NestedString(o.Object, "spec", "type"); o.GetKind() == "Service" && t == "LoadBalancer" {
			d.add("services.loadbalancers", one, 1)
		}
		if o.GetKind() == "PersistentVolumeClaim" {
			d.claim(o.Object, 1)
		}
		pods, spec := podsOf(o, most)
		if pods == 0 {
			continue
		}
		d.add("pods", one, pods)
		d.pods(o.GetName(), spec, pods)
		claims, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
		for _, c := range claims {
			d.claim(c.(map[string]any), pods)
		}
	}
	return d
}

// pods adds what the containers of so many pods ask for.
func (d demand) pods(object string, spec map[string]any, pods int64) {
	containers, _, _ := unstructured.NestedSlice(spec, "containers")
	for _, c := range containers {
		for _, name := range counted {
			kind, what, _ := strings.Cut(name, ".")
			q, ok := amount(c, kind, what)
			if !ok && kind == "requests" { // a limit without a request is the request
				q, ok = amount(c, "limits", what)
			}
			if ok {
				d.add(name, q, pods)
				continue
			}
			if d.unset[name] == nil {
				d.unset[name] = map[string]int64{}
			}
			d.unset[name][object] += pods
		}
	}
}

func (d demand) claim(c map[string]any, times int64) {
	d.add("persistentvolumeclaims", *resource.NewQuantity(1, resource.DecimalSI), times)
	size, _, _ := unstructured.NestedString(c, "spec", "resources", "requests", "storage")
	if q, err := resource.ParseQuantity(size); err == nil {
		d.add("requests.storage", q, times)
	}
}

// scaled are the most pods that a scaler gives a workload.
func scaled(objs []*unstructured.Unstructured) map[string]int64 {
	out := map[string]int64{}
	for _, o := range objs {
		if o.GetKind() == "HorizontalPodAutoscaler" {
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "kind")
			name, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
			out[kind+" "+name], _, _ = unstructured.NestedInt64(o.Object, "spec", "maxReplicas")
		}
	}
	return out
}

// podsOf is how many pods an object has at the most at once, and what one is.
func podsOf(o *unstructured.Unstructured, most map[string]int64) (int64, map[string]any) {
	at := []string{"spec", "template", "spec"}
	switch o.GetKind() {
	case "CronJob":
		at = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	case "Pod":
		at = []string{"spec"}
	}
	spec, ok, _ := unstructured.NestedMap(o.Object, at...)
	if !ok {
		return 0, nil
	}
	n, found, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	if !found {
		n = 1
	}
	n = max(n, most[o.GetKind()+" "+o.GetName()])
	if surge, _, _ := unstructured.NestedInt64(o.Object, "spec", "strategy", "rollingUpdate", "maxSurge"); surge > 0 {
		n += surge
	}
	return n, spec
}

// amount is what a container asks for of one resource.
func amount(container any, kind, what string) (resource.Quantity, bool) {
	text, ok, _ := unstructured.NestedString(container.(map[string]any), "resources", kind, what)
	q, err := resource.ParseQuantity(text)
	return q, ok && err == nil
}
