package manifest

import (
	"cmp"

	"k8s.io/apimachinery/pkg/api/resource"

	"rehome.dev/rehome/internal/migration"
)

// deployment replaces its pods one by one, a new one first: the old pods serve
// until then, so that a release that never becomes ready takes nothing away.
func deployment(spec migration.Spec, w migration.Workload, meta, pod object) object {
	s := object{
		"selector": object{"matchLabels": selector(spec, w.Name)},
		"strategy": object{
			"type":          "RollingUpdate",
			"rollingUpdate": object{"maxUnavailable": int64(0), "maxSurge": int64(1)},
		},
		"template": pod,
	}
	if !scaledElsewhere(spec, w) {
		s["replicas"] = int64(w.Replicas)
	}
	return object{"apiVersion": "apps/v1", "kind": string(migration.KindDeployment), "metadata": meta, "spec": s}
}

// scaledElsewhere says whether the number of pods is left to an autoscaler: where
// somebody else delivers, each delivery would set it back. Where this program
// applies, it scales itself, down in a rollback and up again.
func scaledElsewhere(spec migration.Spec, w migration.Workload) bool {
	return w.Autoscale != nil && spec.Delivery == migration.DeliveryExternal
}

// statefulSet keeps its claims whatever happens to it: a rollback scales to
// zero, and must never take data with it.
func statefulSet(spec migration.Spec, w migration.Workload, meta, pod object) object {
	s := object{
		"serviceName":    migration.HeadlessName(w.Name),
		"selector":       object{"matchLabels": selector(spec, w.Name)},
		"updateStrategy": object{"type": cmp.Or(w.UpdateStrategy, migration.UpdateRolling)},
		"persistentVolumeClaimRetentionPolicy": object{
			"whenDeleted": "Retain", "whenScaled": "Retain",
		},
		"template": pod,
	}
	if !scaledElsewhere(spec, w) {
		s["replicas"] = int64(w.Replicas)
	}
	if w.PodManagement != "" {
		s["podManagementPolicy"] = w.PodManagement
	}
	if claims := claimTemplates(w.Storage); len(claims) > 0 {
		s["volumeClaimTemplates"] = claims
	}
	return object{
		"apiVersion": "apps/v1",
		"kind":       string(migration.KindStatefulSet),
		"metadata":   meta,
		"spec":       s,
	}
}

func claimTemplates(storage []migration.Storage) []any {
	var out []any
	for _, s := range storage {
		c := object{
			"accessModes": []any{"ReadWriteOnce"},
			"resources":   object{"requests": object{"storage": bytesOf(s.SizeBytes)}},
		}
		if s.Class != "" {
			c["storageClassName"] = s.Class
		}
		out = append(out, object{"metadata": object{"name": s.Name}, "spec": c})
	}
	return out
}

// headlessService has no address of its own and lets nothing in from outside.
func headlessService(spec migration.Spec, w migration.Workload, meta object) object {
	s := object{"clusterIP": "None", "selector": selector(spec, w.Name)}
	if ports := servicePorts(w.Ports, func(p migration.Port) int32 { return p.Port }); len(ports) > 0 {
		s["ports"] = ports
	}
	return object{"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": s}
}

func bytesOf(n int64) string { return resource.NewQuantity(n, resource.BinarySI).String() }

func milliOf(n int64) string { return resource.NewMilliQuantity(n, resource.DecimalSI).String() }
