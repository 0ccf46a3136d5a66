package convert_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/tree"
)

// What was converted names itself again, and what was changed, exchanged or named with
// another key does not.
func TestSecretNames(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"application.properties": "spring.datasource.password=Grimble-Thrace-7741\n",
		"a.ini":                  "password = Grimble-1-Thrace\n#" + strings.Repeat("a", 700<<10), "b.ini": "password = Grimble-2-Thrace\n#" + strings.Repeat("b", 700<<10),
		"plain.ini": "port = 8080\n",
	}
	o := convert.Options{Name: "bank", Namespace: "royal", Mount: "/etc/bank", Extract: true, DoubtfulSecret: true, NameKey: []byte("0123456789abcdef"), NameCost: 1}
	var entries []tree.Entry
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		entries = append(entries, tree.Entry{Path: name, Mode: 0o644, Kind: tree.File, Content: tree.Content(content)})
	}
	plan := convert.Make(tree.Tree{Root: "/etc/bank", Entries: entries}, o)
	var objs []convert.Object
	var env []bool
	var want []string
	for i, x := range plan.Objects {
		if x.Kind == convert.Secret {
			objs, env, want = append(objs, x), append(env, plan.Mounts[i].Env), append(want, x.Name)
		}
	}
	if len(want) != 3 || !slices.Contains(env, true) {
		t.Fatalf("%v, %+v, %+v", want, plan.Problems, plan.Questions)
	}
	staging := o
	staging.Namespace = "staging"
	for _, x := range []convert.Options{o, staging} {
		if got := convert.SecretNames(objs, env, x); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	differs := func(what string, got []string) {
		for i := range got {
			if got[i] == want[i] {
				t.Errorf("%s: %s is still the name", what, want[i])
			}
		}
	}
	other := o
	other.NameKey = nil
	differs("without the key", convert.SecretNames(objs, env, other))
	differs("one is missing", convert.SecretNames(objs[:2], env, o))
	slices.Reverse(objs)
	differs("another order", convert.SecretNames(objs, env, o))
	slices.Reverse(objs)
	for key := range objs[2].Data {
		objs[2].Data[key][0] ^= 1
	}
	differs("one byte", convert.SecretNames(objs, env, o))
	if got := convert.SecretNames(nil, nil, o); len(got) != 0 {
		t.Error(fmt.Sprint(got))
	}
}
