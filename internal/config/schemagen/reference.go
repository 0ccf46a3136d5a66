package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/config"
)

// reference is the list of an object's fields, by the very paths that the
// decoder's messages name.
func (o object) reference(s *jsonschema.Schema) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n", o.kind)
	fmt.Fprintf(&b, "<!-- Written by go run ./internal/config/schemagen from api/v1alpha1: change that. -->\n\n")
	fmt.Fprintf(&b, "%s\n\n", o.intro)
	fmt.Fprintf(&b, "A file holds one document, in plain YAML: anchors, aliases, merge keys, tags and variables are\n"+
		"refused, and so is every field that is not listed here. All mistakes of a file are told at once, each as\n"+
		"`FILE:LINE:COLUMN: field: problem (remedy)`. Editors find the schema in `docs/schema/%s.json`.\n\n", o.name)
	fmt.Fprintf(&b, "| Field | Holds | Without it | Meaning |\n|---|---|---|---|\n")
	rows(&b, s, s, "")
	if o.kind == v1alpha1.KindPolicy {
		connections(&b)
	}
	return b.Bytes()
}

func rows(b *bytes.Buffer, root, s *jsonschema.Schema, path string) {
	if s.Properties == nil {
		return
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		field, at := p.Value, p.Key
		if path != "" {
			at = path + "." + p.Key
		}
		target := resolve(root, field)
		meaning := field.Description
		if meaning == "" {
			meaning = target.Description
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", at, holds(root, field), without(s, field, p.Key), strings.ReplaceAll(meaning, "|", "\\|"))
		if target.Type == "array" {
			target, at = resolve(root, target.Items), at+"[]"
		}
		rows(b, root, target, at)
	}
}

func resolve(root, s *jsonschema.Schema) *jsonschema.Schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		return root.Definitions[name]
	}
	return s
}

// holds is the type of a field as a person would say it.
func holds(root, field *jsonschema.Schema) string {
	s := resolve(root, field)
	switch {
	case s.Const != nil:
		return fmt.Sprintf("`%v`", s.Const)
	case len(s.Enum) > 0:
		var words []string
		for _, e := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", e))
		}
		return strings.Join(words, ", ")
	case s.Pattern == spanPattern:
		return "time span"
	case s.Format == "date-time":
		return "time with zone"
	case len(s.OneOf) > 0:
		return "amount"
	case s.Type == "array":
		return "list of " + holds(root, s.Items)
	case s.Type == "object" && s.Properties == nil:
		return "names with text"
	case s.Type == "object":
		return "group"
	case s.Type == "string":
		return "text"
	case s.Type == "boolean":
		return "`true`, `false`"
	}
	return s.Type + limits(s)
}

func limits(s *jsonschema.Schema) string {
	switch {
	case s.Minimum != "" && s.Maximum != "":
		return fmt.Sprintf(", %s to %s", s.Minimum, s.Maximum)
	case s.Minimum != "":
		return fmt.Sprintf(", %s at least", s.Minimum)
	}
	return ""
}

func without(parent, field *jsonschema.Schema, name string) string {
	switch {
	case slices.Contains(parent.Required, name):
		return "**refused**"
	case field.Default != nil:
		return fmt.Sprintf("`%v`", field.Default)
	}
	return ""
}

// connections lists the types of providers with their settings.
func connections(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n## Providers\n\nSettings are text. A secret never stands in them: they say where it is kept. Paths are relative to the policy's file;\n"+
		"nothing expands `~` or variables.\n")
	for _, t := range config.ConnectionTypes() {
		fmt.Fprintf(b, "\n### `%s` under `spec.providers.%s`\n\n%s\n\n| Setting | Holds | Needed | Meaning |\n|---|---|---|---|\n", t.Type, t.Role, t.About)
		for _, s := range t.Settings {
			needed := ""
			if s.Required {
				needed = "**yes**"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", s.Name, s.Form, needed, s.About)
		}
	}
}
