package files

import (
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// rule gives a file its class. The first that fits counts.
type rule struct {
	why   string
	class inventory.FileClass
	fits  func(*use) bool
}

// rules go from what a place says for certain to what its use lets one guess.
var rules = []rule{
	{"is a device", inventory.FileDevice, func(u *use) bool {
		return u.kind == device || below(u.path, "/dev") && !below(u.path, "/dev/shm")
	}},
	{"is below a directory of sessions or called like a session", inventory.FileSession, session},
	{"is a log by its name", inventory.FileLog, func(u *use) bool { return !below(u.path, "/etc") && logName(base(u.path)) }},
	{"is below /var/log", inventory.FileLog, in("/var/log")},
	{"is called like the data of a database", inventory.FileData, suffixed(".db", ".sqlite", ".sqlite3", ".db3", ".ibd", ".frm", ".myd", ".myi", ".rdb", ".aof", ".dbf", ".ldb", ".sst", ".wt",
		".mdb", ".h2.db", ".mv.db", "-wal", "-journal", ".bdb", ".fdb", ".wal")},
	{"is below the data directory of a database", inventory.FileData, in("/var/lib/postgresql", "/var/lib/pgsql", "/var/lib/mysql", "/var/lib/mariadb", "/var/lib/mongodb", "/var/lib/mongo",
		"/var/lib/redis", "/var/lib/elasticsearch", "/var/lib/rabbitmq", "/var/lib/kafka", "/var/lib/ldap", "/var/lib/cassandra", "/var/lib/influxdb", "/var/spool/postfix", "/var/mail", "/var/spool/mail")},
	{"is executable code that is mapped", inventory.FileProgram, func(u *use) bool { return u.executable && !u.written }},
	{"names a process or locks something out", inventory.FileTemp, suffixed(".pid", ".lock", ".lck", ".tmp", ".swp", ".part")},
	{"is below a directory of temporary files", inventory.FileTemp, in("/tmp", "/var/tmp", "/run", "/var/run", "/dev/shm", "/var/cache", "/var/lock")},
	{"was written, closed and deleted at once", inventory.FileTemp, func(u *use) bool { return u.gone }},
	{"was opened and then deleted", inventory.FileTemp, func(u *use) bool { return u.deleted && u.written }},
	{"belongs to a package and is below /etc", inventory.FileConfig, func(u *use) bool { return u.pkg != "" && below(u.path, "/etc") }},
	{"is below /etc", inventory.FileConfig, in("/etc", "/usr/local/etc")},
	{"belongs to a package and is only read", inventory.FileProgram, func(u *use) bool { return u.pkg != "" && !u.written }},
	{"is below a directory of programs", inventory.FileProgram, programPlace},
	{"is called like a program or library", inventory.FileProgram, func(u *use) bool {
		return !u.written && (suffixed(".so", ".jar", ".war", ".ear", ".class", ".py", ".pyc", ".rb", ".php", ".phtml", ".pl", ".pm", ".js", ".mjs", ".dll", ".exe", ".beam", ".whl", ".gem", ".sh", ".ko")(u) ||
			strings.Contains(base(u.path), ".so."))
	}},
	{"is in a directory that is declared as configuration", inventory.FileConfig, func(u *use) bool { return u.declared }},
	{"is named by the unit and only read", inventory.FileConfig, func(u *use) bool { return u.by&byUnit != 0 && !u.written }},
	{"is called like settings and only read", inventory.FileConfig, func(u *use) bool {
		return !u.written && suffixed(".conf", ".cnf", ".cfg", ".ini", ".yaml", ".yml", ".properties", ".toml", ".xml", ".env", ".json", ".pem", ".crt", ".cer", ".key", ".p12", ".jks", ".keystore",
			".truststore", ".cf", ".policy", ".hcl", "rc", ".config")(u)
	}},
	{"is opened for appending alone", inventory.FileLog, func(u *use) bool { return u.appended && !u.read }},
	{"is written outside of the directories of logs, sessions and temporary files", inventory.FileData, func(u *use) bool { return u.written || u.grown > 0 }},
	{"is below /var/lib", inventory.FileData, in("/var/lib", "/var/spool")},
	{"is named by the command line and only read", inventory.FileConfig, func(u *use) bool { return u.by&byArgument != 0 && u.by&byMap == 0 }},
}

func in(dirs ...string) func(*use) bool {
	return func(u *use) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return u.path != d && below(u.path, d) })
	}
}

func suffixed(suffixes ...string) func(*use) bool {
	return func(u *use) bool {
		name := strings.ToLower(u.path)
		return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
	}
}

// session knows the file names and directories of the session stores of PHP,
// Tomcat, Rails, Django, Flask and Express, and whoever calls them alike.
func session(u *use) bool {
	name := base(u.path)
	if logName(name) || u.executable || suffixed(".conf", ".jar", ".so", ".py", ".php", ".rb", ".js", ".class")(u) {
		return false
	}
	if strings.HasPrefix(name, "sess_") || name == "SESSIONS.ser" || strings.HasSuffix(name, ".session") {
		return true
	}
	for part := range strings.SplitSeq(parent(u.path), "/") {
		switch strings.ToLower(part) {
		case "sessions", "session", "flask_session", "http_sessions", "sessionstore":
			return true
		}
	}
	return false
}

// logName knows names of logs, those put aside by a rotation among them:
// bank.log, bank.log.1, bank.log-20261122.gz, access_log, catalina.out.
func logName(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	name = strings.TrimRight(name, "0123456789-.")
	for _, end := range []string{".log", "_log", "-log", ".out", ".err"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.HasPrefix(name, "catalina.") || strings.HasPrefix(name, "localhost_access")
}

func programPlace(u *use) bool {
	return !u.written && in("/usr/bin", "/usr/sbin", "/bin", "/sbin", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/share", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/share")(u)
}

func (u *use) classify() {
	for _, r := range rules {
		if r.fits(u) {
			u.class, u.why = r.class, r.why
			return
		}
	}
	u.class, u.why = inventory.FileOther, "no rule knows it"
}

const (
	sessionsAtLeast = 10
	sessionLargest  = 64 << 10
	sessionShortest = 16
)

// spot takes for sessions what no place and no name gives away: many small files
// with random names that the application writes into one directory.
func spot(all []*use) {
	by := map[string][]*use{}
	for _, u := range all {
		if u.class == inventory.FileData && u.written && u.size <= sessionLargest && random(base(u.path)) {
			by[parent(u.path)] = append(by[parent(u.path)], u)
		}
	}
	for _, files := range by {
		if len(files) < sessionsAtLeast {
			continue
		}
		for _, u := range files {
			u.class, u.why = inventory.FileSession, "is one of many small files with random names in its directory"
		}
	}
}

// random says that a name was not made by a person: long, without words, with
// digits among the letters.
func random(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	digits, letters := 0, 0
	for _, r := range name {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			letters++
		case r != '-' && r != '_':
			return false
		}
	}
	return len(name) >= sessionShortest && digits >= 3 && letters >= 2
}
