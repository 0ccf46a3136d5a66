package files

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rehome.dev/rehome/internal/collect/scope"
)

// A machine with rpm: its database is there, and a program that answers as rpm does.
func TestFilesOfPackagesOfRPM(t *testing.T) {
	root, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"var/lib/rpm", "etc/httpd", "srv"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"etc/httpd/httpd.conf": "Listen 8080\n", "etc/httpd/a b.conf": "kept\n", "srv/book": "mine\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	answer := fmt.Sprintf(`#!/bin/sh
case "$*" in
*--dump*httpd) printf '/etc/httpd/httpd.conf 12 1700000000 %%s 0100644 root root 1 0 0 X\n' %x
               printf '/etc/httpd/a b.conf 5 1700000000 %%s 0100644 root root 1 0 0 X\n' %x ;;
*--file*) for f; do case "$f" in
	/etc/*) echo httpd 2.4.57-5.el9 ;;
	/srv/*) echo "file $f is not owned by any package" ;;
	esac; done; exit 1 ;;
esac
`, sha256.Sum256([]byte("Listen 80\n")), sha256.Sum256([]byte("kept\n")))
	if err := os.WriteFile(filepath.Join(bin, "rpm"), []byte(answer), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	all := []*use{
		{path: "/etc/httpd/httpd.conf", kind: regular}, {path: "/etc/httpd/a b.conf", kind: regular},
		{path: "/srv/book", kind: regular}, {path: "/etc/httpd/none", kind: regular},
	}
	s := &scope.Scope{Proc: t.TempDir(), Root: root, Gaps: &scope.Gaps{}}
	New().own(t.Context(), s, all)
	for i, want := range []struct {
		pkg    string
		edited bool
	}{{"httpd 2.4.57-5.el9", true}, {"httpd 2.4.57-5.el9", false}, {"", false}, {"", false}} {
		if all[i].pkg != want.pkg || all[i].edited != want.edited {
			t.Errorf("%s: package %q, edited %t; want %+v", all[i].path, all[i].pkg, all[i].edited, want)
		}
	}
	// One that says something else is not believed.
	if err := os.WriteFile(filepath.Join(bin, "rpm"), []byte("#!/bin/sh\necho one line\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	all[0].pkg, all[0].edited = "", false
	New().own(t.Context(), s, all[:2])
	if all[0].pkg != "" || all[0].edited {
		t.Errorf("%+v", all[0])
	}
}
