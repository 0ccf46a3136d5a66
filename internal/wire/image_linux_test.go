package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// elsewhere is a find that takes the little disk beside it for the machine's whole.
const elsewhere = `#!/bin/sh
test "$1" = / || exit 98
shift
exec /usr/bin/find "$(dirname "$0")/disk/" "$@"
`

// A machine's disks are measured over ssh: by its real shell, awk and packages, and
// nothing is written there.
func TestAMachinesDisksAreMeasuredOverSSH(t *testing.T) {
	bin := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		at := filepath.Join(bin, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if err == nil {
			err = os.WriteFile(at, []byte(text), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("find", elsewhere, 0o755)
	write("disk/usr/bin/dpkg", "a package's", 0o755)
	write("disk/usr/bin/sh", "a package's, listed without /usr", 0o755)
	write("disk/opt/bank/run", "12345", 0o755)
	write("disk/opt/bank/gold mine", "12", 0o644)
	server := sshdtest.Start(t, sshdtest.WithConfig("SetEnv PATH="+bin+":/usr/bin:/bin"))
	settings := MachineSettings{Identity: server.Key, KnownHosts: []string{server.KnownHosts}, Getenv: func(string) string { return "" }}
	machine, err := MachineFiles(settings, server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := machine.Rest(t.Context()); err != nil || got != (image.Rest{Bytes: 7, Files: 2}) {
		t.Errorf("%+v, %v", got, err)
	}
	var names []string
	err = filepath.WalkDir(bin, func(at string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(at, bin+"/"))
		}
		return err
	})
	if err != nil || len(names) != 5 {
		t.Errorf("on the machine there is %q, %v", names, err)
	}
	write("find", "#!/bin/sh\necho 'find: unrecognized: -printf' >&2\nexit 1\n", 0o755)
	if got, err := machine.Rest(t.Context()); err == nil || !strings.Contains(err.Error(), "unrecognized: -printf") {
		t.Errorf("a find that is not GNU's: %+v, %v", got, err)
	}
	write("find", strings.Replace(elsewhere, "shift\n", "case $* in *prune*) exit 124;; esac; shift\n", 1), 0o755)
	if got, err := machine.Rest(t.Context()); err != nil || !got.Least {
		t.Errorf("out of time: %+v, %v", got, err)
	}
	stranger := settings
	stranger.KnownHosts = []string{sshdtest.Start(t).KnownHosts}
	if machine, err = MachineFiles(stranger, server.URL()); err != nil {
		t.Fatal(err)
	}
	if got, err := machine.Rest(t.Context()); err == nil {
		t.Errorf("an unknown machine was measured: %+v", got)
	}
}
