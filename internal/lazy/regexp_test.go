package lazy

import (
	"reflect"
	"regexp"
	"sync"
	"testing"
)

// TestNothingIsCompiledBeforeItIsUsed looks at what an expression costs that nobody
// uses, and at one that could not even be compiled.
func TestNothingIsCompiledBeforeItIsUsed(t *testing.T) {
	r := New(`(`)
	if r.compiled != nil {
		t.Error("the expression was compiled before it was used")
	}
	defer func() {
		if recover() == nil {
			t.Error("a broken expression matched")
		}
	}()
	r.MatchString("")
}

// TestSeveralUseAnExpressionAtOnce is for the race detector: all come first.
func TestSeveralUseAnExpressionAtOnce(t *testing.T) {
	r := New(`^(\w+)=(\w*)$`)
	begin := make(chan struct{})
	seen := make([]*regexp.Regexp, 8)
	var all sync.WaitGroup
	for i := range seen {
		all.Go(func() {
			<-begin
			if m := r.FindStringSubmatch("bank=ankh"); len(m) != 3 || m[1] != "bank" || m[2] != "ankh" {
				t.Errorf("found %q", m)
			}
			seen[i] = r.get()
		})
	}
	close(begin)
	all.Wait()
	for _, s := range seen {
		if s != seen[0] {
			t.Error("the expression was compiled more than once")
		}
	}
}

// TestMethodsAreThoseOfRegexp holds each against the method that it is named after.
func TestMethodsAreThoseOfRegexp(t *testing.T) {
	const expr, text = `(\w)(\d?)`, "a1 b c3"
	r, want := New(expr), regexp.MustCompile(expr)
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"String", r.String(), want.String()},
		{"Match", r.Match([]byte(text)), want.Match([]byte(text))},
		{"MatchString", r.MatchString(text), want.MatchString(text)},
		{"FindString", r.FindString(text), want.FindString(text)},
		{"FindStringIndex", r.FindStringIndex(text), want.FindStringIndex(text)},
		{"FindStringSubmatch", r.FindStringSubmatch(text), want.FindStringSubmatch(text)},
		{"FindStringSubmatchIndex", r.FindStringSubmatchIndex(text), want.FindStringSubmatchIndex(text)},
		{"FindSubmatchIndex", r.FindSubmatchIndex([]byte(text)), want.FindSubmatchIndex([]byte(text))},
		{"FindAllString", r.FindAllString(text, 2), want.FindAllString(text, 2)},
		{"FindAllStringSubmatch", r.FindAllStringSubmatch(text, 2), want.FindAllStringSubmatch(text, 2)},
		{"FindAllStringSubmatchIndex", r.FindAllStringSubmatchIndex(text, 2), want.FindAllStringSubmatchIndex(text, 2)},
		{"FindAllSubmatchIndex", r.FindAllSubmatchIndex([]byte(text), 2), want.FindAllSubmatchIndex([]byte(text), 2)},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s gives %v, regexp gives %v", tc.name, tc.got, tc.want)
		}
	}
}
