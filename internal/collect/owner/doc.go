// Package owner says to which installed package a file belongs, and what a setting
// was as its package delivered it: from dpkg's records, which are read as files
// because asking dpkg-query costs more than a minute of sampling, or else from rpm.
//
// It must not know why it is asked: nobody owns a file that no record names.
package owner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Found is what the records say of the files that were asked for, by path.
type Found struct {
	// Package is "name version"; a file without an owner is not there.
	Package map[string]string
	// Settings are the checksums (hex: MD5 or SHA-256) of settings as they were
	// delivered.
	Settings map[string]string
}

// ErrNone: the machine has no records that are known here.
var ErrNone = errors.New("the machine has neither dpkg's nor rpm's database")

// Of looks for the owners of files by their absolute paths on the machine, or in the
// container, whose root directory is root. The error says why nothing is known of
// any.
func Of(ctx context.Context, root string, paths []string) (Found, error) {
	if exists(root, "var/lib/dpkg/status") {
		return dpkg(ctx, root, paths)
	}
	if exists(root, "var/lib/rpm") || exists(root, "usr/lib/sysimage/rpm") {
		return rpm(ctx, root, paths)
	}
	return Found{}, ErrNone
}

func exists(root, name string) bool {
	_, err := os.Lstat(filepath.Join(root, name))
	return err == nil
}

// names are those under which a package may have put a file: /bin and its like
// have become links to /usr/bin, and older packages do not say so.
func names(path string) []string {
	if short, is := strings.CutPrefix(path, "/usr"); is {
		for _, dir := range []string{"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"} {
			if strings.HasPrefix(short, dir) {
				return []string{path, short}
			}
		}
	}
	return []string{path}
}
