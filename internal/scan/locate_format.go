package scan

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/lazy"
)

// Setting is one setting of a configuration file, on the line on which it
// begins. Key is its path within the file; it may hold a part of a value where
// the file is not what it looks like, see Printable.
type Setting struct {
	Line  int
	Key   string
	Value string

	last     int    // its last line
	offset   int    // of its value in the file, 0 where that is not known
	document int    // of several in one file
	rule     string // the format itself says that it is a secret
}

// Printable is the setting's key as it can be shown to people.
func (s Setting) Printable() string { return safeKey(s.Key) }

// Format is how a file is read.
type Format string

// The formats. Lines is key, separator, value in any of the usual forms: ini,
// properties, environment files, TOML, source code. Words is a directive with
// what it is set to: nginx, haproxy, redis. Text has no settings.
const (
	FormatLines     Format = "lines"
	FormatWords     Format = "words"
	FormatYAML      Format = "yaml"
	FormatJSON      Format = "json"
	FormatXML       Format = "xml"
	FormatPHP       Format = "php"
	FormatHCL       Format = "hcl"
	FormatPgpass    Format = "pgpass"
	FormatHtpasswd  Format = "htpasswd"
	FormatText      Format = "text"
	FormatEncrypted Format = "encrypted"
)

// Keyed says whether a key of this format is a name that people gave, so that
// it can be compared between files.
func (f Format) Keyed() bool {
	return slices.Contains([]Format{FormatLines, FormatYAML, FormatJSON, FormatXML}, f)
}

// Settings reads a configuration file. A file that is broken gives what can be
// read of it line by line; the format says as what it was read.
func Settings(path string, data []byte) (Format, []Setting) {
	return settingsOf(path, data, nil)
}

// settingsOf is Settings, of the hot lines alone where a format has one setting to a
// line and some are given.
func settingsOf(path string, data []byte, hot []line) (Format, []Setting) {
	format := formatOf(path, data)
	switch format {
	case FormatJSON:
		if s, err := readJSON(data); err == nil {
			return format, s
		}
		return FormatLines, readLines(data, false, hot)
	case FormatXML:
		if s, err := readXML(data); err == nil {
			return format, s
		}
		return FormatLines, readLines(data, false, hot)
	case FormatYAML:
		return format, readYAML(data)
	case FormatLines:
		return format, readLines(data, false, hot)
	case FormatWords:
		return format, readLines(data, true, hot)
	case FormatHCL:
		return format, readHCL(data)
	case FormatPHP:
		return format, readPHP(data)
	case FormatPgpass:
		return format, readColons(data, FormatPgpass)
	case FormatHtpasswd:
		return format, readColons(data, FormatHtpasswd)
	}
	return format, nil
}

var (
	pgpassLine   = lazy.New(`^(?:[^:\\]|\\.)+:(?:\d+|\*):(?:[^:\\]|\\.)+:(?:[^:\\]|\\.)+:.+$`)
	htpasswdLine = lazy.New(`^[^:\s]+:(?:\$(?:apr1|2[abxy]|1|5|6|y|7|argon2\w*)\$|\{(?:SHA|SSHA|SHA256|SSHA256|PLAIN|CRYPT)\}|[./A-Za-z0-9]{13}$)`)
	yamlStart    = lazy.New(`^(?:---(?:\s|$)|%YAML)`)
	sectionLine  = lazy.New(`^\[[^\[\]=]+\]\s*(?:[#;].*)?$`)
	assignLine   = lazy.New(`^(?:export\s+)?["']?[\w.$\[\]/ -]+["']?\s*(?:=>|:=|=)`)
	colonLine    = lazy.New(`^\s*(?:- )?["']?[\w./-]+["']?:(?:\s|$)`)
)

var byExtension = map[string]Format{
	"json5": FormatLines, "jsonc": FormatLines, "hjson": FormatLines, "yaml": FormatYAML, "yml": FormatYAML, "json": FormatJSON, "xml": FormatXML, "xhtml": FormatXML,
	"properties": FormatLines, "ini": FormatLines, "env": FormatLines, "toml": FormatLines, "py": FormatLines, "rb": FormatLines,
	"js": FormatLines, "ts": FormatLines, "sh": FormatLines, "groovy": FormatLines, "service": FormatLines, "socket": FormatLines, "timer": FormatLines,
	"tf": FormatHCL, "tfvars": FormatHCL, "hcl": FormatHCL, "nomad": FormatHCL,
	"php": FormatPHP, "inc": FormatPHP, "md": FormatText, "txt": FormatText, "html": FormatText, "htm": FormatText, "css": FormatText,
	"crt": FormatText, "pem": FormatText, "key": FormatText, "cer": FormatText, "log": FormatText, "rst": FormatText,
}

func formatOf(path string, data []byte) Format {
	name := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	head := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	switch {
	case bytes.HasPrefix(head, []byte("$ANSIBLE_VAULT")), bytes.HasPrefix(head, []byte("age-encryption.org/")), bytes.HasPrefix(head, []byte("-----BEGIN AGE ENCRYPTED")), bytes.HasPrefix(head, []byte("-----BEGIN PGP MESSAGE")):
		return FormatEncrypted
	case strings.Contains(name, "pgpass"):
		return FormatPgpass
	case strings.Contains(name, "htpasswd"):
		return FormatHtpasswd
	case strings.Contains(name, "netrc"):
		return FormatWords
	case name == ".env", strings.HasPrefix(name, ".env."):
		return FormatLines
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		f, known := byExtension[name[i+1:]]
		if ext := name[i+1:]; known && (ext == "key" || ext == "pem") && !bytes.Contains(head, []byte("-----BEGIN ")) {
			known = false // a key of another form: rndc.key
		}
		if known {
			return f
		}
	}
	return sniff(head)
}

// sniff tells the format of a file by what stands in it.
func sniff(head []byte) Format {
	switch {
	case len(head) == 0:
		return FormatText
	case bytes.HasPrefix(head, []byte("<?php")):
		return FormatPHP
	case bytes.HasPrefix(head, []byte("<?xml")), bytes.HasPrefix(head, []byte("<!--")) && bytes.Contains(head, []byte("</")):
		return FormatXML
	case (head[0] == '{' || head[0] == '[') && json.Valid(head):
		return FormatJSON
	case head[0] == '{' && bytes.IndexByte(head, '\n') > 0: // of JavaScript, or broken
		return FormatLines
	case yamlStart.Match(head):
		return FormatYAML
	case head[0] == '<' && isXML(head):
		return FormatXML
	}
	var total, sections, assigns, colons, pgpass, htpasswd int
	for line := range bytes.Lines(head[:min(len(head), 16<<10)]) {
		text := strings.TrimSpace(string(line))
		if text == "" || isComment(text) {
			continue
		}
		total++
		switch {
		case htpasswdLine.MatchString(text):
			htpasswd++
		case pgpassLine.MatchString(text):
			pgpass++
		case sectionLine.MatchString(text):
			sections++
		case assignLine.MatchString(text):
			assigns++
		case colonLine.MatchString(text):
			colons++
		}
	}
	switch {
	case total == 0:
		return FormatText
	case htpasswd == total:
		return FormatHtpasswd
	case pgpass == total:
		return FormatPgpass
	case 2*(sections+assigns) > total:
		return FormatLines
	case 2*colons > total:
		return FormatYAML
	}
	return FormatWords
}

func isXML(head []byte) bool {
	_, err := readXML(head)
	return err == nil
}

func isComment(line string) bool {
	switch {
	case line == "":
		return false
	case strings.HasPrefix(line, "//") && strings.Contains(line, ":_"): // npmrc(5): of a registry
		return false
	case strings.HasPrefix(line, "//"), strings.HasPrefix(line, "/*"), strings.HasPrefix(line, "* "), strings.HasPrefix(line, "<!--"), strings.HasPrefix(line, "--"):
		return !strings.HasPrefix(line, "-----")
	}
	return line[0] == '#' || line[0] == ';' || line[0] == '!' && !strings.HasPrefix(line, "!=")
}
