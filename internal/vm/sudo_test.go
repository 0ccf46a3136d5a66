package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// A sudo that knows one password, where the test lets it want one, and an id of
// somebody who is not root.
const (
	fakeSudo = `#!/bin/sh
while [ "$#" -gt 0 ]; do
  case "$1" in
    -n) quiet=1; shift;;
    -S) shift;;
    -p) prompt=$2; shift 2;;
    --) shift; break;;
    *) exit 99;;
  esac
done
here=$(dirname "$0")
if [ -e "$here/wants" ]; then
  if [ "$quiet" ]; then echo "sudo: a password is required" >&2; exit 1; fi
  for i in 1 2 3; do
    printf %s "$prompt" >&2
    IFS= read -r given || { echo "sudo: no password was provided" >&2; exit 1; }
    if [ "$given" = si-non-confectus-canary ]; then ok=1; break; fi
    echo "Sorry, try again." >&2
  done
  if [ ! "$ok" ]; then echo "sudo: 3 incorrect password attempts" >&2; exit 1; fi
fi
echo ran >>"$here/ran"
exec "$@"
`
	fakeID = "#!/bin/sh\necho 1000\n"
)

func TestSudo(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("sudo", fakeSudo)
	write("id", fakeID)
	server := sshdtest.Start(t, sshdtest.WithConfig("SetEnv PATH="+bin+":/usr/bin:/bin"))
	s, r := settingsFor(t, server), reachOf(t, server.URL())
	ran := func() int {
		b, _ := os.ReadFile(filepath.Join(bin, "ran"))
		return strings.Count(string(b), "ran")
	}
	if v := take(t, s, r, "good"); v.Err != nil || ran() != 0 {
		t.Fatalf("nobody asked for sudo: %v, ran %d times", v.Err, ran())
	}
	s.Sudo = true
	if v := take(t, s, r, "good"); v.Err != nil || ran() != 1 {
		t.Fatalf("sudo that wants nothing: %v, ran %d times", v.Err, ran())
	}
	person := &answers{}
	s.Ask = person.ask
	if v := take(t, s, r, "large"); v.Err != nil || ran() != 2 || len(person.asked) != 0 {
		t.Fatalf("sudo that wants nothing of somebody who could be asked: %v, ran %d times, asked %v", v.Err, ran(), person.asked)
	}
	write("wants", "")
	for _, c := range []struct {
		name  string
		give  []string
		asked int
		fails string
	}{
		{"at once", []string{password}, 1, ""},
		{"at the third try", []string{"a", "b", password}, 3, ""},
		{"never", []string{"a-canary", "b-canary", "c-canary"}, 3, "3 incorrect password attempts"},
		{"nobody answers", nil, 1, "nobody answers"},
	} {
		before := ran()
		person := &answers{give: c.give}
		s.Ask = person.ask
		v := take(t, s, r, "good")
		if (v.Err == nil) != (c.fails == "") || v.Err != nil && !strings.Contains(v.Err.Error(), c.fails) || len(person.asked) != c.asked {
			t.Errorf("%s: %v, asked %v", c.name, v.Err, person.asked)
		}
		if (ran() > before) != (c.fails == "") || v.Err != nil && strings.Contains(Why(v.Err), "canary") {
			t.Errorf("%s: ran %d times, %v", c.name, ran()-before, v.Err)
		}
	}
	s.Ask = nil
	if v := take(t, s, r, "good"); v.Err == nil || !strings.Contains(Why(v.Err), "asked for on a terminal") {
		t.Errorf("nobody to ask: %v", v.Err)
	}
	write("id", "#!/bin/sh\necho 0\n")
	before := ran()
	if v := take(t, s, r, "good"); v.Err != nil || ran() != before {
		t.Errorf("root needs no sudo: %v, ran %d times", v.Err, ran()-before)
	}
	if left, _ := filepath.Glob(filepath.Join(server.Dir, ".rehome-*")); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
}
