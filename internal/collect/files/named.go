package files

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// argumentsRead bounds a command line.
const argumentsRead = 256 << 10

// nameArguments looks for files and directories that the command line of a
// process names: as a word, or behind the = of one. What does not exist is not
// told, since it may be anything.
func (c *Collector) nameArguments(s *scope.Scope, pid int) {
	data, err := os.ReadFile(procPath(s, pid, "cmdline"))
	if err != nil {
		if !ended(err) {
			s.Gaps.Add(inventory.SubjectFiles, "the command line of a process", why(err))
		}
		return
	}
	cwd, _ := os.Readlink(procPath(s, pid, "cwd"))
	cwd = c.inside(pid, cwd)
	if cwd != "" && !common(cwd) {
		c.trees.work(cwd, pid)
	}
	words := bytes.Split(data[:min(len(data), argumentsRead)], []byte{0})
	for _, word := range words[min(1, len(words)):] {
		c.nameFile(s, pid, pathIn(string(word), cwd), byArgument)
	}
}

// pathIn is the path that a word of a command line may mean, "" for none.
func pathIn(word, cwd string) string {
	if strings.HasPrefix(word, "-") {
		_, value, found := strings.Cut(word, "=")
		if !found { // -c/etc/redis.conf, -Xloggc:/var/log/gc.log
			i := strings.IndexByte(word, '/')
			if i < 0 {
				return ""
			}
			value = word[i:]
		}
		word = value
	}
	word = strings.TrimPrefix(word, "file:")
	if len(word) > 4096 || word == "" || !strings.ContainsAny(word, "/.") {
		return ""
	}
	switch {
	case strings.HasPrefix(word, "/"):
		return filepath.Clean(word)
	case cwd == "" || strings.HasPrefix(word, "-"):
		return ""
	}
	return filepath.Join(cwd, word)
}

func (c *Collector) nameFile(s *scope.Scope, pid int, path string, by int) {
	if path == "" || path == "/" || kernels(path+"/") {
		return
	}
	m, err := stat(view(s, pid, path))
	if err != nil {
		return
	}
	switch m.kind {
	case directory:
		c.trees.named(path, pid)
		return
	case special:
		return
	}
	u := c.use(s, path, false, m.inode)
	if u == nil {
		return
	}
	u.by |= by
	u.kind, u.inode, u.atStart = m.kind, m.inode, true
	u.measure(m.size, c.began)
	u.holder(pid)
	if dir := parent(path); strings.Count(dir, "/") >= 2 && below(dir, "/etc") && !shared(dir) {
		c.trees.settings(dir, pid)
	}
}

// shared says that a directory holds a file of settings of each service.
func shared(dir string) bool {
	switch dir {
	case "/etc/default", "/etc/sysconfig", "/etc/conf.d", "/etc/init.d":
		return true
	}
	return false
}

// nameUnit looks for the files and directories that the unit names, and for
// those that carry its name.
func (c *Collector) nameUnit(s *scope.Scope) {
	for _, dir := range s.Request.Dirs {
		c.trees.settings(dir, s.Main)
	}
	if s.Unit == nil {
		return
	}
	name := strings.TrimSuffix(s.Unit.Name, ".service")
	name, _, _ = strings.Cut(name, "@")
	if name != "" {
		c.trees.settings("/etc/"+name, s.Main)
	}
	for _, file := range s.Unit.EnvironmentFiles {
		file, _, _ = strings.Cut(strings.TrimPrefix(file, "-"), " (")
		c.nameFile(s, s.Main, file, byUnit)
	}
	for _, key := range []string{"PIDFile", "LoadCredential", "BindReadOnlyPaths"} {
		for word := range strings.FieldsSeq(s.Unit.Settings[key]) {
			if _, path, found := strings.Cut(word, ":"); found && !strings.HasPrefix(word, "/") {
				word = path
			}
			c.nameFile(s, s.Main, word, byUnit)
		}
	}
	for key, where := range map[string]string{"StateDirectory": "/var/lib/", "LogsDirectory": "/var/log/", "CacheDirectory": "/var/cache/", "RuntimeDirectory": "/run/"} {
		for word := range strings.FieldsSeq(s.Unit.Settings[key]) {
			c.trees.work(where+word, s.Main)
		}
	}
	for word := range strings.FieldsSeq(s.Unit.Settings["ConfigurationDirectory"]) {
		c.trees.settings("/etc/"+word, s.Main)
	}
	for word := range strings.FieldsSeq(s.Unit.Settings["ReadWritePaths"]) {
		c.trees.work(strings.TrimLeft(word, "-+"), s.Main)
	}
	if dir := s.Unit.Settings["WorkingDirectory"]; strings.HasPrefix(dir, "/") && dir != "/" {
		c.trees.work(dir, s.Main)
	}
}
