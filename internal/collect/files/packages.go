package files

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
)

// settingsLargest is the size up to which a package's settings are compared.
const settingsLargest = 1 << 20

// longestName bounds a line of a package's list of files.
const longestName = 16 << 10

// own finds out which files belong to packages, and which settings of packages
// were changed on this machine. It knows dpkg's records (dpkg(1), deb-conffiles(5)),
// as the application's root directory has them, and else asks rpm(8); where there
// is neither, nobody owns anything.
func (c *Collector) own(ctx context.Context, s *scope.Scope, all []*use) {
	info := view(s, s.Main, "/var/lib/dpkg/info")
	lists, err := filepath.Glob(info + "/*.list")
	if err != nil || len(lists) == 0 {
		c.ownRPM(ctx, s, all)
		return
	}
	wanted := map[string][]*use{}
	for _, u := range all {
		if u.kind == regular && !u.deleted {
			for _, name := range names(u.path) {
				wanted[name] = append(wanted[name], u)
			}
		}
	}
	room := make([]byte, longestName)
	for _, list := range lists {
		if ctx.Err() != nil {
			return
		}
		owner, _, _ := strings.Cut(strings.TrimSuffix(base(list), ".list"), ":")
		claim(list, owner, wanted, room)
	}
	status, err := open(view(s, s.Main, "/var/lib/dpkg/status"))
	if err != nil {
		return
	}
	defer status.Close()
	owners := map[string]bool{}
	for _, u := range all {
		owners[u.pkg] = true
	}
	records := readStatus(status, owners)
	for _, u := range all {
		if u.pkg == "" {
			continue
		}
		if sum := records.settings[u.path]; sum != "" && u.size <= settingsLargest {
			u.edited = differs(view(s, s.Main, u.path), sum)
		}
		u.pkg = strings.TrimSpace(u.pkg + " " + records.versions[u.pkg])
	}
}

// names are those under which a package may have put a file: /bin and its like
// have become links to /usr/bin, and older packages do not say so.
func names(path string) []string {
	short, is := strings.CutPrefix(path, "/usr")
	if is && (below(short, "/bin") || below(short, "/sbin") || below(short, "/lib") || below(short, "/lib64")) {
		return []string{path, short}
	}
	return []string{path}
}

// claim reads one package's list of files, a line at a time into room.
func claim(list, owner string, wanted map[string][]*use, room []byte) {
	file, err := os.Open(list)
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(room, len(room))
	for lines.Scan() {
		for _, u := range wanted[string(lines.Bytes())] {
			u.pkg = owner
		}
	}
}

// records are what /var/lib/dpkg/status says of some installed packages: the
// version by package, and the checksum of settings as they were delivered by path.
type records struct {
	versions, settings map[string]string
}

func readStatus(from io.Reader, of map[string]bool) records {
	r := records{map[string]string{}, map[string]string{}}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	name, wanted, settings := "", false, false
	for lines.Scan() {
		line := lines.Bytes()
		if value, is := bytes.CutPrefix(line, []byte("Package: ")); is {
			name, settings = string(value), false
			wanted = of[name]
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
	return r
}

func differs(path, sum string) bool {
	file, err := open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	h := sumOf(sum)
	if h == nil {
		return false
	}
	if _, err := io.Copy(h, io.LimitReader(file, settingsLargest+1)); err != nil {
		return false
	}
	return hex.EncodeToString(h.Sum(nil)) != sum
}
