// Package lazy keeps regular expressions that are compiled when they are first used.
// A program that has many and uses few would otherwise spend time and memory on all of
// them before it begins, and the one that is copied to other people's machines must
// need little. It must not know what the expressions are for.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp is an expression with the methods of regexp.Regexp. It may be used by several
// goroutines at once, and must not be copied.
type Regexp struct {
	expr     string
	once     sync.Once
	compiled *regexp.Regexp
}

// New gives the expression. One that cannot be compiled panics at its first use; the
// checks of the architecture compile all that are written down. New does nothing but
// keep the text, so that a variable of a package that is set to it costs no time when
// a program starts.
func New(expr string) *Regexp { return &Regexp{expr: expr} }

func (r *Regexp) get() *regexp.Regexp {
	r.once.Do(r.compile)
	return r.compiled
}

func (r *Regexp) compile() { r.compiled = regexp.MustCompile(r.expr) }

// String is the expression as it is written, compiled or not.
func (r *Regexp) String() string { return r.expr }

func (r *Regexp) Match(text []byte) bool { return r.get().Match(text) }

func (r *Regexp) MatchString(text string) bool { return r.get().MatchString(text) }

func (r *Regexp) FindString(text string) string { return r.get().FindString(text) }

func (r *Regexp) FindStringIndex(text string) []int { return r.get().FindStringIndex(text) }

func (r *Regexp) FindStringSubmatch(text string) []string { return r.get().FindStringSubmatch(text) }

func (r *Regexp) FindStringSubmatchIndex(text string) []int {
	return r.get().FindStringSubmatchIndex(text)
}

func (r *Regexp) FindSubmatchIndex(text []byte) []int { return r.get().FindSubmatchIndex(text) }

func (r *Regexp) FindAllString(text string, n int) []string { return r.get().FindAllString(text, n) }

func (r *Regexp) FindAllStringSubmatch(text string, n int) [][]string {
	return r.get().FindAllStringSubmatch(text, n)
}

func (r *Regexp) FindAllStringSubmatchIndex(text string, n int) [][]int {
	return r.get().FindAllStringSubmatchIndex(text, n)
}

func (r *Regexp) FindAllSubmatchIndex(text []byte, n int) [][]int {
	return r.get().FindAllSubmatchIndex(text, n)
}
