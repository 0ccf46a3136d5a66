package unit

import (
	"os"
	"path/filepath"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// environment reads the names of the unit's variables. It gives the files that
// it could not read.
func (s *State) environment(p Properties, root string) map[string]string {
	for _, value := range p["Environment"] {
		for _, word := range scan.Words(value) {
			name, v, _ := strings.Cut(word, "=")
			s.variable(name, v, "unit", s.Unit.Path, 0)
		}
	}
	unreadable := map[string]string{}
	for _, value := range p["EnvironmentFiles"] {
		pattern, optional := strings.CutSuffix(value, " (ignore_errors=yes)")
		pattern = strings.TrimSuffix(pattern, " (ignore_errors=no)")
		s.Unit.EnvironmentFiles = append(s.Unit.EnvironmentFiles, pattern)
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			if !optional {
				unreadable[pattern] = "does not exist"
			}
			continue
		}
		for _, file := range files {
			name := strings.TrimPrefix(file, strings.TrimSuffix(root, "/"))
			text, err := scope.Read(file, nil)
			if err != nil {
				unreadable[name] = reason(err)
				continue
			}
			for _, v := range Assignments(string(text)) {
				s.variable(v.Name, v.Value, name, name, v.Line)
			}
		}
	}
	return unreadable
}

func (s *State) variable(name, value, origin, file string, line int) {
	rule, secret := scan.Secret(name, value)
	s.Variables = append(s.Variables, inventory.Variable{
		Name: inventory.Name(name), Origin: origin, Secret: secret, Empty: value == ""})
	if !secret {
		return
	}
	in := "file"
	if origin == "unit" {
		in = "unit"
	}
	s.Secrets = append(s.Secrets, inventory.SecretPlace{File: file, Line: line, Key: inventory.Name(name), Rule: rule, In: in})
}

func reason(err error) string {
	switch {
	case os.IsPermission(err):
		return "permission denied"
	case os.IsNotExist(err):
		return "does not exist"
	}
	return "cannot be read"
}

// Assignment is one line of an environment file. Value never leaves the collector.
type Assignment struct {
	Name, Value string
	Line        int
}

// Assignments reads an environment file as systemd.exec(5) describes it: comments
// begin with # or ;, values may be quoted and go over several lines, a backslash
// at the end continues a line. "export NAME=…" of a shell's file is read too.
func Assignments(text string) []Assignment {
	var out []Assignment
	line := 1
	for text != "" {
		began := line
		var raw string
		raw, text = statement(text)
		line += strings.Count(raw, "\n")
		raw = strings.TrimSpace(raw)
		if raw == "" || raw[0] == '#' || raw[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(raw, "export "), "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'$") {
			continue
		}
		out = append(out, Assignment{Name: name, Value: unquote(strings.TrimSpace(value)), Line: began})
	}
	return out
}

// statement cuts off the first line together with those that continue it.
func statement(text string) (first, rest string) {
	comment := strings.HasPrefix(strings.TrimLeft(text, " \t"), "#") || strings.HasPrefix(strings.TrimLeft(text, " \t"), ";")
	var quote byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quote != '\'':
			i++
		case comment && c != '\n':
		case quote == 0 && (c == '"' || c == '\'') && i > 0 && text[i-1] == '=':
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\n' && quote == 0:
			return text[:i+1], text[i+1:]
		}
	}
	return text, ""
}

func unquote(value string) string {
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		return value[1 : len(value)-1]
	}
	return value
}
