package manifest

import "rehome.dev/rehome/internal/migration"

// The labels by which objects of rehome are known.
const (
	LabelName      = "app.kubernetes.io/name"       // the workload
	LabelInstance  = "app.kubernetes.io/instance"   // the migration
	LabelManagedBy = "app.kubernetes.io/managed-by" // ManagedBy
	ManagedBy      = "rehome"
)

// Selector is what selects the pods of a workload. A Deployment's selector can
// never be changed, so it holds nothing that an edit of the spec could change.
func Selector(spec migration.Spec, workload string) map[string]string {
	return map[string]string{LabelName: workload, LabelInstance: spec.Name}
}

// Ours says whether labels are those of an object that rehome made for the
// migration. Anything else is left alone.
func Ours(spec migration.Spec, labels map[string]string) bool {
	return labels[LabelManagedBy] == ManagedBy && labels[LabelInstance] == spec.Name
}

func selector(spec migration.Spec, workload string) object {
	out := object{}
	for k, v := range Selector(spec, workload) {
		out[k] = v
	}
	return out
}

func labels(spec migration.Spec, workload string) object {
	out := selector(spec, workload)
	out[LabelManagedBy] = ManagedBy
	return out
}

func metadata(spec migration.Spec, env migration.Env, workload, name, digest string) object {
	meta := plainMeta(spec, env, workload, name)
	meta["annotations"] = object{DigestAnnotation: digest}
	return meta
}

// plainMeta carries no digest: nothing is decided by what stands beside.
func plainMeta(spec migration.Spec, env migration.Env, workload, name string) object {
	return object{"name": name, "namespace": spec.Namespace(env), "labels": labels(spec, workload)}
}
