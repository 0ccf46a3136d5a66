package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// faults checks a document against the words of JSON Schema that our schemas
// use; a word that it does not know is a fault too.
func faults(root map[string]any, doc any) []string {
	v := validator{root: root}
	v.check(root, doc, "")
	return v.out
}

type validator struct {
	root map[string]any
	out  []string
}

func (v *validator) fault(at, format string, args ...any) {
	v.out = append(v.out, at+": "+fmt.Sprintf(format, args...))
}

func target(root, s map[string]any) map[string]any {
	ref, _ := s["$ref"].(string)
	if name, ok := strings.CutPrefix(ref, "#/$defs/"); ok {
		return root["$defs"].(map[string]any)[name].(map[string]any)
	}
	return s
}

func (v *validator) check(s map[string]any, doc any, at string) {
	for word, arg := range s {
		switch word {
		case "$schema", "$id", "$defs", "title", "description", "default", "properties":
		case "$ref":
			v.check(target(v.root, s), doc, at)
		case "type":
			v.typed(arg.(string), doc, at)
		case "required":
			v.required(arg.([]any), doc, at)
		case "additionalProperties":
			v.properties(s, arg, doc, at)
		case "items":
			list, _ := doc.([]any)
			for i, e := range list {
				v.check(arg.(map[string]any), e, fmt.Sprintf("%s[%d]", at, i))
			}
		case "minItems":
			if list, ok := doc.([]any); ok && float64(len(list)) < arg.(float64) {
				v.fault(at, "has %d entries", len(list))
			}
		case "const":
			if doc != arg {
				v.fault(at, "%v is not %v", doc, arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), doc) {
				v.fault(at, "%v is none of %v", doc, arg)
			}
		default:
			v.scalar(word, arg, doc, at)
		}
	}
}

func (v *validator) scalar(word string, arg, doc any, at string) {
	text, isText := doc.(string)
	n, isNumber := doc.(float64)
	switch word {
	case "pattern":
		if isText && !regexp.MustCompile(arg.(string)).MatchString(text) {
			v.fault(at, "%s does not match %s", text, arg)
		}
	case "format":
		if _, err := time.Parse(time.RFC3339, text); isText && (arg != "date-time" || err != nil) {
			v.fault(at, "%s is no %s", text, arg)
		}
	case "minimum":
		if isNumber && n < arg.(float64) {
			v.fault(at, "%v is less than %v", n, arg)
		}
	case "maximum":
		if isNumber && n > arg.(float64) {
			v.fault(at, "%v is more than %v", n, arg)
		}
	case "oneOf":
		fits := 0
		for _, s := range arg.([]any) {
			alone := validator{root: v.root}
			alone.check(s.(map[string]any), doc, at)
			if len(alone.out) == 0 {
				fits++
			}
		}
		if fits != 1 {
			v.fault(at, "fits %d of %d", fits, len(arg.([]any)))
		}
	default:
		v.fault(at, "the schema's word %s is not known", word)
	}
}

func (v *validator) typed(want string, doc any, at string) {
	have := "null"
	switch d := doc.(type) {
	case string:
		have = "string"
	case bool:
		have = "boolean"
	case []any:
		have = "array"
	case map[string]any:
		have = "object"
	case float64:
		have = "number"
		if want == "integer" && d == math.Trunc(d) {
			have = "integer"
		}
	}
	if have != want {
		v.fault(at, "%v is not a %s", doc, want)
	}
}

func (v *validator) required(names []any, doc any, at string) {
	group, ok := doc.(map[string]any)
	for _, n := range names {
		if _, there := group[n.(string)]; ok && !there {
			v.fault(at, "%s is missing", n)
		}
	}
}

func (v *validator) properties(s map[string]any, others, doc any, at string) {
	group, _ := doc.(map[string]any)
	known, _ := s["properties"].(map[string]any)
	for name, value := range group {
		field := name
		if at != "" {
			field = at + "." + name
		}
		if p, ok := known[name]; ok {
			v.check(p.(map[string]any), value, field)
		} else if o, ok := others.(map[string]any); ok {
			v.check(o, value, field)
		} else {
			v.fault(at, "%s is not known", name)
		}
	}
}
