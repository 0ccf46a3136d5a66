package inventory

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestSaw(t *testing.T) {
	f := Facts{Looked: []Subject{SubjectFiles, SubjectUnit}, Gaps: []Gap{{Subject: SubjectUnit, What: "settings", Why: "permission denied"}}}
	for _, c := range []struct {
		subjects []Subject
		want     bool
		why      string
	}{
		{nil, true, ""},
		{[]Subject{SubjectFiles}, true, ""},
		{[]Subject{SubjectUnit}, false, "settings: permission denied"},
		{[]Subject{SubjectFiles, SubjectUnit}, false, "settings: permission denied"},
		{[]Subject{SubjectPeers}, false, "nobody looked at the peers"},
	} {
		if got, why := f.Saw(c.subjects...); got != c.want || why != c.why {
			t.Errorf("%v: %v, %q; wanted %v, %q", c.subjects, got, why, c.want, c.why)
		}
	}
	gone := Unreachable(Target{Host: "vm"}, time.Unix(1, 0), "no route to host")
	gone.Looked = []Subject{SubjectFiles}
	if ok, why := gone.Saw(SubjectFiles); ok || why != "no route to host" {
		t.Errorf("of a machine that cannot be reached the files are known: %v, %q", ok, why)
	}
}

func TestDecodeReadsWhatEncodeWrites(t *testing.T) {
	want := Report{Format: Format, Machines: []Facts{{
		Target: Target{Unit: "a.service"}, Began: time.Unix(10, 0).UTC(), Ended: time.Unix(20, 0).UTC(),
		Coverage: Coverage{Samples: 3, Planned: 4, Every: time.Second}, Looked: []Subject{SubjectFiles},
		Files: []File{{Path: "/etc/a", Class: FileConfig, By: []string{"fd"}}},
	}}}
	data, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A judge that skipped what it does not know would judge without it.
func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                                       "is not a facts file",
		`[]`:                                     "is not a facts file",
		`{"format":"rehome.dev/facts/v9"}`:       `has the format "rehome.dev/facts/v9"`,
		`{"machines":[{}]}`:                      `has the format ""`,
		`{"format":"rehome.dev/facts/v1"}`:       "holds the facts of no machine",
		`{"format":"rehome.dev/facts/v1","x":1}`: "is damaged",
		`{"format":"rehome.dev/facts/v1","machines":[{"x":1}]}`:  "is damaged",
		`{"format":"rehome.dev/facts/v1","machines":[{}]} trail`: "is not a facts file",
	} {
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; wanted %q", text, err, want)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("/etc/\xff\n\x1b[2J\\x", "/etc/a")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := Name(a), Name(b)
		if !utf8.ValidString(x) || strings.ContainsAny(x, "\n\x1b\x00") {
			t.Errorf("Name(%q) is %q", a, x)
		}
		if (a == b) != (x == y) {
			t.Errorf("%q and %q are called %q and %q", a, b, x, y)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":"rehome.dev/facts/v1","machines":[{"target":{}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		second, err := Decode(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, again)
		}
		third, err := Encode(second)
		if err != nil || !bytes.Equal(again, third) {
			t.Errorf("facts change when they are written again")
		}
	})
}
