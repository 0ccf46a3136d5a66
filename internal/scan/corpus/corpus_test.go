package corpus

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	files, err := Parse([]byte("-- a.ini --\n.[x]\n!password = y\n?  more\n user = z\n\n-- b --\n.c\n"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v: %d files", err, len(files))
	}
	if f := files[0]; f.Path != "a.ini" || string(f.Data) != "[x]\npassword = y\n  more\nuser = z\n\n" || string(labels(f)) != ".!? ." {
		t.Errorf("%q, %q, %q", f.Path, f.Data, labels(f))
	}
	for _, bad := range []string{"!password\n", "-- a --\npassword\n"} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is no corpus", bad)
		}
	}
}

func labels(f File) []byte {
	var out []byte
	for _, l := range f.Labels {
		out = append(out, byte(l))
	}
	return out
}

func TestCount(t *testing.T) {
	files, err := Parse([]byte("-- a --\n!s\n!t\n?u\n i\n.c\n!v\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Count{}
	c.Add(files[0], []int{1, 3, 4, 5, 5})
	if c.Secrets != 3 || c.Innocents != 1 || c.Found != 2 || c.Missed != 1 || c.Wrong != 2 || len(c.Notes) != 3 {
		t.Errorf("%+v", c)
	}
	if c.Recall() != 2.0/3 || c.Precision() != 0.5 {
		t.Errorf("recall %f, precision %f", c.Recall(), c.Precision())
	}
}

// The same seed gives the same texts, and another one others; every value that was
// planted stands in them.
func TestGenerated(t *testing.T) {
	one, planted := Generated(1, 2)
	again, _ := Generated(1, 2)
	other, _ := Generated(2, 2)
	text := func(files []File) string {
		var out strings.Builder
		for _, f := range files {
			out.Write(f.Data)
		}
		return out.String()
	}
	if text(one) != text(again) || text(one) == text(other) {
		t.Error("the seed does not decide what is generated")
	}
	if len(planted) < 100 || slices.ContainsFunc(planted, func(v string) bool { return !strings.Contains(text(one), v) }) {
		t.Errorf("%d values are planted", len(planted))
	}
	for _, f := range one {
		if n := strings.Count(string(f.Data), "\n"); n != len(f.Labels) {
			t.Errorf("%s has %d lines and %d labels", f.Path, n, len(f.Labels))
		}
	}
}
