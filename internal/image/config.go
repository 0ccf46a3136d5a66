package image

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/internal/scan"
)

// configEvidence are the secrets of an image's configuration: its variables, labels
// and command lines, and of the commands by which it was built.
func configEvidence(config *v1.ConfigFile) []Evidence {
	var out []Evidence
	c := config.Config
	for _, pair := range c.Env {
		key, value, _ := strings.Cut(pair, "=")
		out = append(out, setting("variable", key, value)...)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		out = append(out, setting("label", key, c.Labels[key])...)
	}
	for _, command := range [][]string{c.Entrypoint, c.Cmd, c.OnBuild, c.Shell, healthOf(c)} {
		_, found := scan.Arguments(command)
		out = append(out, arguments("command line", found)...)
	}
	for n, h := range config.History {
		for _, line := range []string{h.CreatedBy, h.Comment} {
			out = append(out, history(n+1, line)...)
		}
	}
	return out
}

func healthOf(c v1.Config) []string {
	if c.Healthcheck == nil {
		return nil
	}
	return c.Healthcheck.Test
}

func setting(what, key, value string) []Evidence {
	rule, secret := scan.Secret(key, value)
	if !secret {
		return nil
	}
	key = plainText(key)
	return []Evidence{{What: fmt.Sprintf("%s %s (%s)", what, key, rule), Key: key, Rule: rule}}
}

// shellMarks are what builders write before a command.
var shellMarks = []string{"/bin/sh -c #(nop) ", "/bin/sh -c ", "RUN "}

// history are the secrets of one step of the history, of which builders write
// variables as ENV KEY=VALUE and as KEY VALUE.
func history(step int, line string) []Evidence {
	what := fmt.Sprintf("history, step %d", step)
	for _, mark := range shellMarks {
		line = strings.TrimPrefix(line, mark)
	}
	line = strings.TrimSpace(line)
	if word, rest, ok := strings.Cut(line, " "); ok {
		switch strings.ToUpper(word) {
		case "ENV", "ARG", "LABEL":
			if key, value, ok := strings.Cut(rest, " "); ok && !strings.Contains(key, "=") {
				if out := setting(what, key, value); out != nil {
					return out
				}
			}
		}
	}
	_, found := scan.CommandLine(line)
	return arguments(what, found)
}

func arguments(what string, found []scan.Argument) []Evidence {
	var out []Evidence
	for _, a := range found {
		key := plainText(a.Key)
		out = append(out, Evidence{What: strings.TrimSpace(what+": "+key) + " (" + a.Rule + ")", Key: key, Rule: a.Rule})
	}
	return out
}
