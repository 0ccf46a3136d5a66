package owner

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// longestName bounds a line of a package's list of files, longestField one of
	// the status.
	longestName  = 16 << 10
	longestField = 1 << 20
)

// dpkg reads the lists of all packages once, a line at a time, and then of the
// status what concerns the owners (dpkg(1), deb-conffiles(5)).
func dpkg(ctx context.Context, root string, paths []string) (Found, error) {
	dir := filepath.Join(root, "var/lib/dpkg")
	lists, err := filepath.Glob(filepath.Join(dir, "info", "*.list"))
	if err != nil || len(lists) == 0 {
		return Found{}, fmt.Errorf("dpkg has no lists in %s", filepath.Join(dir, "info"))
	}
	wanted := map[string]string{} // what was asked for, by a name of it
	for _, path := range paths {
		for _, name := range names(path) {
			wanted[name] = path
		}
	}
	r := records{owners: map[string]string{}, versions: map[string]string{}, settings: map[string]string{}}
	room := make([]byte, longestName)
	for _, list := range lists {
		if ctx.Err() != nil {
			return Found{}, fmt.Errorf("read the lists of dpkg: %w", ctx.Err())
		}
		name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".list"), ":")
		r.claim(list, name, wanted, room)
	}
	if err := r.status(filepath.Join(dir, "status")); err != nil {
		return Found{}, fmt.Errorf("read the status of dpkg: %w", err)
	}
	found := Found{Package: map[string]string{}, Settings: map[string]string{}}
	for path, name := range r.owners {
		found.Package[path] = strings.TrimSpace(name + " " + r.versions[name])
		if sum := r.settings[path]; sum != "" {
			found.Settings[path] = sum
		}
	}
	return found, nil
}

// records are what dpkg has written down: the owner by path, the version by package,
// and the checksum of settings by path.
type records struct {
	owners, versions, settings map[string]string
}

// claim reads one package's list of files. One that cannot be read claims nothing.
func (r *records) claim(list, name string, wanted map[string]string, room []byte) {
	file, err := os.Open(list)
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(room, len(room))
	for lines.Scan() {
		if path, is := wanted[string(lines.Bytes())]; is {
			r.owners[path] = name
			r.versions[name] = ""
		}
	}
}

func (r *records) status(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, longestName), longestField)
	name, wanted, settings := "", false, false
	for lines.Scan() {
		line := lines.Bytes()
		if value, is := bytes.CutPrefix(line, []byte("Package: ")); is {
			name, settings = string(value), false
			_, wanted = r.versions[name]
			continue
		}
		if !wanted {
			continue
		}
		if settings && bytes.HasPrefix(line, []byte(" ")) {
			if column := strings.Fields(string(line)); len(column) == 2 {
				r.settings[column[0]] = column[1]
			}
			continue
		}
		settings = bytes.HasPrefix(line, []byte("Conffiles:"))
		if value, is := bytes.CutPrefix(line, []byte("Version: ")); is {
			r.versions[name] = string(value)
		}
	}
	return lines.Err()
}
