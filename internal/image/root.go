package image

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/tree"
)

// Read gives files of a machine, by their absolute paths: a directory with
// everything below it, a link as a link, a file with its content. Links on the way
// to a path are followed as the machine would; the entry has the path that was asked
// for, without the slash before it. What is not there is an error that wraps
// fs.ErrNotExist; what cannot be read is an entry with Err. The tree's root is "/".
type Read func(ctx context.Context, paths []string) (tree.Tree, error)

// mostRead bounds what is taken from a machine, all files together.
const mostRead = 2 << 30

// Root is a machine's disk in a directory of this one: mounted, unpacked, or "/"
// itself. Its links lead to places below it, never outside.
type Root struct{ Dir string }

// Read reads files below the directory.
func (r Root) Read(ctx context.Context, paths []string) (tree.Tree, error) {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return tree.Tree{}, fmt.Errorf("open the machine's disk: %w", err)
	}
	defer root.Close()
	out := tree.Tree{Root: "/"}
	left := int64(mostRead)
	for _, p := range paths {
		real, err := within(root, p)
		if err != nil {
			return out, fmt.Errorf("read %s of %s: %w", p, r.Dir, err)
		}
		walkDir := fs.WalkDir
		if info, err := root.Lstat(real); err == nil && !info.IsDir() { // fs.WalkDir would follow a link
			walkDir = func(_ fs.FS, at string, visit fs.WalkDirFunc) error {
				return visit(at, fs.FileInfoToDirEntry(info), nil)
			}
		}
		err = walkDir(root.FS(), real, func(at string, d fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			name := path.Join(strings.TrimPrefix(p, "/"), strings.TrimPrefix(at, real))
			if err != nil && at == real {
				return err
			}
			e := entryAt(root, at, name, d, err, &left)
			out.Entries = append(out.Entries, e)
			if left < 0 {
				return fmt.Errorf("the files: %w", errTooMuch)
			}
			return nil
		})
		if err != nil {
			return out, fmt.Errorf("read %s of %s: %w", p, r.Dir, err)
		}
	}
	slices.SortFunc(out.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	out.Entries = slices.CompactFunc(out.Entries, func(a, b tree.Entry) bool { return a.Path == b.Path })
	return out, nil
}

func entryAt(root *os.Root, at, name string, d fs.DirEntry, err error, left *int64) tree.Entry {
	e := tree.Entry{Path: name}
	var info fs.FileInfo
	if err == nil {
		info, err = d.Info()
	}
	if err != nil {
		e.Err = err.Error()
		return e
	}
	e.Mode = uint32(info.Mode().Perm())
	switch mode := info.Mode(); {
	case mode.IsDir():
		e.Kind = tree.Dir
	case mode.IsRegular():
		e.Kind = tree.File
		if *left -= info.Size(); *left >= 0 {
			if e.Content, e.SHA256, err = contentAt(root, at); err != nil {
				e.Err = err.Error()
			}
			e.Size = int64(len(e.Content))
		}
	case mode&fs.ModeSymlink != 0:
		e.Kind = tree.Link
		if e.Target, err = root.Readlink(at); err != nil {
			e.Err = err.Error()
		}
	case mode&fs.ModeNamedPipe != 0:
		e.Kind = tree.FIFO
	case mode&fs.ModeSocket != 0:
		e.Kind = tree.Socket
	default:
		e.Kind = tree.Device
	}
	return e
}

// within follows the links on the way to a path as if the root were the machine's.
func within(root *os.Root, p string) (string, error) {
	at, err := follow(path.Clean("/"+p), false, func(at string) (string, bool, error) {
		info, err := root.Lstat(at)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return "", false, err
		}
		target, err := root.Readlink(at)
		return target, true, err
	})
	return cmp.Or(at, "."), err
}

// contentAt reads one file whole.
func contentAt(root *os.Root, at string) (tree.Content, string, error) {
	f, err := root.Open(at)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostRead))
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]), nil
}
