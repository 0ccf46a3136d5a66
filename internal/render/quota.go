package render

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/migration"
)

// Headroom is one resource of one quota, and what all pods ask of it at the most:
// with every pod of a scaler, the surge of each rolling update and each job at once.
type Headroom struct {
	Quota    string `json:"quota"`
	Resource string `json:"resource"`
	Need     string `json:"need"`
	Left     string `json:"left"` // what is not used now
	Fits     bool   `json:"fits"`
	Text     string `json:"text"`
}

// headroom compares quotas with what objects ask for. What of it is deployed
// already counts as used, too: then less is needed than it says. The proxies that a
// mesh adds to pods are not counted.
func headroom(objs []*unstructured.Unstructured, quotas []migration.QuotaFacts) []Headroom {
	out := []Headroom{}
	need, missing := demand(objs)
	for _, q := range quotas {
		name := canonical(q.Resource)
		hard, err1 := resource.ParseQuantity(q.Hard)
		used, err2 := resource.ParseQuantity(q.Used)
		if err1 != nil || err2 != nil {
			out = append(out, Headroom{Quota: q.Quota, Resource: q.Resource, Text: fmt.Sprintf("quota %s: %s is %q of %q, which is no amount", q.Quota, q.Resource, q.Used, q.Hard)})
			continue
		}
		left := hard.DeepCopy()
		left.Sub(used)
		n := need[name]
		h := Headroom{Quota: q.Quota, Resource: q.Resource, Need: n.String(), Left: left.String(), Fits: n.Cmp(left) <= 0}
		h.Text = fmt.Sprintf("quota %s leaves %s of %s, and %s are needed at the most", q.Quota, h.Left, q.Resource, h.Need)
		if pods := missing[name]; len(pods) > 0 {
			h.Fits = false
			h.Text = fmt.Sprintf("quota %s counts %s, which %s does not set: its pods would be refused", q.Quota, q.Resource, strings.Join(pods, ", "))
		}
		out = append(out, h)
	}
	return out
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

func demand(objs []*unstructured.Unstructured) (need map[string]resource.Quantity, missing map[string][]string) {
	need, missing = map[string]resource.Quantity{}, map[string][]string{}
	add := func(name string, q resource.Quantity, times int64) {
		sum := need[name]
		for range times {
			sum.Add(q)
		}
		need[name] = sum
	}
	one := *resource.NewQuantity(1, resource.DecimalSI)
	most := scaled(objs)
	for _, o := range objs {
		if name := countNames[o.GetKind()]; name != "" {
			add(name, one, 1)
		}
		if t, _, _ := unstructured.NestedString(o.Object, "spec", "type"); o.GetKind() == "Service" && t == "LoadBalancer" {
			add("services.loadbalancers", one, 1)
		}
		pods, spec := podsOf(o, most)
		if pods == 0 {
			continue
		}
		add("pods", one, pods)
		for _, name := range counted {
			kind, what, _ := strings.Cut(name, ".")
			q, ok := amount(spec, kind, what)
			if !ok && kind == "requests" { // a limit without a request is the request
				q, ok = amount(spec, "limits", what)
			}
			if !ok {
				missing[name] = append(missing[name], o.GetName())
				continue
			}
			add(name, q, pods)
		}
		claims, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
		for _, c := range claims {
			add("persistentvolumeclaims", one, pods)
			size, _, _ := unstructured.NestedString(c.(map[string]any), "spec", "resources", "requests", "storage")
			if q, err := resource.ParseQuantity(size); err == nil {
				add("requests.storage", q, pods)
			}
		}
	}
	for _, pods := range missing {
		slices.Sort(pods)
	}
	return need, missing
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
	if o.GetKind() == "CronJob" {
		at = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	spec, ok, _ := unstructured.NestedMap(o.Object, at...)
	if !ok {
		return 0, nil
	}
	n, found, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	if !found {
		n = 1
	}
	n = max(n, most[identity(o)])
	if surge, _, _ := unstructured.NestedInt64(o.Object, "spec", "strategy", "rollingUpdate", "maxSurge"); surge > 0 {
		n += surge
	}
	return n, spec
}

// amount is what a pod asks for of one resource, all containers together.
func amount(pod map[string]any, kind, what string) (resource.Quantity, bool) {
	var sum resource.Quantity
	containers, _, _ := unstructured.NestedSlice(pod, "containers")
	all := len(containers) > 0 && !slices.ContainsFunc(containers, func(c any) bool {
		text, ok, _ := unstructured.NestedString(c.(map[string]any), "resources", kind, what)
		q, err := resource.ParseQuantity(text)
		if !ok || err != nil {
			return true
		}
		sum.Add(q)
		return false
	})
	return sum, all
}

func bytesText(n int64) string { return resource.NewQuantity(n, resource.BinarySI).String() }

func milliText(n int64) string { return resource.NewMilliQuantity(n, resource.DecimalSI).String() }
