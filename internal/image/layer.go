package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"rehome.dev/rehome/internal/tree"
)

// File is one file that is put into an image. Path is where it is there, without
// the slash before it; From is where it is on the machine.
type File struct {
	Path    string       `json:"path"`
	From    string       `json:"from,omitempty"`
	Kind    tree.Kind    `json:"kind"`
	Mode    int64        `json:"mode"`
	Size    int64        `json:"size,omitempty"`
	SHA256  string       `json:"sha256,omitempty"`
	Target  string       `json:"target,omitempty"`
	Package string       `json:"package,omitempty"` // of the distribution, with its version
	Why     string       `json:"why,omitempty"`
	Content tree.Content `json:"-"`
}

// modeOf is the mode of a file in an image: root owns all of them, so that whoever
// runs there reads and executes, and changes nothing. Whatever the machine's umask
// was, the image is the same.
func modeOf(e tree.Entry) int64 {
	switch {
	case e.Kind == tree.Link:
		return 0o777
	case e.Kind == tree.Dir, e.Mode&0o111 != 0:
		return 0o755
	}
	return 0o644
}

// layer is one layer in memory, packed by this package alone: the same files give
// the same bytes.
type layer struct {
	packed, unpacked []byte
	digest, diff     v1.Hash
	media            types.MediaType
}

// layerOf packs files, which are sorted by their paths, with the time of all of them.
func layerOf(files []File, at time.Time, media types.MediaType) (*layer, error) {
	var unpacked, packed bytes.Buffer
	if err := archiveOf(&unpacked, files, at); err != nil {
		return nil, fmt.Errorf("pack the layer: %w", err)
	}
	// The level is written out, the header has neither name nor time, and the format
	// of the output is that of this program's own compress/gzip.
	z, err := gzip.NewWriterLevel(&packed, 6)
	if err == nil {
		_, err = z.Write(unpacked.Bytes())
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress the layer: %w", err)
	}
	l := &layer{packed: packed.Bytes(), unpacked: unpacked.Bytes(), media: media}
	if l.digest, _, err = v1.SHA256(bytes.NewReader(l.packed)); err != nil {
		return nil, err
	}
	l.diff, _, err = v1.SHA256(bytes.NewReader(l.unpacked))
	return l, err
}

func archiveOf(w io.Writer, files []File, at time.Time) error {
	archive := tar.NewWriter(w)
	for _, f := range files {
		h := &tar.Header{Name: f.Path, Mode: f.Mode, ModTime: at, Typeflag: tar.TypeReg, Size: int64(len(f.Content))}
		switch f.Kind {
		case tree.Dir:
			h.Typeflag, h.Name, h.Size = tar.TypeDir, f.Path+"/", 0
		case tree.Link:
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, f.Target, 0
		}
		if err := archive.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := archive.Write(f.Content); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return archive.Close()
}

// withParents adds the directories that the base does not have, and sorts all by
// their paths.
func withParents(files []File, base *system) []File {
	seen := map[string]bool{}
	for _, f := range files {
		seen[f.Path] = true
	}
	for _, f := range slices.Clone(files) {
		for dir := path.Dir(f.Path); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			if _, ok := base.nodes[dir]; !ok {
				files = append(files, File{Path: dir, Kind: tree.Dir, Mode: 0o755})
			}
		}
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return files
}

func (l *layer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)            { return l.diff, nil }
func (l *layer) Size() (int64, error)                { return int64(len(l.packed)), nil }
func (l *layer) MediaType() (types.MediaType, error) { return l.media, nil }
func (l *layer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.packed)), nil
}
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.unpacked)), nil
}
