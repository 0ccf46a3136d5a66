package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// The marks by which a layer removes what lies below it (OCI image spec, layer).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// entry is one name in a layer. Path and a hard link's Target are relative to the
// image's root, without a slash before them. Removed is what a whiteout takes away;
// Opaque says that it is everything that lower layers have below that directory.
type entry struct {
	Path    string
	Type    byte // of the archive: tar.TypeReg …
	Mode    int64
	UID     int
	GID     int
	Size    int64
	Target  string // of a link, as it is written
	Removed string
	Opaque  bool
	Xattrs  int
}

// removes says whether a whiteout takes away a name of lower layers.
func (e entry) removes(name string) bool {
	below := e.Removed == "" || strings.HasPrefix(name, e.Removed+"/")
	return below || !e.Opaque && name == e.Removed
}

// errEscapes: a name in a layer leads out of the image. No runtime may follow it,
// and an image that has one is not what it says.
var errEscapes = errors.New("leads out of the image")

// walk gives each entry of an unpacked layer to visit, which may read the entry's
// content. Nothing is kept, and a size that an entry claims is never believed: what
// is not there is an error when it is missed.
func walk(ctx context.Context, layer io.Reader, bounds Bounds, visit func(entry, io.Reader) error) error {
	stream := &bounded{layer, bounds.Layer, "the layer"}
	archive := tar.NewReader(stream)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return toEnd(stream)
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return fmt.Errorf("read the layer: %w", err)
		}
		if n == bounds.Entries {
			return fmt.Errorf("the layer's names: %w", errTooMuch)
		}
		e, err := entryOf(h)
		if err != nil {
			return err
		}
		if err := visit(e, archive); err != nil {
			return err
		}
	}
}

// errBehind: no tool unpacks what follows the end of an archive, and everybody can
// read it.
var errBehind = errors.New("something follows the end of the layer's archive")

// toEnd reads what is left of a layer, which is when its digest is compared. Behind
// the end of an archive there are zeros alone.
func toEnd(stream io.Reader) error {
	block := make([]byte, 32<<10)
	for {
		n, err := stream.Read(block)
		if len(bytes.Trim(block[:n], "\x00")) > 0 {
			return errBehind
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the layer: %w", err)
		}
	}
}

func entryOf(h *tar.Header) (entry, error) {
	name, err := inside(h.Name)
	if err != nil {
		return entry{}, err
	}
	e := entry{Path: name, Type: h.Typeflag, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid, Size: h.Size, Target: h.Linkname}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			e.Xattrs++
		}
	}
	if h.Typeflag == tar.TypeLink {
		if e.Target, err = inside(h.Linkname); err != nil {
			return e, err
		}
	}
	dir, base := path.Split(name)
	switch {
	case base == opaque:
		e.Removed, e.Opaque = strings.TrimSuffix(dir, "/"), true
	case strings.HasPrefix(base, whiteout):
		e.Removed = dir + strings.TrimPrefix(base, whiteout)
	}
	return e, nil
}

// inside is a name of an archive relative to the root. One that climbs above it is
// refused, also where it would come back.
func inside(name string) (string, error) {
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return "", fmt.Errorf("%s %w", inventory.Name(name), errEscapes)
			}
		default:
			depth++
		}
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/"), nil
}
