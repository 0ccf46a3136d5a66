package config

import (
	"reflect"
	"strconv"
	"strings"
)

// rules are what a field's jsonschema tag demands: the same words from which
// the schemas are made.
type rules struct {
	required bool
	enum     []string
	min, max *float64
	minItems int
}

// wireField is one field of a wire type.
type wireField struct {
	name  string // as written in a file
	index int
	rules rules
}

// wireFields are the fields that a file may name. apiVersion and kind, which
// are embedded, are not among them.
func wireFields(t reflect.Type) []wireField {
	var out []wireField
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		out = append(out, wireField{name, i, parseRules(f.Tag.Get("jsonschema"))})
	}
	return out
}

func parseRules(tag string) rules {
	var r rules
	for word := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "required":
			r.required = true
		case "enum":
			r.enum = append(r.enum, value)
		case "minimum":
			r.min = number(value)
		case "maximum":
			r.max = number(value)
		case "minItems":
			r.minItems, _ = strconv.Atoi(value)
		}
	}
	return r
}

func number(s string) *float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	return &f
}
