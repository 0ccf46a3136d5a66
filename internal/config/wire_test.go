package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sigsyaml "sigs.k8s.io/yaml"

	"rehome.dev/rehome/api/v1alpha1"
)

// TestSameAsTheAPIServer: a document means to us what it means to those who
// read it as a custom resource.
func TestSameAsTheAPIServer(t *testing.T) {
	texts := map[string][]byte{"everything": []byte(everything), "starter": []byte(fillIn(Starter("ledger", StarterOptions{}))), "policy starter": []byte(fillIn(PolicyStarter("x")))}
	for _, pattern := range []string{"../../examples/*.yaml", "../../examples/lab/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) < 2 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = b
		}
	}
	for name, text := range texts {
		if strings.Contains(string(text), "kind: Policy") {
			compare(t, name, text, v1alpha1.KindPolicy, new(v1alpha1.Policy), new(v1alpha1.Policy))
		} else {
			compare(t, name, text, v1alpha1.KindMigration, new(v1alpha1.Migration), new(v1alpha1.Migration))
		}
	}
}

func compare(t *testing.T, name string, text []byte, kind string, ours, theirs any) {
	t.Helper()
	src, err := decodeDocument(name, text, kind, "", ours)
	if err != nil || len(src.errs) > 0 {
		t.Errorf("%s: %v %v", name, err, src)
		return
	}
	if err := sigsyaml.UnmarshalStrict(text, theirs); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	a, errA := json.Marshal(ours)
	b, errB := json.Marshal(theirs)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("%s\nours   %s\ntheirs %s (%v, %v)", name, a, b, errA, errB)
	}
}
