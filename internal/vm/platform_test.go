package vm

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

func TestPlatform(t *testing.T) {
	for out, want := range map[string]string{
		"Linux x86_64\n":                          "amd64",
		"Linux aarch64\n":                         "arm64",
		"* All use is watched *\nLinux armv7l\n":  "arm",
		"Linux ppc64le\r\n":                       "ppc64le",
		"Linux s390x\nMail for vimes: 3 letters.": "s390x",
	} {
		if p, err := readPlatform(out, ""); err != nil || p != (platform{"Linux", want}) {
			t.Errorf("%q: %v, %v", out, p, err)
		}
	}
	for _, c := range []struct{ out, said, want string }{
		{"", "'uname' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", "it is Windows: facts are taken on Linux"},
		{"", "+ CategoryInfo : ObjectNotFound: (uname:String) [], CommandNotFoundException", "it is Windows: facts are taken on Linux"},
		{"FreeBSD amd64\n", "", "it is FreeBSD: facts are taken on Linux"},
		{"Darwin arm64\n", "", "it is Darwin: facts are taken on Linux"},
		{"SunOS i86pc\n", "", "it is SunOS: facts are taken on Linux"},
		{"CYGWIN_NT-10.0 x86_64\n", "", "it is CYGWIN_NT-10.0: facts are taken on Linux"},
	} {
		if _, err := readPlatform(c.out, c.said); !errors.Is(err, ErrPlatform) || err.Error() != c.want {
			t.Errorf("%q%q: %v", c.out, c.said, err)
		}
	}
	if _, err := readPlatform("Linux m68k\n", ""); !errors.Is(err, ErrAgent) || !strings.Contains(err.Error(), "m68k") {
		t.Errorf("an architecture without agent: %v", err)
	}
	if _, err := readPlatform("This account is currently not available.\n", ""); err == nil || errors.Is(err, ErrPlatform) || !strings.Contains(err.Error(), "not available") {
		t.Errorf("no shell: %v", err)
	}
}

func FuzzPlatform(f *testing.F) {
	f.Add("Linux x86_64\n", "")
	f.Add("", "'uname' is not recognized as an internal or external command")
	f.Fuzz(func(t *testing.T, out, said string) {
		if p, err := readPlatform(out, said); err == nil && (p.system != "Linux" || elfMachines[p.arch] == 0) {
			t.Errorf("%q, %q is %v", out, said, p)
		}
	})
}

// Whatever a machine says, it is facts, an error, or the end of what it says.
func FuzzConverse(f *testing.F) {
	const token = "rehome-0123"
	f.Add("motd\n" + token + " send /tmp/.x\n" + token + " ready\nnoise\n{\"samples\":1}\n{\"facts\":{\"target\":{}}}\n")
	f.Add(token + " nowhere\n")
	f.Add(token + " short\n")
	f.Add(token + " ready\n{\"err\":\"password=hunter2-hunter2\"}\n")
	f.Fuzz(func(t *testing.T, said string) {
		var facts *inventory.Facts
		p := errand{
			carrier: carrier{token: token}, agent: binary{data: []byte("agent")}, request: []byte("{}\n"), stdin: &input{w: discard{}},
			hear: func(lines *bufio.Reader) (err error) {
				facts, err = events(lines, func(inventory.Event) {})
				return err
			},
		}
		err := p.converse(strings.NewReader(said))
		if (facts == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", said, facts, err)
		}
	})
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }
