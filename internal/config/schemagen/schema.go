package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rehome.dev/rehome/api/v1alpha1"
)

// object is one kind of document.
type object struct {
	name, kind, intro string
	value             any
}

func objects() []object {
	return []object{
		{"migration", v1alpha1.KindMigration, "One file for each application; `rehome init NAME` writes a commented one to begin with.", &v1alpha1.Migration{}},
		{"policy", v1alpha1.KindPolicy, "One file for an organisation. Every number that is left out is the runbook's.", &v1alpha1.Policy{}},
	}
}

const module = "rehome.dev/rehome"

// Patterns of what is written as text. The decoder is stricter and says more;
// these are for editors.
const (
	spanPattern   = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`
	amountPattern = `^[0-9.]+([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$`
)

func (o object) schema() (*jsonschema.Schema, error) {
	r := jsonschema.Reflector{RequiredFromJSONSchemaTags: true, ExpandedStruct: true, Mapper: foreignType}
	if err := r.AddGoComments(module, "./api/v1alpha1", jsonschema.WithFullComment()); err != nil {
		return nil, err
	}
	for k, v := range r.CommentMap {
		r.CommentMap[k] = strings.Join(strings.Fields(v), " ")
	}
	s := r.Reflect(o.value)
	s.ID = jsonschema.ID("https://" + v1alpha1.GroupName + "/schema/" + v1alpha1.Version + "/" + o.name + ".json")
	s.Title = o.kind
	s.Properties.Set("apiVersion", &jsonschema.Schema{Const: v1alpha1.APIVersion, Description: "The version of this format."})
	s.Properties.Set("kind", &jsonschema.Schema{Const: o.kind, Description: "The kind of this document."})
	r.ExpandedStruct = false
	metadata := r.Reflect(&v1alpha1.Metadata{}).Definitions["Metadata"]
	s.Definitions["Metadata"] = metadata
	s.Properties.Set("metadata", &jsonschema.Schema{Ref: "#/$defs/Metadata", Description: metadata.Description})
	s.Required = []string{"apiVersion", "kind", "metadata", "spec"}
	return s, nil
}

// foreignType is the schema of a type of apimachinery, as it is written in a file.
func foreignType(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[metav1.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: spanPattern}
	case reflect.TypeFor[metav1.Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[resource.Quantity]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: amountPattern}, {Type: "number", Minimum: "0"}}}
	case reflect.TypeFor[metav1.ObjectMeta]():
		return &jsonschema.Schema{Ref: "#/$defs/Metadata"}
	}
	return nil
}

func marshal(s *jsonschema.Schema) ([]byte, error) {
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
