package grafana

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// variable is one of a dashboard's template.
type variable struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Multi      bool            `json:"multi"`
	IncludeAll bool            `json:"includeAll"`
	AllValue   *string         `json:"allValue"`
	Current    option          `json:"current"`
	Options    []option        `json:"options"`
	Query      json.RawMessage `json:"query"`
	Filters    []struct{}      `json:"filters"` // of an ad hoc filter
}

// option is a value, or several of them.
type option struct{ Value texts }

type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(t))
	}
	var one any
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*t = nil
	if one != nil {
		*t = texts{fmt.Sprint(one)}
	}
	return nil
}

// everything is what Grafana writes for All.
const everything = "$__all"

// values are what the variables of a dashboard stand for: what is said beside the
// panel, else what was saved with the dashboard.
type values struct {
	of    []variable
	given map[string][]string
}

// reference is $name, ${name}, ${name:format} or [[name]].
var reference = regexp.MustCompile(`\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::(\w+))?\}|\[\[(\w+)(?:\.[^:\]]+)?(?::(\w+))?\]\]`)

// intervals are Grafana's own variables that stand for a time. The counters are read
// without a range, so that it does not matter which one.
var intervals = map[string]string{
	"__rate_interval": "1m", "__interval": "1m", "__range": "1m", "__rate_interval_ms": "60000",
	"__interval_ms": "60000", "__range_s": "60", "__range_ms": "60000",
}

// in puts the variables' values into an expression, as Grafana does for Prometheus:
// one value as it is, several or All as a regular expression.
func (v values) in(expression string) (string, error) {
	return v.replace(expression, func(name, format string) (string, error) { return v.text(name, format) })
}

// plain puts one value each into a name.
func (v values) plain(text string) (string, error) {
	return v.replace(text, func(name, _ string) (string, error) { return v.text(name, "raw") })
}

func (v values) replace(text string, value func(name, format string) (string, error)) (string, error) {
	var err error
	out := reference.ReplaceAllStringFunc(text, func(found string) string {
		m := reference.FindStringSubmatch(found)
		name, format := m[1]+m[2]+m[4], m[3]+m[5]
		if interval, own := intervals[name]; own {
			return interval
		}
		with, fault := value(name, format)
		if fault != nil && err == nil {
			err = fault
		}
		return with
	})
	return out, err
}

func (v values) text(name, format string) (string, error) {
	i := slices.IndexFunc(v.of, func(one variable) bool { return one.Name == name })
	if i < 0 {
		return "", fmt.Errorf("there is no variable $%s in the dashboard", name)
	}
	one := v.of[i]
	chosen, said := v.given[name]
	if !said {
		chosen = one.Current.Value
	}
	several := one.Multi || one.IncludeAll
	if slices.Contains(chosen, everything) {
		if one.AllValue != nil && *one.AllValue != "" {
			return *one.AllValue, nil // an expression by itself
		}
		if chosen = one.everyValue(); len(chosen) == 0 {
			return "", fmt.Errorf("$%s is All, and the dashboard does not keep its values: name them with ?var-%s=", name, name)
		}
	}
	if len(chosen) == 0 {
		return "", fmt.Errorf("$%s has no value in the dashboard: name one with ?var-%s=", name, name)
	}
	return written(chosen, format, several || len(chosen) > 1, name)
}

func (one variable) everyValue() []string {
	var out []string
	for _, o := range one.Options {
		for _, value := range o.Value {
			if value != everything {
				out = append(out, value)
			}
		}
	}
	return out
}

func written(chosen []string, format string, several bool, name string) (string, error) {
	var parts []string
	for _, value := range chosen {
		switch {
		case format == "raw", format == "pipe":
		case format == "regex", several && format == "":
			value = inString(regexp.QuoteMeta(value))
		default:
			value = inString(value)
		}
		parts = append(parts, value)
	}
	switch {
	case len(parts) == 1:
		return parts[0], nil
	case format == "" || format == "regex":
		return "(" + strings.Join(parts, "|") + ")", nil
	case format == "pipe":
		return strings.Join(parts, "|"), nil
	}
	return "", fmt.Errorf("$%s has several values and the format %q: name one with ?var-%s=", name, format, name)
}

// inString escapes what would end a string or be taken for an escape in it.
func inString(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
}
