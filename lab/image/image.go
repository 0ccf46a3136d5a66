// Package image makes container images without a builder and without a registry:
// one layer of files taken from this machine, put into an OCI layout that a
// container runtime imports. The same input gives the same digest. It must not
// know what the images are for or who runs them.
package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// File is one regular file of the layer.
type File struct {
	Path   string // absolute, in the image
	Source string // on this machine
	Mode   fs.FileMode
}

// Build makes an image of one layer that holds files. Owner is root and the times
// are the epoch, so that the digest depends on content alone.
func Build(files []File, config v1.Config) (v1.Image, error) {
	layer, err := layerOf(files)
	if err != nil {
		return nil, fmt.Errorf("build image layer: %w", err)
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	img, err = mutate.AppendLayers(img, static.NewLayer(layer, types.OCIUncompressedLayer))
	if err != nil {
		return nil, fmt.Errorf("append image layer: %w", err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", runtime.GOARCH, config
	return mutate.ConfigFile(img, file)
}

func layerOf(files []File) ([]byte, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	seen := map[string]bool{}
	for _, f := range files {
		name := strings.TrimPrefix(filepath.Clean(f.Path), "/")
		if err := addParents(w, name, seen); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(f.Source)
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(f.Mode.Perm()), Size: int64(len(data))}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func addParents(w *tar.Writer, name string, seen map[string]bool) error {
	dir := filepath.Dir(name)
	if dir == "." || seen[dir] {
		return nil
	}
	if err := addParents(w, dir, seen); err != nil {
		return err
	}
	seen[dir] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755})
}

// WriteArchive writes img as the tar of an OCI layout, which keeps its digest (a
// Docker archive does not), annotated with name for containerd.
func WriteArchive(w io.Writer, img v1.Image, name string) error {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write OCI layout: %w", err)
	}
	annotations := layout.WithAnnotations(map[string]string{"io.containerd.image.name": name})
	if err := path.AppendImage(img, annotations); err != nil {
		return fmt.Errorf("write OCI layout: %w", err)
	}
	tw := tar.NewWriter(w)
	if err := tw.AddFS(os.DirFS(dir)); err != nil {
		return fmt.Errorf("archive OCI layout: %w", err)
	}
	return tw.Close()
}
