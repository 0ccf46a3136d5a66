package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/lab/image"
)

func source(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func build(t *testing.T, config v1.Config, files ...image.File) v1.Image {
	t.Helper()
	img, err := image.Build(files, config)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestDigestDependsOnContentAlone(t *testing.T) {
	config := v1.Config{Entrypoint: []string{"/app"}, User: "65532"}
	old := source(t, "one")
	if err := os.Chtimes(old, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	first := digest(t, build(t, config, image.File{Path: "/app", Source: old, Mode: 0o755}))
	if again := digest(t, build(t, config, image.File{Path: "/app", Source: source(t, "one"), Mode: 0o755})); again != first {
		t.Errorf("same content, other digest: %s and %s", first, again)
	}
	if other := digest(t, build(t, config, image.File{Path: "/app", Source: source(t, "two"), Mode: 0o755})); other == first {
		t.Error("other content, same digest")
	}
	config.Env = []string{"FAIL_RATE=0.3"}
	if other := digest(t, build(t, config, image.File{Path: "/app", Source: source(t, "one"), Mode: 0o755})); other == first {
		t.Error("other configuration, same digest")
	}
}

func TestLayerHoldsFilesBelowTheirFolders(t *testing.T) {
	img := build(t, v1.Config{},
		image.File{Path: "/usr/bin/app", Source: source(t, "binary"), Mode: 0o755},
		image.File{Path: "/usr/share/doc", Source: source(t, "text"), Mode: 0o644})
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	blob, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(blob); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.FileInfo().Mode().String()+" "+h.Name)
	}
	got, _ := json.Marshal(names)
	want := `["drwxr-xr-x usr/","drwxr-xr-x usr/bin/","-rwxr-xr-x usr/bin/app","drwxr-xr-x usr/share/","-rw-r--r-- usr/share/doc"]`
	if string(got) != want {
		t.Errorf("layer holds\n %s, want\n %s", got, want)
	}
}

// containerd finds the image by the digest that Build promised only if the archive
// names exactly that manifest.
func TestArchiveKeepsTheDigest(t *testing.T) {
	img := build(t, v1.Config{}, image.File{Path: "/app", Source: source(t, "x"), Mode: 0o755})
	var buf bytes.Buffer
	if err := image.WriteArchive(&buf, img, "registry.golemtrust.am/app:v1"); err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(&buf)
	for {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("no index.json: %v", err)
		}
		if h.Name == "index.json" {
			break
		}
	}
	var index v1.IndexManifest
	if err := json.NewDecoder(r).Decode(&index); err != nil {
		t.Fatal(err)
	}
	if len(index.Manifests) != 1 || index.Manifests[0].Digest.String() != digest(t, img) {
		t.Errorf("archive names %+v, want one manifest %s", index.Manifests, digest(t, img))
	}
	if got := index.Manifests[0].Annotations["io.containerd.image.name"]; got != "registry.golemtrust.am/app:v1" {
		t.Errorf("archive names the image %q", got)
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	if _, err := image.Build([]image.File{{Path: "/app", Source: filepath.Join(t.TempDir(), "none")}}, v1.Config{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
