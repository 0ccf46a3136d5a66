package host

import (
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// application is by what something else on the machine is recognised as the
// application's.
type application struct {
	users      []string // its own: never root
	name       string   // of the unit, without its kind
	programs   []string // paths, no interpreters
	dirs       []string // its own directories
	configDirs []string
	logs       []string
	sessions   bool // PHP's sessions are in the distribution's directory
}

// interpreters run anybody's programs.
var interpreters = []string{"sh", "bash", "dash", "zsh", "ksh", "busybox", "env", "python", "python2", "python3", "perl", "ruby", "node", "nodejs", "java", "php", "php-fpm",
	"mono", "dotnet", "beam.smp", "sudo", "su", "runuser", "tini", "dumb-init", "start-stop-daemon"}

// words that are the name of a unit and much else.
var words = []string{"app", "web", "www", "api", "server", "service", "daemon", "cron", "main", "java", "data", "test", "backup", "system", "http"}

func applicationOf(s *scope.Scope, f *inventory.Facts) application {
	var a application
	user := func(name string) {
		if name != "" && name != "root" && name != "0" && !slices.Contains(a.users, name) {
			a.users = append(a.users, name)
		}
	}
	a.configDirs = append(a.configDirs, s.Request.Dirs...)
	for _, d := range s.Request.Dirs {
		a.dir(d)
	}
	if u := f.Unit; u != nil {
		a.name = stem(u.Name)
		user(u.User)
		a.configDirs = append(a.configDirs, "/etc/"+a.name)
		a.dir("/etc/" + a.name)
		a.dir(strings.TrimLeft(u.Settings["WorkingDirectory"], "-!"))
		for setting, base := range map[string]string{"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "ConfigurationDirectory": "/etc"} {
			for _, d := range strings.Fields(u.Settings[setting]) {
				a.dir(path.Join(base, d))
			}
		}
	}
	for _, p := range f.Processes {
		user(p.User)
		a.program(p.Executable)
	}
	for _, p := range f.Programs {
		a.program(p.Path)
	}
	for _, file := range f.Files {
		a.file(file)
	}
	for _, g := range f.Groups {
		a.dir(g.Directory)
	}
	for _, l := range f.Logs {
		if strings.HasPrefix(l.To, "/") {
			a.logs = append(a.logs, l.To)
		}
	}
	slices.Sort(a.dirs)
	a.dirs = slices.Compact(a.dirs)
	slices.Sort(a.logs)
	a.logs = slices.Compact(a.logs)
	return a
}

func (a *application) file(f inventory.File) {
	dir := path.Dir(f.Path)
	a.sessions = a.sessions || strings.HasPrefix(dir, "/var/lib/php")
	switch f.Class {
	case inventory.FileLog:
		a.logs = append(a.logs, f.Path)
		a.dir(dir)
	case inventory.FileConfig, inventory.FileData, inventory.FileSession:
		if f.Package == "" || f.Written {
			a.dir(dir)
		}
	}
}

func (a *application) program(name string) {
	base := path.Base(name)
	for _, i := range interpreters {
		if rest, is := strings.CutPrefix(base, i); is && strings.Trim(rest, "0123456789.-") == "" {
			return
		}
	}
	if strings.HasPrefix(name, "/") && !slices.Contains(a.programs, name) {
		a.programs = append(a.programs, name)
		a.dir(path.Dir(name))
	}
}

// everybodys are directories in which any program has files; below the second
// group is nothing that is one application's.
var (
	everybodys = []string{"/", "/etc", "/usr", "/var", "/var/lib", "/var/log", "/var/tmp", "/var/cache", "/var/spool", "/var/mail", "/var/www", "/var/opt", "/run", "/tmp", "/home", "/root", "/opt", "/srv", "/mnt",
		"/media", "/data", "/usr/local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/etc", "/usr/local/share", "/var/spool/cron", "/var/lib/php", "/etc/default", "/etc/sysconfig", "/etc/conf.d"}
	systems = []string{"/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/share", "/proc", "/sys", "/dev", "/boot", "/run/systemd", "/run/lock",
		"/etc/systemd", "/etc/ssl", "/etc/pki", "/etc/security", "/etc/pam.d", "/etc/alternatives", "/etc/ld.so.conf.d", "/etc/crypto-policies", "/etc/init.d", "/etc/cron.d", "/var/lib/systemd", "/var/log/journal"}
)

// dir takes a directory as the application's own, unless it is everybody's.
func (a *application) dir(name string) {
	name = path.Clean(name)
	if !strings.HasPrefix(name, "/") || slices.Contains(everybodys, name) {
		return
	}
	for _, s := range systems {
		if name == s || strings.HasPrefix(name, s+"/") {
			return
		}
	}
	a.dirs = append(a.dirs, name)
}

// related says why something that runs as user, and says text, is the
// application's.
func (a application) related(user, text string) string {
	for _, p := range a.programs {
		if mentions(text, p) {
			return "runs " + p
		}
	}
	for _, d := range a.dirs {
		if mentions(text, d) {
			return "names " + d
		}
	}
	if len(a.name) > 2 && !slices.Contains(words, a.name) && mentions(text, a.name) {
		return "names " + a.name
	}
	if mentions(text, a.name+".service") && a.name != "" {
		return "names " + a.name + ".service"
	}
	if slices.Contains(a.users, user) {
		return "runs as " + user
	}
	if a.sessions && strings.Contains(text, "/sessionclean") {
		return "removes PHP's sessions"
	}
	return ""
}

// mentions says whether name stands in text with nothing of a longer name around
// it.
func mentions(text, name string) bool {
	if name == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(name)
		if (start == 0 || !partOfName(text[start-1])) && (end == len(text) || !partOfName(text[end]) || text[end] == '.' && (end+1 == len(text) || !partOfName(text[end+1]))) {
			return true
		}
		from = start + 1
	}
}

func partOfName(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
