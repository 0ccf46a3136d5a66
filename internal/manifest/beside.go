package manifest

import (
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// Companion is an object that stands beside a workload.
type Companion struct{ Kind, Name string }

// The kinds of what stands beside workloads, jobs (migration.KindCronJob) apart.
const (
	KindServiceAccount   = "ServiceAccount"
	KindDisruptionBudget = "PodDisruptionBudget"
	KindAutoscaler       = "HorizontalPodAutoscaler"
)

// Companions name what stands beside a workload, in the order of its objects: its
// ServiceAccount, what bounds its disruption, scales it and fences it off, and the
// jobs that it runs by time.
func Companions(spec migration.Spec, w migration.Workload) []Companion {
	var out []Companion
	if w.ServiceAccount != "" {
		out = append(out, Companion{KindServiceAccount, w.ServiceAccount})
	}
	if w.Fewest() > 1 {
		out = append(out, Companion{KindDisruptionBudget, w.Name})
	}
	if w.Autoscale != nil {
		out = append(out, Companion{KindAutoscaler, w.Name})
	}
	if w.NetworkPolicy != nil {
		out = append(out, Companion{KindNetworkPolicy, w.Name})
	}
	for _, j := range jobsOf(spec, w) {
		out = append(out, Companion{migration.KindCronJob, j.name})
	}
	return out
}

// besideObjects are the objects of Companions.
func besideObjects(spec migration.Spec, env migration.Env, w migration.Workload) ([]object, error) {
	jobs, err := cronJobs(spec, env, w, true)
	if err != nil {
		return nil, err
	}
	scaler, err := autoscaler(spec, env, w)
	if err != nil {
		return nil, err
	}
	var out []object
	for _, o := range append([]object{serviceAccount(spec, env, w), disruptionBudget(spec, env, w), scaler, networkPolicy(spec, env, w)}, jobs...) {
		if o != nil {
			out = append(out, o)
		}
	}
	return out, nil
}

func serviceAccount(spec migration.Spec, env migration.Env, w migration.Workload) object {
	if w.ServiceAccount == "" {
		return nil
	}
	return object{
		"apiVersion": "v1", "kind": KindServiceAccount, "metadata": plainMeta(spec, env, w.Name, w.ServiceAccount),
		"automountServiceAccountToken": false,
	}
}

// disruptionBudget lets one pod go at a time. A workload of one pod gets none: it
// would hold up every drain of a node. Pods that do not serve may always go.
func disruptionBudget(spec migration.Spec, env migration.Env, w migration.Workload) object {
	if w.Fewest() < 2 {
		return nil
	}
	return object{
		"apiVersion": "policy/v1", "kind": KindDisruptionBudget, "metadata": plainMeta(spec, env, w.Name, w.Name),
		"spec": object{
			"maxUnavailable": int64(1), "unhealthyPodEvictionPolicy": "AlwaysAllow",
			"selector": object{"matchLabels": selector(spec, w.Name)},
		},
	}
}

// settle is how many seconds of less load take pods away.
const settle = 300

// autoscaler scales by shares of what the pods request, so that they must.
func autoscaler(spec migration.Spec, env migration.Env, w migration.Workload) (object, error) {
	a := w.Autoscale
	if a == nil {
		return nil, nil
	}
	var metrics []any
	for _, m := range []struct {
		name    string
		percent int32
		request int64
	}{{"cpu", a.CPUPercent, w.Resources.CPURequestMilli}, {"memory", a.MemoryPercent, w.Resources.MemoryRequestBytes}} {
		if m.percent == 0 {
			continue
		}
		if m.request == 0 {
			return nil, fmt.Errorf("autoscale looks at the share of the requested %s, and resources.requests.%s is not set", m.name, m.name)
		}
		metrics = append(metrics, object{"type": "Resource", "resource": object{
			"name": m.name, "target": object{"type": "Utilization", "averageUtilization": int64(m.percent)},
		}})
	}
	return object{
		"apiVersion": "autoscaling/v2", "kind": KindAutoscaler, "metadata": plainMeta(spec, env, w.Name, w.Name),
		"spec": object{
			"scaleTargetRef": object{"apiVersion": "apps/v1", "kind": string(KindOf(w)), "name": w.Name},
			"minReplicas":    int64(a.Min), "maxReplicas": int64(a.Max), "metrics": metrics,
			"behavior": object{"scaleDown": object{"stabilizationWindowSeconds": int64(settle)}},
		},
	}, nil
}
