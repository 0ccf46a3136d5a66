package imagetest

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Registry is a real registry on the loopback address, kept in memory.
type Registry struct {
	Host string // 127.0.0.1:PORT
	t    testing.TB
}

// NewRegistry starts one for the time of a test, which then uses no credentials of
// the user.
func NewRegistry(t testing.TB) Registry {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(server.Close)
	return Registry{strings.TrimPrefix(server.URL, "http://"), t}
}

// Push puts an image into it and gives its reference by digest.
func (r Registry) Push(path string, img v1.Image) string {
	r.t.Helper()
	ref, err := name.ParseReference(r.Host + "/" + path)
	if err != nil {
		r.t.Fatal(err)
	}
	digest, err := img.Digest()
	if err == nil {
		err = remote.Write(ref, img, remote.WithContext(r.t.Context()))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return ref.Context().Digest(digest.String()).String()
}

// Put makes an image of one layer with files, by their paths in it, that runs as
// user, and pushes it.
func (r Registry) Put(path, user string, labels, files map[string]string) string {
	r.t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Name: f, Mode: 0o755, Size: int64(len(files[f]))})
		if err == nil {
			_, err = w.Write([]byte(files[f]))
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		static.NewLayer(out.Bytes(), types.OCIUncompressedLayer))
	if err != nil {
		r.t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		r.t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config = "linux", runtime.GOARCH, v1.Config{User: user, Labels: labels}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		r.t.Fatal(err)
	}
	return r.Push(path, img)
}
