package convert

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/scan"
	"rehome.dev/rehome/internal/tree"
)

// variable is what a file refers to: the content of a Secret that is given as
// environment variables.
type variable struct {
	name  string
	value tree.Content
}

// extract leaves the file in the ConfigMap with references, where that is certain to
// give the application the same. Otherwise the file stays a Secret, and says why.
func (p *placer) extract(u *unit, places []scan.Place, public []Reason) {
	if !p.o.Extract {
		return
	}
	content, vars, err := p.substitute(u, places, public)
	if err != nil {
		u.reasons = append(u.reasons, Reason{Code: CodeNotExtract, Text: err.Error()})
		return
	}
	u.placement, u.content, u.env = InConfigMap, content, vars
	for i := range u.reasons {
		u.reasons[i].Code = CodeExtracted
		if i < len(vars) {
			u.reasons[i].Text = "the environment variable " + vars[i].name
		}
	}
	u.reasons = append(u.reasons, public...)
}

var (
	errNoDialect = errors.New("nobody knows that this application replaces variables in this file")
	errWhole     = errors.New("the file as a whole is a secret")
	errLine      = errors.New("what is secret is not the whole value of one setting in one line")
	errValue     = errors.New("the value means something else when it comes from a variable")
	errRest      = errors.New("with the references in it the file would read differently, or hold a secret still")
)

// substitute puts a reference in the place of each secret. In the errors is no value.
func (p *placer) substitute(u *unit, places []scan.Place, public []Reason) (tree.Content, []variable, error) {
	at := u.source.entry.Path
	d, known := dialectOf(at, p.o.Mount)
	if !known {
		return nil, nil, errNoDialect
	}
	_, settings := scan.Settings(at, u.content)
	lines := bytes.SplitAfter(u.content, []byte("\n"))
	open := map[[2]any]bool{}
	for _, r := range slices.Concat(public, u.reasons) { // what is replaced is a reference, whatever the scanner takes it for
		open[[2]any{r.Line, r.KeyPath}] = true
	}
	var vars []variable
	for _, r := range u.reasons {
		if r.Line == 0 {
			return nil, nil, errWhole
		}
		s, ok := only(settings, r.Line, r.KeyPath)
		if !ok || r.Line > len(lines) {
			return nil, nil, errLine
		}
		v := variable{name: variableName(at, s.Printable())}
		line, value, ok := replaced(string(lines[r.Line-1]), s.Value, d.ref(v.name))
		if !ok {
			return nil, nil, errLine
		}
		if !d.carries(value) {
			return nil, nil, errValue
		}
		if has(vars, v.name) {
			return nil, nil, errLine
		}
		lines[r.Line-1] = []byte(line)
		v.value = tree.Content(value)
		vars = append(vars, v)
	}
	content := tree.Content(bytes.Join(lines, nil))
	if !sameBut(at, settings, content, vars, u.reasons) || stillSecret(at, content, open) || holds(content, vars) {
		return nil, nil, errRest
	}
	return content, vars, nil
}

func has(vars []variable, name string) bool {
	for _, v := range vars {
		if v.name == name {
			return true
		}
	}
	return false
}

// only is the one setting that begins on a line and has that key.
func only(settings []scan.Setting, line int, key string) (scan.Setting, bool) {
	var out scan.Setting
	n := 0
	for _, s := range settings {
		if s.Line == line {
			out = s
			n++
		}
	}
	return out, n == 1 && out.Printable() == key
}

// replaced puts a reference in the place of the value at the end of a line. A value in
// quotes loses them where the reference brings its own.
func replaced(line, value, ref string) (out, plain string, ok bool) {
	body := strings.TrimRight(line, "\r\n")
	end := line[len(body):]
	plain = value
	if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		plain = value[1 : n-1]
	}
	for _, quote := range []string{`"`, `'`, ""} {
		head, found := strings.CutSuffix(body, quote+plain+quote)
		if !found || plain == "" || strings.Contains(head, plain) {
			continue
		}
		if trimmed := strings.TrimRight(head, " \t"); !strings.HasSuffix(trimmed, "=") && !strings.HasSuffix(trimmed, ":") {
			return "", "", false
		}
		if strings.ContainsAny(ref, `'"`) {
			quote = ""
		}
		return head + quote + ref + quote + end, plain, true
	}
	return "", "", false
}

// sameBut says whether the file still reads the same but for the settings that were
// replaced, which name their variables.
func sameBut(at string, before []scan.Setting, content tree.Content, vars []variable, changed []Reason) bool {
	_, after := scan.Settings(at, content)
	if len(after) != len(before) {
		return false
	}
	names := map[int]string{}
	for i, r := range changed {
		names[r.Line] = vars[i].name
	}
	for i := range after {
		name, replaced := names[before[i].Line]
		switch {
		case after[i].Line != before[i].Line || after[i].Key != before[i].Key:
			return false
		case replaced && !strings.Contains(after[i].Value, name), !replaced && after[i].Value != before[i].Value:
			return false
		}
	}
	return true
}

// stillSecret says whether something in the file looks like a secret that nobody has
// decided to be none.
func stillSecret(at string, content tree.Content, open map[[2]any]bool) bool {
	for _, f := range scan.Locate(at, content) {
		if !open[[2]any{f.Line, f.Key}] {
			return true
		}
	}
	return false
}

// holds says whether a value stands in the file a second time: in a comment, or where
// no rule looks.
func holds(content tree.Content, vars []variable) bool {
	for _, v := range vars {
		if bytes.Contains(content, v.value) {
			return true
		}
	}
	return false
}

// variableName is made of the file and the key, so that no application takes it for a
// setting of its own.
func variableName(at, key string) string {
	b := []byte(strings.ToUpper(at + "_" + key))
	for i, c := range b {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			b[i] = '_'
		}
	}
	if b[0] >= '0' && b[0] <= '9' {
		return "_" + string(b)
	}
	return string(b)
}
