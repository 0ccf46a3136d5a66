package apt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestMissingNamesWhatIsNotInstalled(t *testing.T) {
	got := Missing(t.Context(), "dpkg", "no-such-package-anywhere")
	if len(got) != 1 || got[0] != "no-such-package-anywhere" {
		t.Errorf("Missing = %q, want only the package that does not exist", got)
	}
}

func TestInstallDoesNothingForWhatIsThere(t *testing.T) {
	t.Setenv("PATH", onlyDpkgQuery(t)) // apt-get cannot be found
	if err := Install(t.Context(), "dpkg"); err != nil {
		t.Error(err)
	}
}

func TestServicesAreKeptDownAndThePolicyIsPutBack(t *testing.T) {
	for name, before := range map[string]string{"without a policy": "", "with a policy of the host": "#!/bin/sh\nexit 0\n"} {
		t.Run(name, func(t *testing.T) {
			policy := filepath.Join(t.TempDir(), "policy-rc.d")
			if before != "" {
				if err := os.WriteFile(policy, []byte(before), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			restore, err := keepServicesDown(policy)
			if err != nil {
				t.Fatal(err)
			}
			if before != "" { // this run is killed, and the next one must still know the host's file
				if restore, err = keepServicesDown(policy); err != nil {
					t.Fatal(err)
				}
			}
			info, err := os.Stat(policy)
			text, _ := os.ReadFile(policy)
			if err != nil || info.Mode()&0o111 == 0 || string(text) != "#!/bin/sh\nexit 101\n" {
				t.Errorf("while installing: %q, %v", text, err)
			}
			restore()
			text, err = os.ReadFile(policy)
			if before == "" && !errors.Is(err, fs.ErrNotExist) || string(text) != before {
				t.Errorf("afterwards: %q, %v; want %q", text, err, before)
			}
		})
	}
}

func onlyDpkgQuery(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Symlink("/usr/bin/dpkg-query", filepath.Join(dir, "dpkg-query")); err != nil {
		t.Fatal(err)
	}
	return dir
}
