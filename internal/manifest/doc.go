// Package manifest turns one part of one workload of a migration into the
// Kubernetes objects that make it, and those into stable YAML.
//
// It is a pure function of the spec: the same spec gives the same bytes, so
// that a plan can be reviewed and compared. It must not know a cluster, and
// holds no secret: ConfigMaps and Secrets are only referred to by name.
package manifest

import (
	"bytes"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/migration"
)

// DigestAnnotation holds Spec.WorkloadDigest or Spec.ExposureDigest of what an
// object was made from. It stands on the object and never on the pod template,
// where every change of it would replace the pods.
const DigestAnnotation = "rehome.dev/digest"

// object is the JSON form of a Kubernetes object or of a piece of one. Numbers
// in it are int64, because unstructured copies no other integer.
type object = map[string]any

// list is a list of texts in an object.
func list(texts []string) []any {
	var out []any
	for _, text := range texts {
		out = append(out, text)
	}
	return out
}

// Objects are what one part of one workload consists of, in the order in which
// they are applied: the object that carries the part, and whose digest says
// that all of it was applied, is the last. An error says which field of the
// spec cannot be performed.
func Objects(spec migration.Spec, env migration.Env, part migration.Part, workload string) ([]*unstructured.Unstructured, error) {
	w, ok := spec.Workload(workload)
	if !ok {
		return nil, fmt.Errorf("migration %s has no workload %q", spec.Name, workload)
	}
	var objs []object
	var err error
	switch part {
	case migration.PartWorkload:
		if objs, err = besideObjects(spec, env, w); err == nil {
			var pods []object
			pods, err = workloadObjects(spec, env, w)
			objs = append(objs, pods...)
		}
	case migration.PartSchedules:
		objs, err = cronJobs(spec, env, w, false)
	case migration.PartExposure:
		objs, err = exposureObjects(spec, env, w)
	case migration.PartReturnPath:
		objs, err = returnPathObjects(spec, env, w)
	default:
		err = fmt.Errorf("unknown part %q", part)
	}
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", workload, err)
	}
	out := make([]*unstructured.Unstructured, len(objs))
	for i, o := range objs {
		out[i] = &unstructured.Unstructured{Object: o}
	}
	return out, nil
}

// YAML writes the objects as one stream, keys in order. Equal objects give
// equal bytes.
func YAML(objs []*unstructured.Unstructured) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objs {
		b, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("write %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(b)
	}
	return out.Bytes(), nil
}

func workloadObjects(spec migration.Spec, env migration.Env, w migration.Workload) ([]object, error) {
	pod, err := podTemplate(spec, w)
	if err != nil {
		return nil, err
	}
	digest := spec.WorkloadDigest(env, w.Name)
	meta := func(name string) object {
		m := metadata(spec, env, w.Name, name, digest)
		nameExceptions(w.Security, m)
		return m
	}
	switch KindOf(w) {
	case migration.KindDeployment:
		if len(w.Storage) > 0 {
			return nil, fmt.Errorf("storage needs kind %s: the pods of a %s cannot have a volume each",
				migration.KindStatefulSet, migration.KindDeployment)
		}
		return []object{deployment(spec, w, meta(w.Name), pod)}, nil
	case migration.KindStatefulSet:
		return []object{
			headlessService(spec, w, meta(migration.HeadlessName(w.Name))),
			statefulSet(spec, w, meta(w.Name), pod),
		}, nil
	}
	return nil, fmt.Errorf("unknown kind %q", w.Kind)
}

// KindOf is the kind that a workload gets. Where the spec leaves it open, a
// volume per pod decides: only a StatefulSet gives each pod its own.
func KindOf(w migration.Workload) migration.Kind {
	if w.Kind != migration.KindAuto && w.Kind != "" {
		return w.Kind
	}
	if len(w.Storage) > 0 {
		return migration.KindStatefulSet
	}
	return migration.KindDeployment
}
