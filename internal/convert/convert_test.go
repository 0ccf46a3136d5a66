package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/tree"
)

const canary = "Grimble-Thrace-7741"

var bank = map[string]string{
	"bank.ini":                "[server]\nport = 8080\n",
	"db.ini":                  "[database]\nhost = db\npassword = " + canary + "\n",
	".hidden":                 "shown = no\n",
	"empty.conf":              "",
	"conf.d/10-log.conf":      "level = info\n",
	"conf.d/a/b/c/deep.conf":  "deep = 1\n",
	"logo.bin":                "\x00\x01\xff\xfe",
	"with space.conf":         "a = 1\n",
	"line\nbreak.conf":        "b = 2\n",
	"conf.d_10-log.conf":      "clash = 1\n",
	"ümlaut.conf":             "c = 3\n",
	"sites-available/default": "listen 80\n",
	"sites-enabled/default -> ../sites-available/default":      "",
	"sites-enabled/again -> /etc/bank/sites-available/default": "",
	"current -> conf.d":         "",
	"key.pem\t600 bank:bank":    "opaque",
	"group.conf\t640 root:bank": "d = 4\n",
	"run.sh\t4755":              "#!/bin/sh\n",
	"spool/":                    "",
}

// What the pod finds is what the machine has, under the same paths.
func TestRoundTrip(t *testing.T) {
	want := grow(bank)
	p := Make(want, options())
	same(t, want, p)
	for at, placement := range map[string]Placement{
		"bank.ini": InConfigMap, "db.ini": InSecret, "key.pem": InSecret, "group.conf": InConfigMap, "logo.bin": InConfigMap,
		"sites-enabled/default": InConfigMap, "current/a/b/c/deep.conf": InConfigMap,
	} {
		if got := file(t, p, at); got.Placement != placement {
			t.Errorf("%s is placed in %s: %v", at, got.Placement, codes(got))
		}
	}
	if got := file(t, p, "db.ini"); got.Reasons[0].Line != 3 || got.Reasons[0].KeyPath != "database.password" || got.Reasons[0].Code != CodeSecret {
		t.Errorf("db.ini: %+v", got.Reasons)
	}
	if a, b := file(t, p, "sites-enabled/default"), file(t, p, "sites-available/default"); a.Key != b.Key || a.Object != b.Object || !slices.Contains(codes(a), CodeLink) {
		t.Errorf("a link has a content of its own: %+v %+v", a, b)
	}
	for _, code := range []string{CodeOwner, CodeMode, CodeGroupRead, CodeEmptyDir, CodeLinkKept} {
		if _, ok := warned(p, code); !ok {
			t.Errorf("no warning %s", code)
		}
	}
	if !p.FSGroup || file(t, p, "key.pem").Mode != "0640" || file(t, p, "run.sh").Mode != "0755" {
		t.Errorf("fsGroup %v, key.pem %s, run.sh %s", p.FSGroup, file(t, p, "key.pem").Mode, file(t, p, "run.sh").Mode)
	}
}

// No byte of a secret is anywhere but in the data of a Secret.
func TestNothingShows(t *testing.T) {
	p := Make(grow(bank), options())
	for _, o := range p.Objects {
		for key, v := range o.Data {
			if o.Kind == ConfigMap && bytes.Contains(v, []byte(canary)) {
				t.Errorf("ConfigMap %s, key %s", o.Name, key)
			}
		}
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	all := string(b) + fmt.Sprintf("%v %+v %#v %s %x", p, p, p, p.Objects, p.Objects)
	if strings.Contains(all, canary) {
		t.Error("the plan shows the canary when it is written or printed")
	}
}

// The same tree gives the same plan; another content gives other names, and of a
// Secret nobody can compute the name as fast as a hash.
func TestNames(t *testing.T) {
	name := func(o Options, content string) string {
		return Make(grow(map[string]string{"db.ini": "password = " + content + "\n"}), o).Objects[0].Name
	}
	a := name(options(), canary)
	if b := name(options(), canary); a != b {
		t.Errorf("%s, then %s", a, b)
	}
	if b := name(options(), canary+"x"); a == b || !strings.HasPrefix(a, "bank-secret-") {
		t.Errorf("%s for two contents", a)
	}
	staging := options()
	staging.Namespace = "royal-staging"
	if b := name(staging, canary); a != b {
		t.Errorf("%s, in staging %s", a, b)
	}
	keyed, other := options(), options()
	keyed.NameKey, other.Name = []byte("organisation"), "mint"
	if b := name(keyed, canary); a == b {
		t.Error("the key of the names is not used")
	}
	if b := name(other, canary); strings.TrimPrefix(b, "mint") == strings.TrimPrefix(a, "bank") {
		t.Error("two applications share their guesses")
	}
	if cost := options(); cost.NameCost != 0 {
		cost.NameCost = 0
		if b := name(cost, canary); a == b {
			t.Error("unless a test says otherwise a guess is cheap too")
		}
	}
	if Rounds < 1_000_000 {
		t.Errorf("%d rounds make a guess cheap", Rounds)
	}
}

// Everything that cannot be converted is named, all of it at once, and nothing is made.
func TestProblems(t *testing.T) {
	want := grow(map[string]string{
		"good.conf":                 "a = 1\n",
		"large.bin":                 strings.Repeat("x", 2<<20),
		"loop -> loop2":             "",
		"loop2 -> loop":             "",
		"dir/up -> ..":              "",
		"dir/file":                  "b = 1\n",
		"out -> /usr/share/bank.so": "",
		"up -> ../../secret":        "",
		"gone -> nowhere":           "",
		"..reserved":                "c = 1\n",
		"latin-\xe9.conf":           "d = 1\n",
	})
	want.Entries = append(want.Entries,
		tree.Entry{Path: "fifo", Kind: tree.FIFO}, tree.Entry{Path: "sock", Kind: tree.Socket}, tree.Entry{Path: "tty", Kind: tree.Device},
		tree.Entry{Path: "locked", Kind: tree.File, Err: "permission denied"}, tree.Entry{Path: "moving", Kind: tree.File, Err: "it changed while it was read"})
	tree.Sort(want.Entries)
	wanted := map[string]string{
		"large.bin": CodeTooLarge, "loop": CodeLinkLoop, "loop2": CodeLinkLoop, "dir/up": CodeLinkLoop, "out": CodeLinkOut, "up": CodeLinkOut, "gone": CodeLinkBroken,
		"..reserved": CodeName, `latin-\xe9.conf`: CodeName, "fifo": CodeSpecial, "sock": CodeSpecial, "tty": CodeSpecial, "locked": CodeUnreadable, "moving": CodeUnreadable,
	}
	p := Make(want, options())
	if p.Whole() || len(p.Objects) > 0 || len(p.Mounts) > 0 {
		t.Errorf("something is made: %v", p.Objects)
	}
	for at, code := range wanted {
		if got := problem(p, at); got.Path != at || got.Code != code || got.Hint == "" {
			t.Errorf("%s: %+v, want %s", at, got, code)
		}
	}
	if len(p.Problems) != len(wanted) {
		t.Errorf("%d problems, want %d: %+v", len(p.Problems), len(wanted), p.Problems)
	}
	o := options()
	for at := range wanted {
		o.Decisions = append(o.Decisions, Decision{File: at, Is: DecideSkip, Why: "not needed"})
	}
	if err := CheckDecisions(o.Decisions); err != nil {
		t.Error(err)
	}
	p = Make(want, o)
	if !p.Whole() || len(mounted(t, p).Entries) != 4 || file(t, p, "fifo").Placement != Skip {
		t.Errorf("what a person has decided to skip still stands in the way: %+v", p.Problems)
	}
}

// Links between directories that never end are said, not followed.
func TestLinksWithoutEnd(t *testing.T) {
	p := Make(grow(map[string]string{"a/x -> ../b": "", "b/y -> ../a": "", "a/f": "1", "b/g": "2"}), options())
	if problem(p, "a/x").Code != CodeLinkLoop {
		t.Errorf("%+v", p.Problems)
	}
	many := map[string]string{"d0/f": "x"}
	for i := range 30 {
		many[fmt.Sprintf("d%d/l -> ../d%d", i+1, i)] = ""
		many[fmt.Sprintf("d%d/r -> ../d%d", i+1, i)] = ""
	}
	if p := Make(grow(many), options()); problem(p, ".").Code != CodeTooMany {
		t.Errorf("%+v", p.Problems)
	}
}

// 5,000 files go into as many objects as they need, in a moment.
func TestManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 5000 {
		files[fmt.Sprintf("conf.d/%02d/site-%04d.conf", i%50, i)] = fmt.Sprintf("server = %d\n", i) + strings.Repeat("# a comment\n", 60)
	}
	want := grow(files)
	began := time.Now()
	p := Make(want, options())
	t.Logf("%d objects in %s", len(p.Objects), time.Since(began))
	same(t, want, p)
	if len(p.Objects) < 4 {
		t.Errorf("%d objects", len(p.Objects))
	}
	if w, ok := warned(p, CodeManyItems); !ok || !strings.Contains(w.Text, "--server-side") {
		t.Errorf("%+v", p.Warnings)
	}
}

// Whatever a tree looks like, the pod finds it, and no byte of a secret stands where it
// must not.
func TestAnyTree(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 41))
	names := []string{"a", "b.conf", ".cnf", "d e", "f\ng", "ü", "a_b", "a-b", "x" + strings.Repeat("y", 250), "%s", "--", "'q'", "\"", "conf.dir", "a\\x41", "A", "{}", "$HOME"}
	for round := range 300 {
		files, secrets := map[string]string{}, 0
		isFile := map[string]bool{}
		for range 1 + r.IntN(12) {
			var parts []string
			for range 1 + r.IntN(3) {
				parts = append(parts, names[r.IntN(len(names))])
			}
			at := strings.Join(parts, "/")
			if clashes(isFile, at) {
				continue
			}
			isFile[at] = true
			content := make([]byte, r.IntN(200))
			for i := range content {
				content[i] = byte(r.IntN(256))
			}
			switch r.IntN(3) {
			case 0:
				content = []byte("level = info\n")
			case 1:
				content = fmt.Appendf(nil, "host = h\ndb.password = %s%d\n", canary, secrets)
				secrets++
			}
			mode := []string{"644", "600", "640", "755", "444"}[r.IntN(5)]
			files[at+"\t"+mode] = string(content)
		}
		want := grow(files)
		p := Make(want, options())
		if len(p.Questions) > 0 { // of random bytes
			o := options()
			o.DoubtfulSecret = true
			p = Make(want, o)
		}
		same(t, want, p)
		for _, o := range p.Objects {
			for key, v := range o.Data {
				if o.Kind == ConfigMap && bytes.Contains(v, []byte(canary)) {
					t.Errorf("round %d: a secret in a ConfigMap, key %q", round, key)
				}
			}
		}
	}
}

func clashes(isFile map[string]bool, at string) bool {
	for other := range isFile {
		if other == at || strings.HasPrefix(other, at+"/") || strings.HasPrefix(at, other+"/") {
			return true
		}
	}
	return false
}

// Keys of objects are always legal and never shared.
func FuzzKeys(f *testing.F) {
	f.Add("a/b", "a_b", "a b")
	f.Add("..x", "__x", ".")
	f.Add(strings.Repeat("x", 300), strings.Repeat("x", 299)+"/", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var units []*unit
		have := map[string]bool{"": true}
		for _, at := range []string{a, b, c} {
			if !have[at] {
				have[at] = true
				units = append(units, &unit{source: &source{entry: tree.Entry{Path: at}}})
			}
		}
		assignKeys(units)
		seen := map[string]bool{}
		for _, u := range units {
			if u.key == "" || len(u.key) > 253 || u.key == "." || strings.HasPrefix(u.key, "..") || seen[u.key] {
				t.Errorf("%q gets the key %q", u.source.entry.Path, u.key)
			}
			for i := range len(u.key) {
				if !keyByte(u.key[i]) {
					t.Errorf("%q gets the key %q", u.source.entry.Path, u.key)
				}
			}
			seen[u.key] = true
		}
	})
}

// Whatever a link names, following it ends, and stays in the tree.
func FuzzLinks(f *testing.F) {
	f.Add("..", "a/b", "/etc/bank/x")
	f.Add("l2", "l1", ".")
	f.Add("d", "d/l1/../..", "d/l1//./f")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		e := []tree.Entry{{Path: ".", Kind: tree.Dir, Mode: 0o755}, {Path: "d", Kind: tree.Dir, Mode: 0o755}, {Path: "d/f", Kind: tree.File, Mode: 0o644, Content: tree.Content("x")},
			{Path: "d/l1", Kind: tree.Link, Target: a}, {Path: "l2", Kind: tree.Link, Target: b}, {Path: "l3", Kind: tree.Link, Target: c}}
		p := Make(tree.Tree{Root: "/etc/bank", Entries: e}, options())
		if p.Whole() {
			mounted(t, p)
		}
	})
}
