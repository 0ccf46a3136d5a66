package config

import (
	"bytes"
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed starter/migration.yaml.tmpl
var migrationStarter string

//go:embed starter/policy.yaml.tmpl
var policyStarter string

// StarterOptions are what is known of an application before its file is
// written, such as from its machine. What is empty becomes a placeholder.
type StarterOptions struct {
	Host       string
	Unit       string
	Port       int
	ConfigDirs []string
	Policy     string // file of the policy; "" is policy.yaml
}

// Starter is a commented migration to begin with. It loads once the
// placeholders, which are written <so>, are filled in.
func Starter(name string, o StarterOptions) []byte {
	dirs := o.ConfigDirs
	if len(dirs) == 0 {
		dirs = []string{"/etc/" + name}
	}
	quotedDirs := make([]string, len(dirs))
	for i, d := range dirs {
		quotedDirs[i] = yamlText(d)
	}
	port := "<port of the application>"
	if o.Port != 0 {
		port = strconv.Itoa(o.Port)
	}
	return execute(migrationStarter, map[string]any{
		"Name": yamlText(name), "Plain": oneLine(name), "File": oneLine(name) + ".yaml",
		"Policy": yamlText(cmp.Or(o.Policy, "policy.yaml")),
		"Port":   port, "Host": orPlaceholder(o.Host, "<host of the machine>"), "Unit": orPlaceholder(o.Unit, "<systemd unit>"),
		"ConfigDirs": quotedDirs, "ConfigMap": yamlText(name + "-config"),
	})
}

// PolicyStarter is a commented policy to begin with. Omitted numbers are the
// runbook's.
func PolicyStarter(name string) []byte {
	return execute(policyStarter, map[string]any{"Name": yamlText(name)})
}

func execute(text string, data any) []byte {
	var b bytes.Buffer
	if err := template.Must(template.New("starter").Parse(text)).Execute(&b, data); err != nil {
		panic("the starter's template: " + err.Error())
	}
	return b.Bytes()
}

func orPlaceholder(value, placeholder string) string {
	if value == "" {
		return placeholder
	}
	return yamlText(value)
}

var plainText = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9._/-]*$`)

// yamlText writes a text so that every YAML reader takes it as text.
func yamlText(s string) string {
	ambiguous := append([]string{"true", "false", "null"}, otherBooleans...)
	if plainText.MatchString(s) && !slices.Contains(ambiguous, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(strings.ToValidUTF8(s, "?"))
}

// oneLine keeps a name from leaving the comment that it stands in.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, s)
}
