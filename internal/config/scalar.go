package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// placeholder is what a starter leaves for a person to fill in.
var placeholder = regexp.MustCompile(`^<[A-Za-z][^<>]*>$`)

// otherBooleans are words that this reader takes as text and others (kubectl
// among them, which reads YAML 1.1) as booleans.
var otherBooleans = []string{"y", "yes", "n", "no", "on", "off"}

const withQuotes = "write it in quotes if it is meant"

// scalar reports a list, a group or nothing where one value must stand.
func (s *source) scalar(n *yaml.Node, path, must string) bool {
	switch {
	case n.Kind != yaml.ScalarNode:
		s.report(n, path, "is "+nodeKind(n)+", must be "+must, "")
	case n.ShortTag() == "!!null":
		s.report(n, path, "is empty, must be "+must, "fill it in, or leave the field out")
	default:
		return true
	}
	return false
}

func (s *source) text(n *yaml.Node, v reflect.Value, path string, r rules) {
	if !s.scalar(n, path, "text") {
		return
	}
	bare := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	switch tag := n.ShortTag(); {
	case tag == "!!bool" || bare && slices.Contains(otherBooleans, strings.ToLower(n.Value)):
		s.report(n, path, "is a boolean to YAML, must be text", withQuotes)
	case tag == "!!int" || tag == "!!float":
		s.report(n, path, "is a number, must be text", withQuotes)
	case tag != "!!str" && tag != "!!timestamp":
		s.report(n, path, "is "+tag+" to YAML, must be text", withQuotes)
	case len(r.enum) > 0 && !slices.Contains(r.enum, n.Value):
		s.report(n, path, "cannot be "+quoted(n.Value), choice(n.Value, r.enum))
	case r.required && strings.TrimSpace(n.Value) == "":
		s.report(n, path, "is empty", "fill it in")
	default:
		v.SetString(n.Value)
	}
}

func choice(word string, enum []string) string {
	if n := nearest(word, enum); n != "" {
		return suggestion(word, enum)
	}
	return "choose one of: " + strings.Join(enum, ", ")
}

func (s *source) boolean(n *yaml.Node, v reflect.Value, path string) {
	if !s.scalar(n, path, "true or false") {
		return
	}
	if n.ShortTag() != "!!bool" {
		s.report(n, path, "is "+quoted(n.Value)+", must be true or false", "")
		return
	}
	v.SetBool(strings.EqualFold(n.Value, "true"))
}

func (s *source) integer(n *yaml.Node, v reflect.Value, path string, r rules) {
	if !s.scalar(n, path, "a whole number") {
		return
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	switch {
	case len(n.Value) > 1 && n.Value[0] == '0' && err == nil:
		s.report(n, path, "is "+quoted(n.Value)+", octal to some readers", "leave the first 0 out")
	case n.ShortTag() != "!!int" || err != nil || v.OverflowInt(i):
		s.report(n, path, "is "+quoted(n.Value)+", must be a whole number", "write digits only, without quotes")
	case s.within(n, float64(i), path, r):
		v.SetInt(i)
	}
}

func (s *source) float(n *yaml.Node, v reflect.Value, path string, r rules) {
	if !s.scalar(n, path, "a number") {
		return
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	tag := n.ShortTag()
	switch {
	case (tag != "!!float" && tag != "!!int") || err != nil:
		s.report(n, path, "is "+quoted(n.Value)+", must be a number", "write it like 0.1, without quotes or a sign for percent")
	case s.within(n, f, path, r):
		v.SetFloat(f)
	}
}

// within checks the range. NaN lies in none.
func (s *source) within(n *yaml.Node, f float64, path string, r rules) bool {
	if (r.min == nil || f >= *r.min) && (r.max == nil || f <= *r.max) && f == f {
		return true
	}
	limit := ""
	switch {
	case r.min != nil && r.max != nil:
		limit = fmt.Sprintf("from %s to %s", plainNumber(*r.min), plainNumber(*r.max))
	case r.min != nil:
		limit = "at least " + plainNumber(*r.min)
	case r.max != nil:
		limit = "at most " + plainNumber(*r.max)
	}
	s.report(n, path, "is "+quoted(n.Value), "must be a number "+limit)
	return false
}

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

var (
	onlyDigits = regexp.MustCompile(`^\d+(\.\d+)?$`)
	longUnits  = regexp.MustCompile(`^(\d+) ?(d|days?|w|weeks?)$`)
)

func (s *source) duration(n *yaml.Node, to *metav1.Duration, path string) {
	if !s.scalar(n, path, "a time span such as 24h or 90s") {
		return
	}
	d, err := time.ParseDuration(n.Value)
	digits := onlyDigits.MatchString(n.Value)
	switch m := longUnits.FindStringSubmatch(n.Value); {
	case digits:
		s.report(n, path, "is "+quoted(n.Value)+", which has no unit", "write "+n.Value+"s, "+n.Value+"m or "+n.Value+"h")
	case m != nil:
		s.report(n, path, "is "+quoted(n.Value)+", a unit that time spans do not have", "write it in hours, such as "+inHours(m[1], m[2]))
	case err != nil:
		s.report(n, path, "is "+quoted(n.Value)+", not a time span", "write it like 90s, 15m or 24h")
	case d < 0:
		s.report(n, path, "is "+quoted(n.Value)+", less than nothing", "write a positive time span")
	default:
		to.Duration = d
	}
}

func inHours(count, unit string) string {
	n, err := strconv.ParseInt(count, 10, 32)
	if err != nil {
		return "72h"
	}
	if strings.HasPrefix(unit, "w") {
		n *= 7
	}
	return strconv.FormatInt(n*24, 10) + "h"
}

// amount bounds digits and exponent before an amount is parsed: the parser
// writes 1e99999999 out.
var amount = regexp.MustCompile(`^[+-]?[0-9.]{1,30}([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$`)

func (s *source) quantity(n *yaml.Node, to *resource.Quantity, path string) {
	if !s.scalar(n, path, "an amount such as 500m or 512Mi") {
		return
	}
	var q resource.Quantity
	fits := amount.MatchString(n.Value)
	if fits {
		var err error
		q, err = resource.ParseQuantity(n.Value)
		fits = err == nil
	}
	switch {
	case !fits:
		s.report(n, path, "is "+quoted(n.Value)+", not an amount", "write it as Kubernetes does: 500m, 2, 512Mi, 10Gi")
	case q.Sign() < 0:
		s.report(n, path, "is "+quoted(n.Value)+", less than nothing", "write a positive amount")
	default:
		*to = q
	}
}

const zoneHint = "write date, time and zone: 2026-08-14T22:00:00+02:00, or Z for UTC"

// zoneless are ways of writing a time without its zone.
var zoneless = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

func (s *source) time(n *yaml.Node, to *metav1.Time, path string) {
	if !s.scalar(n, path, "a time such as 2026-08-14T22:00:00+02:00") {
		return
	}
	t, err := time.Parse(time.RFC3339, n.Value)
	if err == nil {
		*to = metav1.NewTime(t)
		return
	}
	for _, layout := range zoneless {
		if _, err := time.Parse(layout, n.Value); err == nil {
			s.report(n, path, "is "+quoted(n.Value)+", which has no time zone", zoneHint)
			return
		}
	}
	s.report(n, path, "is "+quoted(n.Value)+", not a time", zoneHint)
}
