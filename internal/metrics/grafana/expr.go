package grafana

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A panel shows rates of counters, and rates cannot be judged: they leave out what a
// series counted before its first scrape. What is read are the counters behind them,
// so the panel's expression is taken apart as far as it is sure which these are.

// node is a part of an expression: a selector, call, sum, binary or number.
type node interface{}

type (
	// selector is a series selector as it was written, without its range.
	selector struct {
		text    string
		ranged  bool
		shifted bool // by offset or @
	}
	call struct {
		name string
		args []node
	}
	// sum is an aggregation of any kind.
	sum struct {
		kind string
		args []node
	}
	binary struct {
		operator    string
		left, right node
	}
	number struct{}
)

// part is what is wanted of a panel.
type part string

const (
	requests part = "requests"
	errors5  part = "errors"
	latency  part = "latency"
)

// counterIn finds the selector of the raw counters that a panel's expression shows:
// that in rate(), increase() or irate(), whatever is summed, rounded or scaled around
// it. A ratio has two: its numerator counts errors, its denominator requests. An error
// says what cannot be taken back to counters.
func counterIn(expression string, want part) (string, error) {
	n, err := parse(expression)
	if err != nil {
		return "", err
	}
	if want == latency {
		n = quantileOf(n)
	}
	s, err := counter(n, want, false)
	if err != nil {
		return "", err
	}
	if want == errors5 && healthy.MatchString(s.text) {
		return "", fmt.Errorf("%s selects what did not fail", s.text)
	}
	name, _, _ := strings.Cut(s.text, "{")
	if isHistogram := strings.HasSuffix(strings.TrimSpace(name), "_bucket") || strings.Contains(s.text, "__name__"); want == latency && !isHistogram {
		return "", fmt.Errorf("%s is no histogram: want a panel of histogram_quantile() over its _bucket series", s.text)
	}
	return s.text, nil
}

// healthy is a filter for answers that are no failure, as in a panel of availability.
var healthy = regexp.MustCompile("(code|status)[a-z_]*\\s*(=~?\\s*[\"'`^(]+[123]|![=~]\\s*[\"'`^(]+5)")

// quantileOf is what a quantile is taken of.
func quantileOf(n node) node {
	if c, ok := n.(call); ok && c.name == "histogram_quantile" && len(c.args) == 2 {
		return c.args[1]
	}
	if b, ok := n.(binary); ok && b.operator == "*" || ok && b.operator == "/" {
		if _, scaled := b.right.(number); scaled {
			return quantileOf(b.left)
		}
		if _, scaled := b.left.(number); scaled && b.operator == "*" {
			return quantileOf(b.right)
		}
	}
	return n
}

// shown are functions that change how a value is shown, not what is counted.
var shown = []string{"round", "ceil", "floor", "sort", "sort_desc", "label_replace", "label_join"}

func counter(n node, want part, rated bool) (selector, error) {
	switch n := n.(type) {
	case selector:
		return bare(n, rated)
	case sum:
		if n.kind != "sum" || len(n.args) != 1 {
			return selector{}, fmt.Errorf("%s() does not add up what its series counted", n.kind)
		}
		return counter(n.args[0], want, rated)
	case call:
		switch {
		case slices.Contains([]string{"rate", "increase", "irate"}, n.name) && len(n.args) == 1:
			return counter(n.args[0], want, true)
		case slices.Contains(shown, n.name) && len(n.args) > 0:
			return counter(n.args[0], want, rated)
		}
		return selector{}, fmt.Errorf("%s() is not taken back to counters", n.name)
	case binary:
		return ofBinary(n, want, rated)
	}
	return selector{}, errors.New("it shows no counter")
}

func ofBinary(n binary, want part, rated bool) (selector, error) {
	_, leftNumber := n.left.(number)
	_, rightNumber := n.right.(number)
	switch {
	case n.operator == "or" && !counts(n.right):
		return counter(n.left, want, rated)
	case (n.operator == "*" || n.operator == "/") && rightNumber:
		return counter(n.left, want, rated)
	case n.operator == "*" && leftNumber:
		return counter(n.right, want, rated)
	case n.operator == "/" && !leftNumber && want == errors5:
		return counter(n.left, want, rated)
	case n.operator == "/" && !leftNumber && want == requests:
		return counter(n.right, want, rated)
	case n.operator == "-" && leftNumber:
		return selector{}, errors.New("it shows a share that did not fail: want one that counts failures")
	}
	return selector{}, fmt.Errorf("%q of several counters is not one counter", n.operator)
}

// counts says whether a selector stands in it.
func counts(n node) bool {
	switch n := n.(type) {
	case selector:
		return true
	case sum:
		return slices.ContainsFunc(n.args, counts)
	case call:
		return slices.ContainsFunc(n.args, counts)
	case binary:
		return counts(n.left) || counts(n.right)
	}
	return false
}

// bare takes a selector outside of rate() for a counter only where its name says that
// it is one: it may be a gauge, or a rate that was recorded.
func bare(s selector, rated bool) (selector, error) {
	name, _, _ := strings.Cut(s.text, "{")
	name = strings.TrimSpace(name)
	isCounter := strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_bucket")
	switch {
	case s.shifted:
		return s, fmt.Errorf("%s is shown at another time (offset or @)", s.text)
	case rated && !s.ranged:
		return s, fmt.Errorf("%s stands in rate() without a range", s.text)
	case !rated && s.ranged:
		return s, fmt.Errorf("%s is a range", s.text)
	case !rated && strings.Contains(name, ":"):
		return s, fmt.Errorf("%s is the result of a recording rule, which may be a rate already", s.text)
	case !rated && !isCounter:
		return s, fmt.Errorf("%s stands outside of rate() and increase(): it may be no counter", s.text)
	}
	return s, nil
}
