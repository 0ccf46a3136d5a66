package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/wire"
)

// scan runs the command in this process.
func scan(t *testing.T, stdin string, args ...string) (int, string) {
	t.Helper()
	var out strings.Builder
	code := cli.Run(t.Context(), cli.Program{
		Args: append([]string{"scan"}, args...), Name: "rehome", Stdout: &out, Stderr: &out, Stdin: strings.NewReader(stdin),
		Getenv: func(string) string { return "" }, Zone: time.UTC, Registry: wire.Standard(), Width: 100,
	})
	return code, out.String()
}

// planted are files of many formats, each with a value that is a canary.
func planted(value func(n int) string) map[string]string {
	token := func(n int) string { return "ghp_" + strings.Repeat(value(n), 4)[:36] }
	return map[string]string{
		"a.ini":              "[db]\npassword = " + value(1) + "\n",
		"b.yaml":             "db: {password: \"" + value(2) + "\"}\n",
		"c.json":             `{"db":{"password":"` + value(3) + `","url":"postgres://a:` + value(4) + `@db/x"}}`,
		"d.xml":              "<c><password>" + value(5) + "</password></c>",
		"e.env":              "export API_TOKEN='" + value(6) + "'\n",
		"f.php":              "<?php define('DB_PASSWORD', '" + value(7) + "');",
		"g.md":               "call it with " + token(8) + " and be quick\n",
		"h.sh":               "curl -u admin:" + value(9) + " http://localhost/\nmysqldump -p" + value(10) + " bank\n",
		"pgpass":             "db:5432:bank:bank:" + value(11) + "\n",
		"i.conf":             "requirepass " + value(13) + "\n",
		"j.toml":             "[s]\nsecret = \"\"\"\n" + value(15) + "\n\"\"\"\n",
		"k.pem":              "-----BEGIN PRIVATE KEY-----\n" + value(16) + "\n-----END PRIVATE KEY-----\n",
		"broken.json":        `{"password": "` + value(17),
		"broken.yaml":        "a: [\npassword: " + value(18) + "\n\t- x: " + value(19) + "\n",
		"broken.xml":         "<a><password>" + value(20) + "</a>",
		token(21) + " x.csv": "",
		"keys.csv":           token(22) + "," + value(23) + "\n" + token(24) + " = " + token(25) + "\npassword: " + token(26) + "\n",
		"AKIA.conf":          "AKIA" + strings.Repeat("X7NQ2WZTKB3JHG5D", 1) + " password\n",
	}
}

// No byte of a value is in anything that is said, whatever the format and the file.
func TestScanTellsNoValue(t *testing.T) {
	canary := func(n int) string { return fmt.Sprintf("Cn%02dZq3vN8kXw1Tb6Yr0", n) }
	dir := t.TempDir()
	var all strings.Builder
	for name, text := range planted(canary) {
		all.WriteString(text + "\n")
		if strings.HasPrefix(name, "ghp_") {
			continue // a name is a name: it is said
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range []string{"text", "json", "yaml", "sarif"} {
		for _, args := range [][]string{{dir}, {"-"}, {"-", "--stdin-name", "x.yaml"}, {"-", "--stdin-name", "x.json"}, {"-", "--stdin-name", "x.xml"}, {"-", "--stdin-name", "x.properties"}, {"-", "--stdin-name", "x.md"}} {
			code, said := scan(t, all.String(), append(args, "-o", format)...)
			if code != int(cli.CodeBlocked) {
				t.Errorf("%v -o %s: exit code %d\n%s", args, format, code, said)
			}
			for _, secret := range []string{"Zq3vN8k", "Cn0", "Cn1", "Cn2", "AKIAX7NQ2"} {
				if i := strings.Index(said, secret); i >= 0 {
					t.Errorf("%v -o %s says a value: …%s", args, format, said[max(0, i-200):min(len(said), i+30)])
				}
			}
		}
	}
}

// Nobody who lists processes sees more than names and revisions.
func TestScanTellsGitNoValue(t *testing.T) {
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	log := filepath.Join(bin, "log")
	wrapper := "#!/bin/sh\necho \"$@\" >> " + log + "\nenv >> " + log + "\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PATH": bin + ":" + os.Getenv("PATH"), "HOME": dir, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "vimes", "GIT_AUTHOR_EMAIL": "v@watch.am", "GIT_COMMITTER_NAME": "vimes", "GIT_COMMITTER_EMAIL": "v@watch.am",
	} {
		t.Setenv(name, value)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "x"}} {
		if err := os.WriteFile(filepath.Join(dir, "a.ini"), []byte("password = CanaryZq3vN8kXw1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	if code, said := scan(t, "", "--git", "HEAD", dir); code != int(cli.CodeBlocked) || !strings.Contains(said, "a.ini") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	told, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(told), "cat-file --batch") {
		t.Errorf("git was not watched: %v", err)
	}
	if strings.Contains(string(told), "Canary") {
		t.Errorf("git was told a value:\n%s", told)
	}
}

// What this user may not read is named, and the rest is scanned. Root may read
// everything, so another user tries.
func TestScanUnreadable(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "rehome")
	b, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(program, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "conf")
	for name, mode := range map[string]os.FileMode{"a.ini": 0o644, "locked.ini": 0, "closed/b.ini": 0o644} {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("port = 80\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(work, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(work, "closed"), 0o755) })
	for _, path := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "scan", "conf")
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != int(cli.CodeError) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"rehome: error: conf/closed: read the directory: permission denied\n", "rehome: error: conf/locked.ini: open it: permission denied\n",
		"rehome: hint: this user must be able to read it", "no secret in 1 file (10 B)", "Could not be looked at: 2 paths",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
}

// Names of files are other people's: they do not speak to the terminal.
func TestScanNamesAreInert(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a\x1b[31m\nb.ini"), []byte("password = CanaryZq3vN8kXw1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, said := scan(t, "", dir)
	if strings.Contains(said, "\x1b") || !strings.Contains(said, `a\x1b[31m\nb.ini"`) {
		t.Errorf("got %q", said)
	}
}

// Somebody who waits for a standard input that does not end can stop.
func TestScanStops(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	stop := make(chan os.Signal, 1)
	stop <- os.Interrupt
	var said strings.Builder
	code := cli.Run(t.Context(), cli.Program{
		Args: []string{"scan", "-"}, Name: "rehome", Stdout: &said, Stderr: &said, Stdin: r, Stop: stop,
		Getenv: func(string) string { return "" }, Zone: time.UTC, Registry: wire.Standard(),
	})
	if code != int(cli.CodeError) || !strings.Contains(said.String(), "stopped by a person") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}
