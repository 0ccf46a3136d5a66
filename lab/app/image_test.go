package app

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

func TestReleasesAreReproducibleAndDiffer(t *testing.T) {
	digests := map[string]string{}
	for range 2 {
		lab := &part.Lab{Dirs: part.Dirs{State: t.TempDir()}}
		if err := os.MkdirAll(filepath.Dir(vm.Program(lab)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vm.Program(lab), []byte("a program"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, r := range releases {
			img, err := r.build(lab)
			if err != nil {
				t.Fatal(err)
			}
			digest, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if before, again := digests[r.tag]; again && before != digest.String() {
				t.Errorf("%s has two digests: %s and %s", r.tag, before, digest)
			}
			digests[r.tag] = digest.String()
			file, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if file.Config.User != "65532:65532" || file.Config.Labels[baseLabel] != "registry.golemtrust.am/base/static" {
				t.Errorf("%s: user %q, labels %v", r.tag, file.Config.User, file.Config.Labels)
			}
			if fails := slices.Contains(file.Config.Env, "FAIL_RATE=0.3"); fails != (r.tag == "v1-bad") {
				t.Errorf("%s: environment %q", r.tag, file.Config.Env)
			}
		}
	}
	if digests["v1-good"] == digests["v1-bad"] {
		t.Error("both releases have one digest")
	}
}
