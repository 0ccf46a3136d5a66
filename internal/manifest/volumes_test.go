package manifest

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/migration"
)

// Several sources at one path become one projected volume, each key at its path and
// with its mode.
func TestVolumes(t *testing.T) {
	item := func(key, path string, mode int32) migration.MountItem {
		return migration.MountItem{Key: key, Path: path, Mode: mode}
	}
	tests := map[string]struct {
		mounts []migration.Mount
		want   string
	}{
		"one source is plain": {[]migration.Mount{{ConfigMap: "c", Path: "/etc/bank", Mode: 0o440, Items: []migration.MountItem{item("a_b", "a/b", 0)}}},
			"- configMap: {name: c, defaultMode: 288, items: [{key: a_b, path: a/b}]}\n  name: mount-0\n"},
		"a Secret alone": {[]migration.Mount{{Secret: "s", Path: "/etc/bank"}}, "- secret: {secretName: s}\n  name: mount-0\n"},
		"a ConfigMap and a Secret": {[]migration.Mount{
			{ConfigMap: "c", Path: "/etc/bank", Items: []migration.MountItem{item("a", "a", 0)}},
			{Secret: "s", Path: "/etc/bank/", Items: []migration.MountItem{item("b", "sub/b", 0o640)}},
		}, "- projected: {sources: [{configMap: {name: c, items: [{key: a, path: a}]}}, {secret: {name: s, items: [{key: b, path: sub/b, mode: 416}]}}]}\n  name: mount-0\n"},
		"modes that differ stand at the items": {[]migration.Mount{
			{ConfigMap: "c", Path: "/etc/bank"},
			{Secret: "s", Path: "/etc/bank", Mode: 0o600, Items: []migration.MountItem{item("b", "b", 0), item("x", "x", 0o755)}},
		}, "- projected: {sources: [{configMap: {name: c}}, {secret: {name: s, items: [{key: b, path: b, mode: 384}, {key: x, path: x, mode: 493}]}}]}\n  name: mount-0\n"},
		"the mode of those without items is the volume's": {[]migration.Mount{
			{ConfigMap: "c", Path: "/etc/bank", Mode: 0o444},
			{Secret: "s", Path: "/etc/bank", Items: []migration.MountItem{item("b", "b", 0)}},
		}, "- projected: {defaultMode: 292, sources: [{configMap: {name: c}}, {secret: {name: s, items: [{key: b, path: b, mode: 420}]}}]}\n  name: mount-0\n"},
	}
	for name, tt := range tests {
		got, mounts, _, err := Volumes(tt.mounts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := yaml.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var want any
		if err := yaml.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatal(err)
		}
		wantText, err := yaml.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != string(wantText) {
			t.Errorf("%s:\n%swant\n%s", name, b, wantText)
		}
		if len(mounts) != 1 || mounts[0].(object)["readOnly"] != true || mounts[0].(object)["mountPath"] != "/etc/bank" {
			t.Errorf("%s: %v", name, mounts)
		}
	}
}

// What Kubernetes would refuse, or silently lose, is refused.
func TestItemsRefused(t *testing.T) {
	one := func(m migration.Mount) []migration.Mount {
		m.ConfigMap, m.Path = "c", "/etc/bank"
		return []migration.Mount{m}
	}
	items := func(items ...migration.MountItem) []migration.Mount { return one(migration.Mount{Items: items}) }
	for want, mounts := range map[string][]migration.Mount{
		`items[0]: "../a" is no path`:           items(migration.MountItem{Key: "a", Path: "../a"}),
		`items[0]: "..data" is no path`:         items(migration.MountItem{Key: "a", Path: "..data"}),
		`items[0]: "/a" is no path`:             items(migration.MountItem{Key: "a", Path: "/a"}),
		"items[0]: the key is missing":          items(migration.MountItem{Path: "a"}),
		"mode 01777 is none":                    items(migration.MountItem{Key: "a", Path: "a", Mode: 0o1777}),
		`path "a" is already that of items[0]`:  items(migration.MountItem{Key: "a", Path: "a"}, migration.MountItem{Key: "b", Path: "a"}),
		"mode 02000 is none":                    one(migration.Mount{Mode: 0o2000}),
		"items and mode are of files":           {{ConfigMap: "c", Env: true, Mode: 0o600}},
		`"a" is a file of c and of s`:           append(items(migration.MountItem{Key: "a", Path: "a"}), migration.Mount{Secret: "s", Path: "/etc/bank", Items: []migration.MountItem{{Key: "b", Path: "a"}}}),
		"sources without items have modes that": append(one(migration.Mount{Mode: 0o600}), migration.Mount{Secret: "s", Path: "/etc/bank"}),
	} {
		if _, _, _, err := Volumes(mounts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
