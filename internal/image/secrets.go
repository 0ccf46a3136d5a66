package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/md5" // what dpkg writes down of its files; nobody is trusted for it
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// mostPlaces bounds the places of secrets that are kept of one image.
const mostPlaces = 1000

// place is where in an image a secret stands.
type place struct {
	layer   int // from 1
	file    string
	at      scan.Place
	sum     string // MD5 of the file, as dpkg has it
	removed int    // the layer, from 1, that hides the file again
}

// search is one look at all layers of an image.
type search struct {
	bounds  Bounds
	left    int64 // bytes that may still be unpacked
	places  []place
	more    int               // places beyond the bound
	shipped map[string]string // MD5 by path, of what packages of the distribution brought
	passwd  []byte
	files   int
	bytes   int64
}

// searched looks for secrets in every file of every layer, those that a later layer
// hides included. The error is why not all of it could be read; what was found
// until then counts.
func searched(ctx context.Context, img v1.Image, bounds Bounds) (*search, error) {
	s := &search{bounds: bounds, left: bounds.Image, shipped: map[string]string{}}
	layers, err := img.Layers()
	if err != nil {
		return s, fmt.Errorf("read the layers: %w", err)
	}
	var errs []error
	for n, layer := range layers {
		if err := s.layer(ctx, n+1, layer); err != nil {
			errs = append(errs, fmt.Errorf("layer %d: %w", n+1, err))
		}
	}
	s.forget()
	return s, errors.Join(errs...)
}

func (s *search) layer(ctx context.Context, n int, layer v1.Layer) error {
	stream, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer stream.Close()
	return walk(ctx, stream, s.bounds, func(e entry, content io.Reader) error {
		if e.Removed != "" || e.Opaque {
			s.hide(n, e)
			return nil
		}
		if e.Type != tar.TypeReg {
			return nil
		}
		s.files++
		s.bytes += e.Size
		if s.left -= e.Size; s.left < 0 {
			return fmt.Errorf("the image: %w", errTooMuch)
		}
		return s.file(n, e, content)
	})
}

// file looks into one file, which is read once.
func (s *search) file(n int, e entry, content io.Reader) error {
	sum := md5.New() // see above
	content = io.TeeReader(content, sum)
	keep := isPackageList(e.Path) || e.Path == "etc/passwd"
	found, text, err := look(e.Path, content, s.bounds.File, keep)
	if err != nil {
		return fmt.Errorf("%s: %w", inventory.Name(e.Path), err)
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return fmt.Errorf("%s: %w", inventory.Name(e.Path), err)
	}
	switch {
	case e.Path == "etc/passwd":
		s.passwd = text
	case keep:
		s.list(e.Path, text)
	}
	for _, p := range found {
		if len(s.places) == mostPlaces {
			s.more++
			continue
		}
		s.places = append(s.places, place{layer: n, file: e.Path, at: p, sum: hexOf(sum)})
	}
	return nil
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// look scans a text in pieces of at most whole bytes, cut at the ends of lines, and
// gives it back where keep is true and it is one piece.
func look(name string, content io.Reader, whole int64, keep bool) (found []scan.Place, text []byte, err error) {
	var rest []byte
	line := 0
	for first := true; ; first = false {
		piece := make([]byte, 0, min(whole, 64<<10))
		buffer := bytes.NewBuffer(append(piece, rest...))
		_, err := io.CopyN(buffer, content, whole-int64(len(rest)))
		if err != nil && !errors.Is(err, io.EOF) {
			return found, nil, err
		}
		end := errors.Is(err, io.EOF)
		data := buffer.Bytes()
		if first && keep && end {
			text = data
		}
		rest = nil
		if cut := bytes.LastIndexByte(data, '\n') + 1; !end && cut > 0 {
			data, rest = data[:cut], slices.Clone(data[cut:])
		}
		for _, p := range scan.Locate(name, data) {
			if p.Line > 0 {
				p.Line += line
			}
			found = append(found, p)
		}
		if end || bytes.IndexByte(data[:min(len(data), 8192)], 0) >= 0 {
			return found, text, nil
		}
		line += bytes.Count(data, []byte{'\n'})
	}
}

// hide notes that layer n takes away what lower layers have: it is still in the
// image for whoever unpacks them.
func (s *search) hide(n int, e entry) {
	for i := range s.places {
		p := &s.places[i]
		if p.layer < n && p.removed == 0 && e.removes(p.file) {
			p.removed = n
		}
	}
}

// isPackageList says whether a file is dpkg's list of the digests of what a package
// brought, or its list of configuration files.
func isPackageList(name string) bool {
	dir, base := path.Split(name)
	switch dir {
	case "var/lib/dpkg/info/", "var/lib/dpkg/status.d/":
		return strings.HasSuffix(base, ".md5sums")
	}
	return name == "var/lib/dpkg/status"
}

// list takes up "digest  path", and " /path digest" of configuration files.
func (s *search) list(name string, text []byte) {
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		sum, file := fields[0], fields[1]
		if name == "var/lib/dpkg/status" {
			if !strings.HasPrefix(line, " /") {
				continue
			}
			file, sum = fields[0], fields[1]
		}
		if len(sum) == hex.EncodedLen(md5.Size) {
			s.shipped[strings.TrimPrefix(file, "/")] = sum
		}
	}
}

// forget drops the places in files that a package of the distribution brought and
// nobody changed: what everybody can download is no secret.
func (s *search) forget() {
	s.places = slices.DeleteFunc(s.places, func(p place) bool {
		return s.shipped[p.file] == p.sum || s.shipped[strings.TrimPrefix(p.file, "usr/")] == p.sum
	})
}
