package legacy

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every ip command but `ip netns add` must name a namespace: one without would
// change the root namespace, and with it the host's own network. A name that began
// as the lab's do would be removed with the lab.
func TestNothingIsDoneInTheRootNamespace(t *testing.T) {
	for _, argv := range networkCommands() {
		line := strings.Join(argv, " ")
		inside := strings.HasPrefix(line, "ip -n legacy-") || strings.HasPrefix(line, "nsenter --net=/run/netns/legacy-")
		if !inside && !strings.HasPrefix(line, "ip netns add legacy-") {
			t.Errorf("runs in the root namespace, or in the lab's: %s", line)
		}
		if strings.Contains(line, " route ") {
			t.Errorf("a way out: %s", line)
		}
	}
}

func TestSecretsArePlantedAndNoTwoMachinesHaveTheSame(t *testing.T) {
	root, file := t.TempDir(), filepath.Join(t.TempDir(), "canaries.json")
	one, err := makeCanaries(file)
	if err != nil {
		t.Fatal(err)
	}
	another, err := makeCanaries(filepath.Join(t.TempDir(), "canaries.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := installFiles(root, one); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := placeholder.FindString(all.String()); left != "" {
		t.Errorf("%s is left in the files", left)
	}
	for name, secret := range one {
		if len(secret) < 20 || secret == another[name] || !strings.Contains(all.String(), secret) {
			t.Errorf("the secret %s is too short, that of another machine, or not planted", name)
		}
	}
	if len(one) < 15 {
		t.Errorf("only %d secrets", len(one))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the list of secrets: %v, %v", info.Mode(), err)
	}
}

func TestAScriptIsAProgramAndNothingElseIs(t *testing.T) {
	root := t.TempDir()
	if err := installFiles(root, canaries{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{"etc/init.d/clacks": 0o755, "etc/systemd/system/forker.service": 0o644} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	if got := quoted([]string{"nginx", "a b", "it's"}); got != `'nginx' 'a b' 'it'\''s'` {
		t.Error(got)
	}
}
