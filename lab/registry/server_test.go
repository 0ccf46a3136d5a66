package registry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func start(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	handler, err := Handler(dir, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func reference(t *testing.T, server *httptest.Server, path string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + path)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// A registry that was stopped has all of its images again, those that were tagged
// anew and those that were removed included.
func TestImagesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	var digests []string
	for range 2 {
		img, err := random.Image(256, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(reference(t, first, "/bank:1"), img); err != nil {
			t.Fatal(err)
		}
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d.String())
	}
	gone, err := random.Index(64, 1, 2)
	if err == nil {
		err = remote.WriteIndex(reference(t, first, "/bank:gone"), gone)
	}
	if err == nil {
		err = remote.Delete(reference(t, first, "/bank:gone"))
	}
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second := start(t, dir)
	desc, err := remote.Get(reference(t, second, "/bank:1"))
	if err != nil || desc.Digest.String() != digests[1] {
		t.Fatalf("%+v, %v", desc, err)
	}
	img, err := remote.Image(reference(t, second, "/bank@"+digests[0]))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatal(layers, err)
	}
	if _, err := remote.Get(reference(t, second, "/bank:gone")); err == nil {
		t.Error("what was removed is back")
	}
	third, err := random.Image(64, 1)
	if err == nil {
		err = remote.Write(reference(t, second, "/bank:3"), third)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Get(reference(t, start(t, dir), "/bank:3")); err != nil {
		t.Errorf("what was written after a restart: %v", err)
	}
}

func TestADamagedDirectoryIsNamed(t *testing.T) {
	for name, text := range map[string]string{"00000001.json": "{", "zz.json": `{"method":"DELETE","path":"/v2/x/manifests/y"}`} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "manifests"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "manifests", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Handler(dir, t.Output()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	const listen = "127.0.0.1:0"
	go func() { ended <- Run(ctx, listen, t.TempDir(), t.Output()) }()
	cancel()
	select {
	case err := <-ended:
		if err != nil && !strings.Contains(err.Error(), "cancel") {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	if err := Run(t.Context(), "256.0.0.1:1", t.TempDir(), t.Output()); err == nil {
		t.Error("it serves where it cannot")
	}
}

func TestOnlyManifestsOfASaneSize(t *testing.T) {
	server := start(t, t.TempDir())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/v2/x/manifests/y", strings.NewReader(strings.Repeat("x", mostManifest+1)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%s", resp.Status)
	}
}
