package config

import (
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// units locates secrets in the unit's file and its drop-ins: whoever may read a
// unit, may read them. Environment files are trees.
func (r *reading) units() {
	u := r.facts.Unit
	if u == nil {
		return
	}
	for _, name := range append([]string{u.Path}, u.DropIns...) {
		if name == "" {
			continue
		}
		host, err := r.host(name)
		if err != nil {
			r.scope.Gaps.Add(inventory.SubjectSecrets, inventory.Name(name), reason(err))
			continue
		}
		c, err := r.read(host)
		if err != nil {
			r.scope.Gaps.Add(inventory.SubjectSecrets, inventory.Name(name), reason(err))
			continue
		}
		for _, p := range unitPlaces(string(c.data)) {
			p.File = inventory.Name(name)
			r.facts.Secrets = append(r.facts.Secrets, p)
		}
	}
}

// unitPlaces reads a unit's file, see systemd.syntax(7): lines that end in a
// backslash go on, values of Environment= are words in quotes.
func unitPlaces(text string) []inventory.SecretPlace {
	var out []inventory.SecretPlace
	add := func(line int, key, rule string) {
		p := inventory.SecretPlace{Line: line, Key: inventory.Name(key), Rule: rule, In: "unit"}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		first, line := i+1, strings.TrimSpace(lines[i])
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + " " + strings.TrimSpace(lines[i])
		}
		key, value, is := strings.Cut(line, "=")
		if !is || line[0] == '#' || line[0] == ';' {
			continue
		}
		switch key = strings.TrimSpace(key); {
		case key == "Environment":
			for _, w := range scan.Words(value) {
				if name, v, is := strings.Cut(w, "="); is {
					if rule, secret := scan.Secret(name, v); secret {
						add(first, name, rule)
					}
				}
			}
		case key == "SetCredential":
			if name, v, is := strings.Cut(value, ":"); is && v != "" {
				add(first, name, "credential")
			}
		case strings.HasPrefix(key, "Exec"):
			if _, found := scan.CommandLine(value); len(found) > 0 {
				add(first, key, "argument")
			}
		}
	}
	return out
}
