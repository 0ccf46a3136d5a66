package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rehome.dev/rehome/api/v1alpha1"
)

// source is one file while it is read: it remembers where every field stands,
// which fields are already reported, and collects the mistakes. A checker that
// finds a field reported says nothing more about it.
type source struct {
	file string
	errs Errors
	at   map[string]*yaml.Node
	bad  map[string]bool
}

func newSource(file string) *source {
	return &source{file: file, at: map[string]*yaml.Node{}, bad: map[string]bool{}}
}

// report notes a mistake at a node.
func (s *source) report(n *yaml.Node, field, problem, remedy string) {
	s.bad[field] = true
	s.errs = append(s.errs, Error{s.file, max(n.Line, 1), max(n.Column, 1), field, problem, remedy})
}

// problem notes a mistake at a field, or at the nearest group around it that
// stands in the file; only the first mistake of a field is kept.
func (s *source) problem(field, problem, remedy string) {
	if s.bad[field] {
		return
	}
	s.report(s.nodeOf(field), field, problem, remedy)
}

func (s *source) nodeOf(field string) *yaml.Node {
	for f := field; f != ""; f = parentOf(f) {
		if n := s.at[f]; n != nil {
			return n
		}
	}
	if n := s.at[""]; n != nil {
		return n
	}
	return &yaml.Node{}
}

func parentOf(field string) string {
	return field[:max(strings.LastIndexAny(field, ".["), 0)]
}

// said tells whether a field stands in the file and was decoded.
func (s *source) said(field string) bool { return s.at[field] != nil && !s.bad[field] }

// child is the path of a field in a group. A key that is no plain name is quoted,
// so that a mistake stays on one line.
func child(path, name string) string {
	if !plainKey.MatchString(name) {
		name = quoted(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,100}$`)

// decode fills v from n and reports whatever does not fit.
func (s *source) decode(n *yaml.Node, v reflect.Value, path string, r rules) {
	s.at[path] = n
	if !s.plain(n, path) {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if n.Kind == yaml.ScalarNode && placeholder.MatchString(n.Value) {
		s.report(n, path, "still holds the placeholder "+n.Value, "fill it in")
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *metav1.Duration:
		s.duration(n, p, path)
	case *resource.Quantity:
		s.quantity(n, p, path)
	case *metav1.Time:
		s.time(n, p, path)
	case *metav1.ObjectMeta:
		s.metadata(n, p, path)
	default:
		s.decodeKind(n, v, path, r)
	}
}

func (s *source) decodeKind(n *yaml.Node, v reflect.Value, path string, r rules) {
	switch v.Kind() {
	case reflect.Struct:
		s.group(n, v, path)
	case reflect.Slice:
		s.list(n, v, path, r)
	case reflect.Map:
		s.texts(n, v, path)
	case reflect.String:
		s.text(n, v, path, r)
	case reflect.Bool:
		s.boolean(n, v, path)
	case reflect.Float64:
		s.float(n, v, path, r)
	case reflect.Int, reflect.Int32, reflect.Int64:
		s.integer(n, v, path, r)
	default:
		panic(fmt.Sprintf("%s: the decoder has no rule for %s", path, v.Type()))
	}
}

// plain refuses what makes a document read differently from how it looks: an
// anchor, an alias, a tag.
func (s *source) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		s.report(n, path, "anchors and aliases are not supported", "write the value out: what is reviewed must be what is read")
	case n.Style&yaml.TaggedStyle != 0:
		s.report(n, path, "has a YAML tag", "leave the tag out")
	default:
		return true
	}
	return false
}

// typeMeta are the fields of the embedded TypeMeta, which has no tags for us.
var typeMeta = map[string]string{"apiVersion": "APIVersion", "kind": "Kind"}

// group decodes a mapping into a struct.
func (s *source) group(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		s.report(n, path, "is "+nodeKind(n)+", must be a group of fields", "known here: "+strings.Join(fieldNames(v.Type()), ", "))
		return
	}
	fields := wireFields(v.Type())
	meant := map[string]bool{}
	seen := s.pairs(n, path, func(k, value *yaml.Node, path string) {
		if f, ok := fieldNamed(fields, k.Value); ok {
			s.decode(value, v.Field(f.index), path, f.rules)
			return
		}
		if to := v.FieldByName(typeMeta[k.Value]); to.IsValid() && path == k.Value {
			s.decode(value, to, path, rules{})
			return
		}
		meant[nearest(k.Value, fieldNames(v.Type()))] = true
		s.report(k, path, "is not a known field", suggestion(k.Value, fieldNames(v.Type())))
	})
	for _, f := range fields {
		switch field := child(path, f.name); {
		case seen[f.name]:
		case meant[f.name]:
			s.bad[field] = true // the misspelt key is reported
		case !f.rules.required:
		default:
			s.problem(field, "is missing", addIt(f.rules))
		}
	}
}

func addIt(r rules) string {
	if len(r.enum) > 0 {
		return "add it, one of: " + strings.Join(r.enum, ", ")
	}
	return "add it"
}

// pairs walks a mapping's keys and gives those that it has seen. A second
// value for a key is reported and not visited.
func (s *source) pairs(n *yaml.Node, path string, visit func(k, v *yaml.Node, path string)) map[string]bool {
	first := map[string]*yaml.Node{}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		field := child(path, k.Value)
		switch {
		case k.Kind != yaml.ScalarNode:
			s.report(k, path, "has a key that is "+nodeKind(k), "keys are plain names")
		case k.Value == "<<" && k.Tag == "!!merge":
			s.report(k, path, "merge keys are not supported", "write the fields out: what is reviewed must be what is read")
		case k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
			s.report(k, path, "has a key with an anchor or a tag", "keys are plain names")
		case first[k.Value] != nil:
			s.report(k, field, fmt.Sprintf("stands here for the second time, first in line %d", first[k.Value].Line), "keep one of them")
		default:
			first[k.Value], seen[k.Value] = k, true
			visit(k, v, field)
		}
	}
	return seen
}

func (s *source) list(n *yaml.Node, v reflect.Value, path string, r rules) {
	if n.Kind != yaml.SequenceNode {
		s.report(n, path, "is "+nodeKind(n)+", must be a list", `write each entry on a line of its own, with "- " before it`)
		return
	}
	if len(n.Content) < r.minItems {
		s.report(n, path, "is an empty list", "add an entry")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, e := range n.Content {
		s.decode(e, v.Index(i), fmt.Sprintf("%s[%d]", path, i), rules{})
	}
}

// texts decodes a mapping of names to text. What stands under a secret's name is
// taken as it is: the answer to it is not a pair of quotes.
func (s *source) texts(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		s.report(n, path, "is "+nodeKind(n)+", must be a group of names with their values", "write NAME: value, one on a line")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	s.pairs(n, path, func(k, value *yaml.Node, path string) {
		e := reflect.New(v.Type().Elem()).Elem()
		if value.Kind == yaml.ScalarNode && secretName(k.Value) {
			s.at[path] = value
			e.SetString(value.Value)
		} else {
			s.decode(value, e, path, rules{})
		}
		if !s.bad[path] {
			v.SetMapIndex(reflect.ValueOf(k.Value), e)
		}
	})
}

// metadata takes of an object's metadata what a person may write.
func (s *source) metadata(n *yaml.Node, to *metav1.ObjectMeta, path string) {
	var m v1alpha1.Metadata
	s.group(n, reflect.ValueOf(&m).Elem(), path)
	to.Name, to.Namespace, to.Labels, to.Annotations = m.Name, m.Namespace, m.Labels, m.Annotations
}

func fieldNamed(fields []wireField, name string) (wireField, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return wireField{}, false
}

func fieldNames(t reflect.Type) []string {
	var out []string
	for _, f := range wireFields(t) {
		out = append(out, f.name)
	}
	return out
}
