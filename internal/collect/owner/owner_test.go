package owner

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machine makes a root directory with these files.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDpkg(t *testing.T) {
	root := machine(t, map[string]string{
		"var/lib/dpkg/info/nginx.list":     "/.\n/etc/nginx\n/etc/nginx/nginx.conf\n/usr/sbin/nginx\n",
		"var/lib/dpkg/info/libc6:a64.list": "/lib/libc.so.6\n",
		"var/lib/dpkg/info/bank.list":      "/opt/a b/bank\n",
		"var/lib/dpkg/status": "Package: bank\nStatus: ok\n\nPackage: nginx\nConffiles:\n /etc/nginx/nginx.conf abc\n /etc/x def obsolete\n" +
			"Version: 1.22\nDescription: a\n /etc/y ghi\n\nPackage: libc6\nVersion: 2.36-9\n\nPackage: other\nVersion: 3\nConffiles:\n /etc/z jkl\n",
	})
	got, err := Of(t.Context(), root, []string{"/usr/sbin/nginx", "/etc/nginx/nginx.conf", "/usr/lib/libc.so.6", "/opt/a b/bank", "/etc/z", "/etc/nginx/nginx.con"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"/usr/sbin/nginx": "nginx 1.22", "/etc/nginx/nginx.conf": "nginx 1.22", "/usr/lib/libc.so.6": "libc6 2.36-9", "/opt/a b/bank": "bank"}
	if len(got.Package) != len(want) {
		t.Errorf("owners %v", got.Package)
	}
	for path, name := range want {
		if got.Package[path] != name {
			t.Errorf("%s belongs to %q, want %q", path, got.Package[path], name)
		}
	}
	if len(got.Settings) != 1 || got.Settings["/etc/nginx/nginx.conf"] != "abc" {
		t.Errorf("settings %v", got.Settings)
	}
}

// The records of this machine, which nobody wrote for a test.
func TestDpkgOfThisMachine(t *testing.T) {
	got, err := Of(t.Context(), "/", []string{"/usr/bin/dpkg", "/etc/debian_version", "/usr/bin/nobody-made-this"})
	if err != nil || !strings.HasPrefix(got.Package["/usr/bin/dpkg"], "dpkg 1.") || !strings.HasPrefix(got.Package["/etc/debian_version"], "base-files ") ||
		len(got.Package) != 2 || got.Settings["/etc/debian_version"] == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoRecords(t *testing.T) {
	if _, err := Of(t.Context(), t.TempDir(), []string{"/bin/x"}); !errors.Is(err, ErrNone) {
		t.Errorf("a machine without records: %v", err)
	}
	root := machine(t, map[string]string{"var/lib/dpkg/status": "Package: x\n"})
	if _, err := Of(t.Context(), root, []string{"/bin/x"}); err == nil {
		t.Error("dpkg without lists is believed")
	}
}

func TestRPM(t *testing.T) {
	root, bin := machine(t, map[string]string{"var/lib/rpm/x": "", "usr/sbin/httpd": ""}), t.TempDir()
	say := func(script string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, "rpm"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	say("for f; do last=$f; done\n[ \"$last\" = /usr/sbin/httpd ] && echo httpd 2.4.57-5.el9\n")
	got, err := Of(t.Context(), root, []string{"/usr/sbin/httpd", "/usr/sbin/none"})
	if err != nil || len(got.Package) != 1 || got.Package["/usr/sbin/httpd"] != "httpd 2.4.57-5.el9" {
		t.Errorf("%+v, %v", got, err)
	}
	say("echo one line\necho and another\n")
	if got, err := Of(t.Context(), root, []string{"/usr/sbin/httpd"}); err == nil {
		t.Errorf("an answer that is none is believed: %+v", got)
	}
}

func FuzzDump(f *testing.F) {
	f.Add([]byte("/etc/a b 1 2 0123456789abcdef0123456789abcdef 0100644 root root 1 0 0 X\n\n x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for path, sum := range dumped(data) {
			if sum == "" {
				t.Errorf("%q has no checksum", path)
			}
		}
	})
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte("Package: nginx\nVersion: 1\nConffiles:\n /etc/nginx/nginx.conf abc\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "status")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r := records{owners: map[string]string{}, versions: map[string]string{"nginx": ""}, settings: map[string]string{}}
		_ = r.status(name)
		if len(r.versions) != 1 {
			t.Errorf("versions of packages that nobody asked for: %v", r.versions)
		}
	})
}
