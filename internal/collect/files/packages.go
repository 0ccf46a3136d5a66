package files

import (
	"context"
	"crypto/md5" //nolint:gosec // it is the checksum that old packages keep, not a protection
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"rehome.dev/rehome/internal/collect/owner"
	"rehome.dev/rehome/internal/collect/scope"
)

// settingsLargest is the size up to which a package's settings are compared.
const settingsLargest = 1 << 20

// own finds out which files belong to packages, and which settings of packages
// were changed on this machine. Where no records are known, nobody owns anything.
func (c *Collector) own(ctx context.Context, s *scope.Scope, all []*use) {
	root := s.Root
	if c.roots[s.Main] != "" { // rpm is not run upon another root: it would leave its locks there
		if root = view(s, s.Main, "/"); !exists(root + "var/lib/dpkg/status") {
			return
		}
	}
	var paths []string
	for _, u := range all {
		if u.kind == regular && !u.deleted && !u.gone {
			paths = append(paths, u.path)
		}
	}
	found, err := owner.Of(ctx, root, paths)
	if err != nil {
		return
	}
	for _, u := range all {
		if u.pkg = found.Package[u.path]; u.pkg == "" {
			continue
		}
		if sum := found.Settings[u.path]; sum != "" && u.size <= settingsLargest {
			u.edited = differs(view(s, s.Main, u.path), sum)
		}
	}
}

func exists(path string) bool {
	_, err := stat(path)
	return err == nil
}

// differs says whether a file is not what the checksum was made of. One that cannot
// be read, or a checksum of an unknown kind, tells nothing.
func differs(path, sum string) bool {
	h := sumOf(sum)
	if h == nil {
		return false
	}
	file, err := open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	if _, err := io.Copy(h, io.LimitReader(file, settingsLargest+1)); err != nil {
		return false
	}
	return hex.EncodeToString(h.Sum(nil)) != sum
}

// sumOf makes what a checksum was made with, known by its length; nil for another.
func sumOf(sum string) hash.Hash {
	switch len(sum) {
	case 2 * md5.Size:
		return md5.New() //nolint:gosec // as above
	case 2 * sha256.Size:
		return sha256.New()
	}
	return nil
}
