package readiness

import (
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// systemVariables are set by the system for every service: none of them
// configures the application. A name that ends in * stands for a family.
var systemVariables = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "LANG", "LANGUAGE", "LC_*", "TERM", "TZ", "MAIL", "HOSTNAME", "SHLVL", "_", "TMPDIR",
	"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_*", "NOTIFY_SOCKET", "LISTEN_*", "WATCHDOG_*", "MAINPID", "MANAGERPID", "XDG_*", "DBUS_*",
	"RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY",
	"MEMORY_PRESSURE_*", "SUPERVISOR_*",
}

// systemConfiguration is what the C library and TLS read for every program.
var systemConfiguration = []string{
	"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/hostname", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/localtime", "/etc/timezone",
	"/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/mime.types", "/etc/os-release",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/locale.alias", "/etc/localtime", "/etc/security", "/etc/pam.d",
}

// startOptions of an interpreter only say which program it runs: those with true by
// the word behind them.
var startOptions = map[string]bool{"-jar": true, "-m": true, "-cp": true, "-classpath": true, "-server": false, "-u": false}

// interpreters run a program that their arguments name; a name that ends in *
// stands for a family.
var interpreters = []string{"java", "python*", "node", "nodejs", "ruby*", "perl*", "php*", "sh", "bash", "dash", "dotnet", "mono", "deno", "bun", "lua*"}

// configFromOutside is CONFIG-ENV. It passes where settings come from variables,
// arguments or files that the application only reads, because those can be given
// to a pod as they are. A package's file that was edited here counts against it
// only outside the directories that are converted: inside it goes along.
func configFromOutside(l look, m machine) opinion {
	var o opinion
	from := m.configSources(&o)
	for _, t := range m.Trees {
		for _, e := range t.Entries {
			if e.PerHost {
				o.blame(m, 0, "%s/%s names this very machine", t.Path, e.Path)
			}
		}
	}
	for _, f := range m.Files {
		switch {
		case !configures(f):
		case f.Written && f.Class == inventory.FileConfig:
			o.blame(m, f.Seen, "%s is configuration, and the application writes it", f.Path)
		case f.Edited && !m.converted(f.Path):
			o.blame(m, f.Seen, "%s of package %s was edited on this machine, outside the configuration directories", f.Path, f.Package)
		}
	}
	if l.drifted[m.name] {
		o.blame(m, 0, "the configuration differs from that of another machine (CONFIG-DRIFT)")
	}
	seen := []inventory.Subject{inventory.SubjectEnvironment, inventory.SubjectFiles, inventory.SubjectTrees, inventory.SubjectProcesses}
	if len(o.blames) == 0 && len(from) == 0 && m.unseen(seen...) == "" {
		if why := m.short(); why != "" {
			return o.unknown("no configuration was seen, and %s", why)
		}
		o.blame(m, 0, "it has no variable, file or argument that configures it: what it needs is compiled in")
	}
	return m.conclude(o, "configured by "+strings.Join(from, ", "), seen...)
}

// configSources says by what the application is configured, with the evidence.
func (m machine) configSources(o *opinion) []string {
	var from []string
	variables := 0
	for _, v := range m.Environment {
		if !slices.ContainsFunc(systemVariables, func(s string) bool { return matches(v.Name, s) }) {
			variables++
			o.note(m, 0, "variable %s, from the %s", v.Name, v.Origin)
		}
	}
	if variables > 0 {
		from = append(from, plural(variables, "environment variable"))
	}
	files := 0
	for _, f := range m.Files {
		if configures(f) && f.Class == inventory.FileConfig && !f.Written {
			files++
			o.note(m, f.Seen, "reads %s (%s)", f.Path, strings.Join(f.By, ", "))
		}
	}
	if files > 0 {
		from = append(from, plural(files, "file")+" that it only reads")
	}
	if p, ok := m.main(); ok && len(settings(p.Command)) > 0 {
		from = append(from, "arguments")
	}
	return from
}

// settings are the arguments of a command beyond the program: those of an
// interpreter that say which script, archive, module or class it runs are none, any
// other is, with a dash or without.
func settings(command []string) []string {
	if len(command) < 2 {
		return nil
	}
	program := command[0][strings.LastIndexByte(command[0], '/')+1:]
	runs := slices.ContainsFunc(interpreters, func(i string) bool { return matches(program, i) })
	var out []string
	for i := 1; i < len(command); i++ {
		arg := command[i]
		next, starts := startOptions[arg]
		switch {
		case arg == "":
		case runs && starts && next:
			i++ // it names what is run
			runs = arg == "-cp" || arg == "-classpath"
		case runs && starts:
		case arg[0] == '-' && len(arg) > 1:
			out = append(out, arg)
		case runs:
			runs = false // a script or class
		default:
			out = append(out, arg)
		}
	}
	return out
}

// configures says whether a file can configure the application and not just any program.
func configures(f inventory.File) bool {
	return !slices.ContainsFunc(systemConfiguration, func(dir string) bool { return inventory.Below(f.Path, dir) })
}

// converted says whether a path is in a directory whose content goes along, or is
// a file of variables, which goes along as variables.
func (m machine) converted(path string) bool {
	if m.Unit != nil && slices.ContainsFunc(m.Unit.EnvironmentFiles, func(f string) bool { return strings.TrimPrefix(f, "-") == path }) {
		return true
	}
	for _, dir := range m.declared.ConfigDirs {
		if inventory.Below(path, dir) {
			return true
		}
	}
	return slices.ContainsFunc(m.Trees, func(t inventory.Tree) bool { return !t.Missing && inventory.Below(path, t.Path) })
}

// configReadOnly is CONFIG-RO: below a mounted ConfigMap nothing can be written.
func configReadOnly(_ look, m machine) opinion {
	var o opinion
	for _, f := range m.Files {
		if f.Written && configures(f) && (f.Class == inventory.FileConfig || m.converted(f.Path)) {
			o.blame(m, f.Seen, "writes %s", f.Path)
		}
	}
	for _, g := range m.Groups {
		if g.Written+g.Created > 0 && (g.Class == inventory.FileConfig || m.converted(g.Directory)) {
			o.blame(m, 0, "writes %s in %s", plural(max(g.Written, g.Created), "file"), g.Directory)
		}
	}
	return m.concludeOver(o, "it wrote nothing into its configuration", inventory.SubjectFiles)
}

// matches compares a name with a pattern that may end in *.
func matches(name, pattern string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}
