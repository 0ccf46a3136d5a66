package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"rehome.dev/rehome/api/v1alpha1"
)

// document parses the one document of a file. Its error is what makes reading
// any further senseless.
func document(file string, data []byte, kind, starter string) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, Errors{{File: file, Problem: "the file is empty", Remedy: "write a starter with: " + starter}}
	}
	if err != nil {
		return nil, Errors{syntaxError(file, data, err)}
	}
	var next yaml.Node
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		line := max(next.Line, 1)
		if err != nil {
			line = syntaxError(file, data, err).Line
		}
		return nil, Errors{{File: file, Line: line, Column: 1, Problem: "a second document begins",
			Remedy: "one file holds one " + kind + ": put the other one in a file of its own"}}
	}
	root := &doc
	if len(doc.Content) > 0 {
		root = doc.Content[0]
	}
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, Errors{{File: file, Line: max(root.Line, 1), Column: max(root.Column, 1), Problem: "the document is empty",
			Remedy: "write a starter with: " + starter}}
	}
	if root.Kind != yaml.MappingNode {
		return nil, Errors{{File: file, Line: root.Line, Column: root.Column, Problem: "is " + nodeKind(root) + ", not a document with apiVersion, kind, metadata and spec",
			Remedy: "write a starter with: " + starter}}
	}
	return root, nil
}

// header checks apiVersion and kind. It is false where the document is of
// another kind: then every field would be a mistake.
func (s *source) header(root *yaml.Node, kind string) bool {
	same := true
	found := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		k, v := root.Content[i], root.Content[i+1]
		if v.Kind != yaml.ScalarNode {
			continue // the decoder says what it must be
		}
		found[k.Value] = true
		switch {
		case k.Value == "apiVersion" && v.Value != v1alpha1.APIVersion:
			s.report(v, "apiVersion", "is "+quoted(v.Value), "this program knows "+v1alpha1.APIVersion)
		case k.Value == "kind" && v.Value != kind:
			s.report(v, "kind", "is "+quoted(v.Value)+", not "+kind, otherKind(v.Value, kind))
			same = false
		}
	}
	s.at[""] = root
	if !found["apiVersion"] {
		s.problem("apiVersion", "is missing", "add apiVersion: "+v1alpha1.APIVersion)
	}
	if !found["kind"] {
		s.problem("kind", "is missing", "add kind: "+kind)
	}
	return same
}

func otherKind(have, want string) string {
	if have == v1alpha1.KindPolicy && want == v1alpha1.KindMigration {
		return "name the migration's file; a policy is given with --policy or with spec.policy"
	}
	if have == v1alpha1.KindMigration && want == v1alpha1.KindPolicy {
		return "name the policy's file here; this one is a migration"
	}
	return "this file must hold a " + want
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// syntaxError is what the YAML parser said, with the place. A tab in the
// indentation is by far its most frequent cause, and the least clearly told.
func syntaxError(file string, data []byte, err error) Error {
	line, text := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	lines := strings.Split(string(data), "\n")
	for i := max(line-2, 0); i < min(line+1, len(lines)); i++ {
		indent := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
			return Error{File: file, Line: i + 1, Column: tab + 1, Problem: "a tab stands in the indentation", Remedy: "YAML is indented with spaces"}
		}
	}
	return Error{File: file, Line: line, Column: 1, Problem: "is not YAML: " + text,
		Remedy: "look at this line and the one before it: indentation, quotes, a colon without a space"}
}

// nodeKind names what a node is, for people.
func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a group of fields"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	}
	return "text"
}

// quoted shortens and quotes what stands in a file.
func quoted(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
