package program

import (
	"path/filepath"
	"strings"

	"rehome.dev/rehome/internal/lazy"
	"rehome.dev/rehome/internal/scan"
)

// process is what a program is recognised by. Nothing of argv leaves this package
// but through scan.Arguments.
type process struct {
	pid  int
	exe  string // as the process sees it
	argv []string
	cwd  string
	root string // where its files are to be found: /proc/PID/root
}

// kind is what a program turned out to be.
type kind struct {
	language, runtime, framework string
	script                       string
	options                      []string
}

// interpreter is a program that runs others.
type interpreter struct {
	name     *lazy.Regexp // of the executable; its group is the version
	language string
	runtime  string
	read     func(process, *kind) // script, framework and options
}

var interpreters = []interpreter{
	{lazy.New(`^java$`), "Java", "java", java},
	{lazy.New(`^(?:python|pypy)(\d+(?:\.\d+)*)?$`), "Python", "python", python},
	{lazy.New(`^uwsgi(?:-core)?$`), "", "", func(_ process, k *kind) { k.framework = "uwsgi" }},
	{lazy.New(`^php-fpm(\d+(?:\.\d+)*)?$`), "PHP", "php", func(_ process, k *kind) { k.framework = "php-fpm" }},
	{lazy.New(`^php(?:-cgi)?(\d+(?:\.\d+)*)?$`), "PHP", "php", plainScript("-d", "-c", "-z")},
	{lazy.New(`^(?:node|nodejs)(\d+)?$`), "JavaScript", "node", node},
	{lazy.New(`^ruby(\d+(?:\.\d+)*)?$`), "Ruby", "ruby", ruby},
	{lazy.New(`^perl(\d+(?:\.\d+)*)?$`), "Perl", "perl", perl},
	{lazy.New(`^dotnet$`), ".NET", "dotnet", plainScript("--runtimeconfig", "--depsfile", "--additionalprobingpath", "--fx-version")},
	{lazy.New(`^mono(?:-sgen)?$`), ".NET", "mono", plainScript()},
	{lazy.New(`^beam(?:\.smp)?$`), "Erlang", "erlang", erlang},
	{lazy.New(`^(?:sh|bash|dash|ksh\d*|zsh|ash|busybox)$`), "Shell", "", shell},
}

// recognise tells a program by its executable and its arguments alone.
func recognise(p process) kind {
	var k kind
	base := filepath.Base(p.exe)
	for _, i := range interpreters {
		m := i.name.FindStringSubmatch(base)
		if m == nil {
			continue
		}
		k.language, k.runtime = i.language, i.runtime
		if len(m) > 1 && m[1] != "" {
			k.runtime += " " + m[1]
		}
		i.read(p, &k)
		break
	}
	return k
}

// script makes the argument of an interpreter a path: relative ones begin where
// the process was started, as far as it is still there.
func (p process) script(arg string) string {
	if arg == "" || arg == "-" {
		return ""
	}
	if filepath.IsAbs(arg) || p.cwd == "" {
		return filepath.Clean(arg)
	}
	return filepath.Join(p.cwd, arg)
}

// firstPlain is the first argument that is no option; takes are options whose
// value is the next argument.
func firstPlain(argv []string, takes ...string) (string, int) {
	for i := 1; i < len(argv); i++ {
		switch arg := argv[i]; {
		case arg == "--":
			if i+1 < len(argv) {
				return argv[i+1], i + 1
			}
		case strings.HasPrefix(arg, "-"):
			for _, t := range takes {
				if arg == t {
					i++
					break
				}
			}
		default:
			return arg, i
		}
	}
	return "", 0
}

func plainScript(takes ...string) func(process, *kind) {
	return func(p process, k *kind) {
		arg, _ := firstPlain(p.argv, takes...)
		k.script = p.script(arg)
	}
}

func shell(p process, k *kind) {
	for _, arg := range p.argv[min(1, len(p.argv)):] {
		if strings.HasPrefix(arg, "-") && strings.Contains(arg, "c") {
			return // the script is the argument itself
		}
		if !strings.HasPrefix(arg, "-") {
			k.script = p.script(arg)
			return
		}
	}
}

// servers are recognised by the name of their script, module or title.
func server(names []string, words ...string) string {
	for _, w := range words {
		first, _, _ := strings.Cut(w, " ") // of a title: "puma 5.6 (tcp://…)", "gunicorn: master"
		base := strings.TrimSuffix(strings.ToLower(filepath.Base(first)), ":")
		for _, name := range names {
			if base == name || base == name+".py" {
				return name
			}
		}
	}
	return ""
}

var pythonServers = []string{"gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "celery", "flask", "uwsgi", "twistd", "supervisord", "paster", "pserve", "airflow", "cherryd"}

func python(p process, k *kind) {
	if len(p.argv) == 1 && strings.Contains(p.argv[0], " ") { // a title: "gunicorn: master [bank]"
		k.framework = server(pythonServers, strings.TrimSpace(p.argv[0]))
		return
	}
	for i, arg := range p.argv {
		if arg == "-m" && i+1 < len(p.argv) {
			k.framework = server(pythonServers, p.argv[i+1])
			return
		}
		if arg == "-c" {
			return
		}
		if i > 0 && !strings.HasPrefix(arg, "-") {
			break
		}
	}
	arg, _ := firstPlain(p.argv, "-W", "-X", "-Q")
	k.script = p.script(arg)
	k.framework = server(pythonServers, arg)
	if k.framework == "" && filepath.Base(arg) == "manage.py" {
		k.framework = "django"
	}
}

func ruby(p process, k *kind) {
	names := []string{"puma", "unicorn", "unicorn_rails", "thin", "sidekiq", "passenger", "rails", "rackup", "resque"}
	if len(p.argv) > 0 && server(names, p.argv[0]) != "" { // a title: "puma 5.6 (tcp://…) [bank]"
		k.framework = server(names, p.argv[0])
		return
	}
	arg, _ := firstPlain(p.argv, "-I", "-r", "-C", "-e")
	k.script, k.framework = p.script(arg), server(names, arg)
}

func perl(p process, k *kind) {
	names := []string{"starman", "plackup", "hypnotoad", "twiggy", "spamd", "munin-node"}
	if len(p.argv) > 0 && server(names, p.argv[0]) != "" {
		k.framework = server(names, p.argv[0])
		return
	}
	arg, _ := firstPlain(p.argv, "-I", "-e")
	k.script, k.framework = p.script(arg), server(names, arg)
}

func node(p process, k *kind) {
	if len(p.argv) > 0 && strings.HasPrefix(p.argv[0], "PM2 ") {
		k.framework = "pm2"
		return
	}
	arg, at := firstPlain(p.argv, "-r", "--require", "--import", "--loader", "-e", "--eval", "-p")
	k.script = p.script(arg)
	if at > 1 {
		clean, _ := scan.Arguments(p.argv)
		k.options = clean[1:at]
	}
}

func erlang(p process, k *kind) {
	for i, arg := range p.argv {
		if arg == "-root" && i+1 < len(p.argv) {
			k.runtime = "erlang " + strings.TrimPrefix(filepath.Base(filepath.Dir(filepath.Dir(p.exe))), "erts-")
		}
		switch {
		case strings.Contains(arg, "rabbit"):
			k.framework = "rabbitmq"
		case strings.Contains(arg, "ejabberd"):
			k.framework = "ejabberd"
		case strings.Contains(arg, "couch"):
			k.framework = "couchdb"
		}
	}
}
