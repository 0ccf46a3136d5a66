package program

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecognise(t *testing.T) {
	for _, tt := range []struct{ exe, line, want string }{
		{"/usr/lib/jvm/java-17/bin/java", "java -Xmx512m -Dbank.password=CANARY -cp /a:/b org.apache.catalina.startup.Bootstrap start",
			"Java|java|tomcat||-Xmx512m -Dbank.password=[redacted: argument] -cp /a:/b"},
		{"/usr/bin/java", "java -Xms1g -jar bank.jar --server.port=8080", "Java|java||/srv/bank.jar|-Xms1g"},
		{"/usr/bin/java", "java -jar /opt/jetty/start.jar jetty.base=/srv", "Java|java|jetty|/opt/jetty/start.jar|"},
		{"/usr/bin/java", "java -jar /opt/wildfly/jboss-modules.jar", "Java|java|wildfly|/opt/wildfly/jboss-modules.jar|"},
		{"/usr/bin/python3.11", "/usr/bin/python3 /usr/bin/gunicorn -w 4 bank:app", "Python|python 3.11|gunicorn|/usr/bin/gunicorn|"},
		{"/usr/bin/python3.11", "gunicorn:\x20master\x20[bank]", "Python|python 3.11|gunicorn||"},
		{"/usr/bin/python3.11", "python3 -u manage.py runserver", "Python|python 3.11|django|/srv/manage.py|"},
		{"/usr/bin/python3.11", "python3 -m flask run", "Python|python 3.11|flask||"},
		{"/usr/bin/python3.11", "python3 -c print(1)", "Python|python 3.11|||"},
		{"/usr/sbin/php-fpm8.2", "php-fpm:\x20master\x20process", "PHP|php 8.2|php-fpm||"},
		{"/usr/bin/php8.2", "php -d x=1 worker.php", "PHP|php 8.2||/srv/worker.php|"},
		{"/usr/bin/node", "node --max-old-space-size=512 server.js", "JavaScript|node||/srv/server.js|--max-old-space-size=512"},
		{"/usr/bin/ruby3.1", "puma\x205.6.5\x20(tcp://0.0.0.0:9292)\x20[bank]", "Ruby|ruby 3.1|puma||"},
		{"/usr/bin/ruby3.1", "ruby bin/unicorn -c x", "Ruby|ruby 3.1|unicorn|/srv/bin/unicorn|"},
		{"/usr/bin/perl", "/usr/bin/perl -w /usr/bin/starman app.psgi", "Perl|perl|starman|/usr/bin/starman|"},
		{"/usr/bin/dotnet", "dotnet Bank.dll", ".NET|dotnet||/srv/Bank.dll|"},
		{"/usr/lib/erlang/erts-13.1.5/bin/beam.smp", "beam.smp -- -root /usr/lib/erlang -s rabbit boot", "Erlang|erlang 13.1.5|rabbitmq||"},
		{"/usr/bin/dash", "/bin/sh /etc/init.d/bank start", "Shell|||/etc/init.d/bank|"},
		{"/usr/bin/dash", "sh -c exec\x20x", "Shell||||"},
		{"/usr/sbin/nginx", "nginx:\x20master\x20process", "||||"},
	} {
		argv := strings.Split(tt.line, " ")
		if strings.Contains(tt.line, ":\x20") || strings.HasPrefix(tt.line, "puma") {
			argv = []string{tt.line} // a title
		}
		k := recognise(process{exe: tt.exe, argv: argv, cwd: "/srv"})
		got := strings.Join([]string{k.language, k.runtime, k.framework, k.script, strings.Join(k.options, " ")}, "|")
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.line, got, tt.want)
		}
	}
}

// set is a set of mapped libraries.
func set(paths ...string) map[string]bool {
	m := map[string]bool{}
	for _, p := range paths {
		m[p] = true
	}
	return m
}

func TestGuests(t *testing.T) {
	c := header{language: "C"}
	for _, tt := range []struct {
		framework string
		mapped    map[string]bool
		want      string
	}{
		{"", set("/usr/lib/apache2/modules/libphp8.2.so"), "PHP|php 8.2|mod_php"},
		{"", set("/usr/lib/apache2/modules/mod_wsgi.so", "/usr/lib/libpython3.11.so.1.0"), "Python|python 3.11|mod_wsgi"},
		{"uwsgi", set("/usr/lib/uwsgi/plugins/python311_plugin.so", "/usr/lib/libpython3.11.so.1.0"), "Python|python 3.11|uwsgi"},
		{"", set("/usr/lib/jvm/lib/server/libjvm.so"), "Java|java|"},
		{"", set("/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so"), ".NET|dotnet 8.0.1|"},
		{"", set("/usr/lib/libpython3.11.so.1.0", "/usr/lib/libc.so.6"), "C||"}, // a database with a scripting language
		{"", set("/usr/lib/libc.so.6"), "C||"},
	} {
		k := kind{framework: tt.framework}
		k.complete(process{}, c, tt.mapped)
		if got := k.language + "|" + k.runtime + "|" + k.framework; got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.mapped, got, tt.want)
		}
	}
}

// tree makes files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWhatLiesBesideAScript(t *testing.T) {
	root := tree(t, map[string]string{
		"jdk/release":             "IMPLEMENTOR=x\nJAVA_VERSION=\"17.0.9\"\n",
		"srv/app/package.json":    `{"dependencies":{"left-pad":"1","express":"^4"}}`,
		"srv/venv/pyvenv.cfg":     "home = /usr/bin\n",
		"srv/broken/package.json": "{",
		"srv/venv/lib/python3.11/site-packages/django/__init__.py": "",
	})
	archive, err := os.Create(filepath.Join(root, "srv/bank.jar"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(archive)
	z.Create("META-INF/MANIFEST.MF")
	z.Create("org/springframework/boot/loader/Launcher.class")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	archive.Close()
	for _, tt := range []struct {
		p    process
		want string
	}{
		{process{exe: "/jdk/bin/java", argv: []string{"java", "-jar", "/srv/bank.jar"}}, "java 17.0.9|spring-boot"},
		{process{exe: "/usr/bin/node", argv: []string{"node", "/srv/app/src/deep/server.js"}}, "node|express"},
		{process{exe: "/usr/bin/node", argv: []string{"node", "/srv/broken/server.js"}}, "node|"},
		{process{exe: "/usr/bin/python3.11", argv: []string{"/srv/venv/bin/python", "/srv/venv/bin/gunicorn"}}, "python 3.11|gunicorn, django"},
		{process{exe: "/usr/bin/python3.11", argv: []string{"/usr/bin/python3", "/usr/bin/gunicorn"}}, "python 3.11|gunicorn"},
	} {
		tt.p.root = root
		k := recognise(tt.p)
		k.complete(tt.p, header{}, nil)
		if got := k.runtime + "|" + k.framework; got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.p.argv, got, tt.want)
		}
	}
}

func TestGoFramework(t *testing.T) {
	if got := goFramework([]string{"example.com/x", "github.com/labstack/echo/v4"}); got != "echo" {
		t.Errorf("got %q", got)
	}
	if got := goFramework([]string{"github.com/labstack/echoing"}); got != "" {
		t.Errorf("got %q", got)
	}
}

func FuzzRecognise(f *testing.F) {
	for _, i := range interpreters {
		f.Add(strings.Trim(i.name.String(), "^$"), "-jar\x00x")
	}
	f.Add("java", "-Dx.password=CANARY")
	f.Fuzz(func(t *testing.T, exe, line string) {
		k := recognise(process{exe: "/bin/" + exe, argv: strings.Split(line, "\x00"), cwd: "/"})
		k.complete(process{exe: exe, root: "/nonexistent"}, header{}, nil)
		_ = fmt.Sprint(k)
	})
}
