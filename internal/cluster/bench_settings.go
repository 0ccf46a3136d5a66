package cluster

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// BenchTemplate is what pods are made from. Live is false where there is no such
// workload yet: then it is what would be applied.
type BenchTemplate struct {
	Live      bool
	Image     string
	Env       map[string]tree.Content
	Mounts    []string
	Replicas  int32
	Resources string
}

// Template is what the workload's pods are made from in one of the migration's
// namespaces. In production, where rehome itself delivers, that is what will be
// applied: what stands there yet is of an earlier attempt.
func (b *Bench) Template(ctx context.Context, env migration.Env, workload string) (BenchTemplate, error) {
	var o *unstructured.Unstructured
	var err error
	if env == migration.Staging || b.spec.Delivery == migration.DeliveryExternal {
		if o, err = b.c.findWorkload(ctx, b.spec, b.spec.Namespace(env), workload); err != nil {
			return BenchTemplate{}, err
		}
	}
	live := o != nil
	if !live {
		objs, err := manifest.Objects(b.spec, env, migration.PartWorkload, workload)
		if err != nil {
			return BenchTemplate{}, err
		}
		i := slices.IndexFunc(objs, func(o *unstructured.Unstructured) bool { return otherKind(o.GetKind()) != "" })
		if i < 0 {
			return BenchTemplate{}, fmt.Errorf("workload %s makes no pods", workload)
		}
		o = objs[i]
	}
	m, _, err := unstructured.NestedMap(o.Object, "spec", "template")
	if err != nil {
		return BenchTemplate{}, fmt.Errorf("read the pods' template of %s: %w", workload, err)
	}
	var t corev1.PodTemplateSpec
	if err := fromUnstructured(m, &t); err != nil {
		return BenchTemplate{}, fmt.Errorf("read the pods' template of %s: %w", workload, err)
	}
	out := BenchTemplate{Live: live, Env: map[string]tree.Content{}, Replicas: int32At(o, 1, "spec", "replicas")}
	if c := mainContainer(&corev1.Pod{Spec: t.Spec}, workload); c != nil {
		out.Image, out.Resources = c.Image, resourcesText(c.Resources)
		out.variables(c)
		out.mounts(&t.Spec, c)
	}
	return out, nil
}

func (t *BenchTemplate) variables(c *corev1.Container) {
	for _, e := range c.Env {
		value := e.Value
		if f := e.ValueFrom; f != nil {
			switch {
			case f.SecretKeyRef != nil:
				value = "from Secret " + f.SecretKeyRef.Name + ", key " + f.SecretKeyRef.Key
			case f.ConfigMapKeyRef != nil:
				value = "from ConfigMap " + f.ConfigMapKeyRef.Name + ", key " + f.ConfigMapKeyRef.Key
			case f.FieldRef != nil:
				value = "from the field " + f.FieldRef.FieldPath
			}
		}
		t.Env[e.Name] = tree.Content(value)
	}
	for _, f := range c.EnvFrom {
		switch {
		case f.SecretRef != nil:
			t.Mounts = append(t.Mounts, "variables from Secret "+f.SecretRef.Name)
		case f.ConfigMapRef != nil:
			t.Mounts = append(t.Mounts, "variables from ConfigMap "+f.ConfigMapRef.Name)
		}
	}
}

func (t *BenchTemplate) mounts(p *corev1.PodSpec, c *corev1.Container) {
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(p.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			t.Mounts = append(t.Mounts, m.MountPath+" from claim "+m.Name)
			continue
		}
		if from := sourcesOf(p.Volumes[i].VolumeSource); from != "" {
			t.Mounts = append(t.Mounts, m.MountPath+" from "+from)
		}
	}
}

func sourcesOf(v corev1.VolumeSource) string {
	switch {
	case v.ConfigMap != nil:
		return "ConfigMap " + v.ConfigMap.Name
	case v.Secret != nil:
		return "Secret " + v.Secret.SecretName
	case v.PersistentVolumeClaim != nil:
		return "claim " + v.PersistentVolumeClaim.ClaimName
	case v.Projected != nil:
		var all []string
		for _, s := range v.Projected.Sources {
			switch {
			case s.ConfigMap != nil:
				all = append(all, "ConfigMap "+s.ConfigMap.Name)
			case s.Secret != nil:
				all = append(all, "Secret "+s.Secret.Name)
			}
		}
		return strings.Join(all, ", ")
	}
	return ""
}

func resourcesText(r corev1.ResourceRequirements) string {
	var out []string
	for _, part := range []struct {
		name string
		list corev1.ResourceList
	}{{"requests", r.Requests}, {"limits", r.Limits}} {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(part.list)) {
			q := part.list[name]
			all = append(all, string(name)+"="+q.String())
		}
		if len(all) > 0 {
			out = append(out, part.name+" "+strings.Join(all, ","))
		}
	}
	return strings.Join(out, "; ")
}

// BenchDatum is one key of a ConfigMap or Secret. Path is where it is mounted, empty
// where it is a variable.
type BenchDatum struct {
	Object, Key, Path string
	Content           tree.Content
}

// Data is every key of the ConfigMaps and Secrets that the workload mounts or takes
// its variables from, in order. It is the one place where a Secret's data is read:
// into memory, to be compared and to be searched for addresses.
func (b *Bench) Data(ctx context.Context, env migration.Env, workload string) ([]BenchDatum, error) {
	w, ok := b.spec.Workload(workload)
	if !ok {
		return nil, fmt.Errorf("there is no workload %q", workload)
	}
	var out []BenchDatum
	for _, m := range w.Mounts {
		r := request{resource: configMaps, namespace: b.spec.Namespace(env), name: m.ConfigMap}
		kind := "ConfigMap"
		if m.Secret != "" {
			r.resource, r.name, kind = secrets, m.Secret, "Secret"
		}
		o, err := b.c.get(ctx, r)
		if err != nil {
			return nil, err
		}
		if o == nil {
			continue
		}
		data, err := dataOf(o)
		if err != nil {
			return nil, fmt.Errorf("read %s %s: %w", kind, r.name, err)
		}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			at, mounted := mountedAt(m, key)
			if mounted {
				out = append(out, BenchDatum{Object: kind + " " + r.name, Key: key, Path: at, Content: data[key]})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b BenchDatum) int { return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Key, b.Key)) })
	return out, nil
}

func dataOf(o *unstructured.Unstructured) (map[string]tree.Content, error) {
	out := map[string]tree.Content{}
	plain, _, err := unstructured.NestedStringMap(o.Object, "data")
	if err != nil {
		return nil, err
	}
	encoded, _, err := unstructured.NestedStringMap(o.Object, "binaryData")
	if err != nil {
		return nil, err
	}
	if o.GetKind() == "Secret" {
		plain, encoded = nil, plain
	}
	for k, v := range plain {
		out[k] = tree.Content(v)
	}
	for k, v := range encoded {
		raw, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return nil, fmt.Errorf("key %s is not base64", k)
		}
		out[k] = raw
	}
	return out, nil
}

// mountedAt is the path at which a key is a file, "" for a variable; without an item
// for it, it is not mounted at all.
func mountedAt(m migration.Mount, key string) (string, bool) {
	if m.Env {
		return "", true
	}
	if len(m.Items) == 0 {
		return path.Join(m.Path, key), true
	}
	for _, i := range m.Items {
		if i.Key == key {
			return path.Join(m.Path, i.Path), true
		}
	}
	return "", false
}
