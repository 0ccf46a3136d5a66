package convert

import (
	"fmt"
	"strings"
	"testing"
)

// No object is larger than Kubernetes takes, whether values or keys make it large.
func TestObjectsAreSmallEnough(t *testing.T) {
	want := grow(map[string]string{"a.conf": strings.Repeat("a", 560_000), "b.conf": strings.Repeat("b", 560_000)})
	p := Make(want, options())
	same(t, want, p) // which holds each object to 1 MiB of values
	if len(p.Objects) != 2 {
		t.Errorf("%d objects for 1.12 MB", len(p.Objects))
	}
	long := map[string]string{}
	for i := range 1500 {
		long[fmt.Sprintf("%s-%04d", strings.Repeat("x", 240), i)] = strings.Repeat("# a line\n", 76)
	}
	want = grow(long)
	p = Make(want, options())
	same(t, want, p)
	for _, o := range p.Objects {
		size := 0
		for key, v := range o.Data {
			size += 2*len(key) + len(v)*4/3
		}
		if size > 1536<<10 {
			t.Errorf("%s takes %d bytes of a request", o.Name, size)
		}
	}
	if exact := strings.Repeat("x", 1<<20); len(Make(grow(map[string]string{"f": exact}), options()).Objects) != 1 {
		t.Error("a file of just 1 MiB has no place")
	}
	if p := Make(grow(map[string]string{"f": strings.Repeat("x", 1<<20+1)}), options()); p.Whole() || problem(p, "f").Code != CodeTooLarge {
		t.Errorf("%+v", p.Problems)
	}
}

// Paths that no pod's own object can hold are refused, before anything is made.
func TestPathsFitAPod(t *testing.T) {
	files := map[string]string{}
	for i := range 2500 {
		files[fmt.Sprintf("%s-%04d", strings.Repeat("x", 240), i)] = "a = 1\n"
	}
	p := Make(grow(files), options())
	if p.Whole() || len(p.Objects) > 0 || problem(p, ".").Code != CodeTooMany {
		t.Errorf("%d objects, %+v", len(p.Objects), p.Problems)
	}
}
