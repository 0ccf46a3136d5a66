package files

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
)

// What is read of the settings to find the directories that they name.
const (
	settingsRead     = 64 << 10 // of one file
	settingsMost     = 100      // files
	directoriesNamed = 50
)

// homes are where packages and vendors put an application's own directory, called
// by its name: hier(7), and the directories that systemd makes.
var homes = []string{"/var/lib", "/var/cache", "/var/spool", "/var/opt", "/srv"}

// others are directories whose content is not an application's state, even where
// its settings name them.
var others = []string{"/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/proc", "/sys", "/dev", "/run", "/var/run", "/var/www"}

// own gives directories that are the application's although it may hold no file in
// them open: one that is called as it, and one that
// its settings name and its user owns. What is opened, written and closed between
// two samples, as sessions are, is found there.
func (t *trees) own(c *Collector, s *scope.Scope) []place {
	var found []place
	for name := range called(s) {
		for _, home := range homes {
			add(&found, home+"/"+name, s.Main)
		}
	}
	files := 0
	for _, u := range c.uses {
		if !u.declared || u.kind != regular || files >= settingsMost {
			continue
		}
		files++
		pid := cmp.Or(firstOf(u.pids), s.Main)
		for _, path := range pathsIn(head(view(s, pid, u.path))) {
			m, err := stat(view(s, pid, path))
			if err == nil && m.kind == directory && !m.sticky && c.uids[m.uid] && len(found) < directoriesNamed {
				add(&found, path, pid)
			}
		}
	}
	slices.SortFunc(found, func(a, b place) int { return strings.Compare(a.path, b.path) })
	return found
}

// called is what the application may be called: by its unit or else its main
// program, and by its user where nobody else has that.
func called(s *scope.Scope) map[string]bool {
	found := map[string]bool{}
	if s.Unit != nil {
		name, _, _ := strings.Cut(strings.TrimSuffix(s.Unit.Name, ".service"), "@")
		found[name] = true
		if alone(s) {
			found[s.Unit.User] = true
		}
	} else if program, err := os.Readlink(procPath(s, s.Main, "exe")); err == nil {
		found[base(program)] = true
	}
	for _, nobodys := range []string{"", "root", "nobody", "www-data", "daemon", "sh", "bash", "dash", "java", "python3", "perl", "node", "ruby"} {
		delete(found, nobodys)
	}
	return found
}

// alone says that no process but the application's runs as its user.
func alone(s *scope.Scope) bool {
	mine, err := stat(procPath(s, s.Main, ""))
	processes, listed := os.ReadDir(s.Proc)
	if err != nil || listed != nil {
		return false
	}
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || s.Ever[pid] {
			continue
		}
		if m, err := stat(procPath(s, pid, "")); err == nil && m.uid == mine.uid {
			return false
		}
	}
	return true
}

// head is the beginning of a file; nothing where it cannot be read, which is noted
// as a gap by whoever reads settings for their own sake.
func head(path string) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	text := make([]byte, settingsRead)
	n, _ := file.Read(text)
	return text[:n]
}

// absolute finds what may be an absolute path behind a sign that ends a word.
var absolute = regexp.MustCompile(`(?:^|[\s="'(,;:>])(/[A-Za-z0-9._+@-]+(?:/[A-Za-z0-9._+@-]+)+)`)

// pathsIn are the absolute paths in a text that can be directories of state.
func pathsIn(text []byte) []string {
	var found []string
	for _, m := range absolute.FindAllSubmatch(text, -1) {
		path := string(m[1])
		if common(path) || slices.ContainsFunc(others, func(dir string) bool { return below(path, dir) }) || slices.Contains(found, path) {
			continue
		}
		found = append(found, path)
	}
	return found
}
