package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/lab/app/bank"
)

func TestTheServiceReadsWhatIsInstalled(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"api.conf": apiConf, "limits.conf": limitsConf, "db.conf": dbConf()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := bank.Load(true, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":8080" || !strings.HasPrefix(c.LogFile, logDir+"/") || c.SessionDir != sessionDir ||
		c.DatabaseHost == "" || len(c.DBPassword) < 20 || len(c.APIKey) < 20 || c.DBPassword == c.APIKey {
		t.Errorf("%+v, or secrets that are too short or alike", c)
	}
	if one, another := dbConf(), dbConf(); one == another {
		t.Error("two machines have the same secrets")
	}
}

func TestUserOf(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	passwd := "root:x:0:0:root:/root:/bin/sh\nroyal-bank-2:x:997:996::/:/x\nroyal-bank:x:998:999::/:/x\nbroken\n"
	if err := os.WriteFile(filepath.Join(root, "etc/passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := userOf(root, "royal-bank"); err != nil || got != (user{998, 999}) {
		t.Errorf("royal-bank is %+v, %v", got, err)
	}
	for _, name := range []string{"vimes", "broken", ""} {
		if got, err := userOf(root, name); err == nil {
			t.Errorf("%q is %+v", name, got)
		}
	}
}

func TestOwnedDirKeepsParentsOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var/lib/x/sessions")
	if err := ownedDir(dir, user{os.Getuid(), os.Getgid()}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o750, filepath.Dir(dir): 0o755} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}
