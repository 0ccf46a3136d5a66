package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// node is one name of an image's file system, all layers taken together.
type node struct {
	kind   byte // of the archive
	mode   int64
	target string
	layer  int // from 0, that put it there
}

// system is the file system that an image's layers make, without its content but
// for the few files that were asked to be kept.
type system struct {
	nodes map[string]node // by path, without a slash before it
	kept  map[string][]byte
	bytes int64
}

// keepable bounds a file that is kept.
const keepable = 16 << 20

// systemOf reads the layers of an image. Files for which keep is true are held in
// memory.
func systemOf(ctx context.Context, img v1.Image, bounds Bounds, keep func(string) bool) (*system, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("read the layers: %w", err)
	}
	s := &system{nodes: map[string]node{}, kept: map[string][]byte{}}
	for n, layer := range layers {
		if err := s.lay(ctx, n, layer, bounds, keep); err != nil {
			return nil, fmt.Errorf("layer %d: %w", n+1, err)
		}
	}
	return s, nil
}

func (s *system) lay(ctx context.Context, n int, layer v1.Layer, bounds Bounds, keep func(string) bool) error {
	stream, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer stream.Close()
	return walk(ctx, stream, bounds, func(e entry, content io.Reader) error {
		switch {
		case e.Removed != "" || e.Opaque:
			s.remove(n, e)
			return nil
		case e.Path == "":
			return nil
		}
		if e.Type != tar.TypeDir {
			s.replace(e.Path)
		}
		s.parents(e.Path, n)
		s.nodes[e.Path] = node{kind: e.Type, mode: e.Mode, target: e.Target, layer: n}
		if e.Type != tar.TypeReg {
			return nil
		}
		s.bytes += e.Size
		if s.bytes > bounds.Image {
			return fmt.Errorf("the image: %w", errTooMuch)
		}
		if keep == nil || !keep(e.Path) || e.Size > keepable {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(content, keepable))
		if err != nil {
			return err
		}
		s.kept[e.Path] = data
		return nil
	})
}

// parents makes the directories that a name needs and no layer names.
func (s *system) parents(name string, layer int) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, ok := s.nodes[dir]; ok {
			return
		}
		s.nodes[dir] = node{kind: tar.TypeDir, mode: 0o755, layer: layer}
	}
}

// remove takes away what a whiteout of layer n names: what this layer put there
// itself stays.
func (s *system) remove(n int, e entry) {
	if v, ok := s.nodes[e.Removed]; !e.Opaque && (!ok || v.layer >= n) {
		return
	}
	for name, v := range s.nodes {
		if v.layer < n && e.removes(name) {
			delete(s.nodes, name)
			delete(s.kept, name)
		}
	}
}

// replace takes away what is below a name that is no directory any more.
func (s *system) replace(name string) {
	delete(s.kept, name)
	if s.nodes[name].kind != tar.TypeDir {
		return
	}
	for other := range s.nodes {
		if strings.HasPrefix(other, name+"/") {
			delete(s.nodes, other)
			delete(s.kept, other)
		}
	}
}

// resolve follows the links on the way to a path, and with last those at its end
// too. What does not exist is taken as it is written.
func (s *system) resolve(name string, last bool) (string, error) {
	at, err := follow(path.Clean("/"+name), last, func(at string) (string, bool, error) {
		v := s.nodes[at]
		return v.target, v.kind == tar.TypeSymlink, nil
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return at, nil
}

// has says whether there is something at a path, links followed, and what.
func (s *system) has(name string) (node, bool) {
	at, err := s.resolve(name, true)
	if err != nil {
		return node{}, false
	}
	v, ok := s.nodes[at]
	if ok && v.kind == tar.TypeLink {
		return s.has(v.target)
	}
	return v, ok
}
