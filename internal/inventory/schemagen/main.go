// Command schemagen writes the JSON Schema of a facts file from the types and
// comments of package inventory:
//
//	go run ./internal/inventory/schemagen
//
// It must be started in the root of the module. It knows nothing of how facts are
// taken or judged.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"rehome.dev/rehome/internal/inventory"
)

const file = "docs/schema/facts.json"

func main() {
	text, err := generate()
	if err == nil {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// generate gives the schema; the working directory is the root of the module.
func generate() ([]byte, error) {
	r := jsonschema.Reflector{RequiredFromJSONSchemaTags: true, ExpandedStruct: true}
	if err := r.AddGoComments("rehome.dev/rehome", "./internal/inventory", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read the comments: %w", err)
	}
	for k, v := range r.CommentMap {
		r.CommentMap[k] = strings.Join(strings.Fields(v), " ")
	}
	s := r.Reflect(&inventory.Report{})
	s.ID = jsonschema.ID("https://rehome.dev/schema/" + strings.TrimPrefix(inventory.Format, "rehome.dev/") + ".json")
	s.Title = "Facts"
	always(s, reflect.TypeFor[inventory.Report](), s, map[reflect.Type]bool{})
	s.Properties.Set("format", &jsonschema.Schema{Const: inventory.Format, Description: "The version of this format."})
	compact, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// always marks what is written in every document: the fields whose tag does not
// leave them out. A list of those may be null.
func always(s *jsonschema.Schema, t reflect.Type, root *jsonschema.Schema, done map[reflect.Type]bool) {
	if done[t] || s == nil {
		return
	}
	done[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !strings.Contains(rest, "omit") {
			s.Required = append(s.Required, name)
			if f.Type.Kind() == reflect.Slice {
				list, _ := s.Properties.Get(name)
				about := list.Description
				list.Description = ""
				s.Properties.Set(name, &jsonschema.Schema{Description: about, OneOf: []*jsonschema.Schema{list, {Type: "null"}}})
			}
		}
		if e := element(f.Type); e.Kind() == reflect.Struct && e.PkgPath() == t.PkgPath() {
			always(root.Definitions[e.Name()], e, root, done)
		}
	}
}

// element is what a field holds, behind pointers, lists and maps.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}
