package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// delivered compares a part that somebody else delivers with what the migration
// declares, object by object. Whose they are does not matter: they are never written.
func (c *Cluster) delivered(ctx context.Context, spec migration.Spec, env migration.Env, part migration.Part, workload string) (migration.Delivered, error) {
	var out migration.Delivered
	objs, err := manifest.Objects(spec, env, part, workload)
	if err != nil {
		return out, fmt.Errorf("compare with what is declared: %w", err)
	}
	for _, want := range objs {
		have, err := c.get(ctx, requestFor(want))
		switch {
		case err != nil:
			return out, err
		case have == nil:
			differ(&out, "%s %s is not there", want.GetKind(), want.GetName())
			continue
		}
		for _, k := range Keepers(have) {
			if text := k.String(); !slices.Contains(out.By, text) {
				out.By = append(out.By, text)
			}
		}
		if d := deviation(compared(want), compared(have), ""); d != "" {
			differ(&out, "%s %s: %s", want.GetKind(), want.GetName(), d)
		}
	}
	return out, nil
}

// differ keeps the first difference.
func differ(d *migration.Delivered, format string, args ...any) {
	if d.Differs == "" {
		d.Differs = cut(fmt.Sprintf(format, args...))
	}
}

// compared is what of an object is compared: all that it says, and of its
// metadata the annotations, but for the digest.
func compared(o *unstructured.Unstructured) map[string]any {
	out := maps.Clone(o.Object)
	for _, k := range []string{"apiVersion", "kind", "metadata", "status"} {
		delete(out, k)
	}
	notes := map[string]any{}
	for k, v := range o.GetAnnotations() {
		if k != manifest.DigestAnnotation {
			notes[k] = v
		}
	}
	out["annotations"] = notes
	return out
}

// deviation is the first field of want that have does not hold, "" where it holds
// all. What only have holds is a default, or another's. Elements of lists with
// names are found by their names; other lists must be as long.
func deviation(want, have any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		h, _ := have.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(w)) {
			v, ok := h[k]
			if !ok && !empty(w[k]) {
				return within(at, k) + " is not there"
			}
			if d := deviation(w[k], v, within(at, k)); ok && d != "" {
				return d
			}
		}
		return ""
	case []any:
		h, _ := have.([]any)
		return listDeviation(w, h, at)
	}
	if same(want, have) {
		return ""
	}
	return fmt.Sprintf("%s is %v, and declared is %v", at, have, want)
}

func listDeviation(want, have []any, at string) string {
	for i, w := range want {
		name := nameOf(w)
		j := i
		if name != "" {
			j = slices.IndexFunc(have, func(h any) bool { return nameOf(h) == name })
		}
		field := fmt.Sprintf("%s[%s]", at, name)
		if name == "" {
			field = fmt.Sprintf("%s[%d]", at, i)
		}
		if j < 0 || j >= len(have) {
			return field + " is not there"
		}
		if d := deviation(w, have[j], field); d != "" {
			return d
		}
	}
	if len(want) > 0 && nameOf(want[0]) == "" && len(have) > len(want) {
		return fmt.Sprintf("%s has %d entries, and declared are %d", at, len(have), len(want))
	}
	return ""
}

func nameOf(v any) string {
	m, _ := v.(map[string]any)
	name, _ := m["name"].(string)
	return name
}

func within(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// empty values are left out by the server.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	}
	return false
}

// same compares single values; amounts by what they amount to.
func same(a, b any) bool {
	if fmt.Sprint(a) == fmt.Sprint(b) {
		return true
	}
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	if !ok1 || !ok2 {
		return false
	}
	p, err1 := resource.ParseQuantity(x)
	q, err2 := resource.ParseQuantity(y)
	return err1 == nil && err2 == nil && p.Cmp(q) == 0
}
