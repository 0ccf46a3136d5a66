package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/convert"
)

// decisionFile is rehome.convert.yaml: what people have decided of the files of one
// application. It holds no value.
type decisionFile struct {
	Name      string             `json:"name"`
	Decisions []convert.Decision `json:"decisions"`
}

// readDecisions gives none where there is no file.
func readDecisions(file, name string) ([]convert.Decision, error) {
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, failed("decisions: %w", err)
	}
	var d decisionFile
	if err := yaml.UnmarshalStrict(b, &d); err != nil {
		return nil, failed("%s: %w", file, err).with("it has name and decisions, and each of those file, key, is, places and why")
	}
	if d.Name != name {
		return nil, failed("%s holds the decisions for %q, not for %q", file, d.Name, name).with("name another file with --decisions, or correct its name")
	}
	if err := convert.CheckDecisions(d.Decisions); err != nil {
		return nil, failed("%s: %w", file, err).with("is: secret, public or skip")
	}
	return d.Decisions, nil
}

// notWhole says what stands in the way: what is wrong, and what a person must decide.
func (p *Program) notWhole(v conversion, f convertFlags) error {
	if err := p.emit(v, func(w io.Writer) { p.openText(w, v, f) }); err != nil {
		return err
	}
	wrong, open := 0, len(v.Questions)
	for _, x := range v.Problems {
		if x.Open {
			open++
		} else {
			wrong++
		}
	}
	if wrong > 0 {
		return failed("%s cannot be converted; nothing was written", quantity(wrong, "path", "paths")).with("mend what is named above, or decide in %s that it is skipped", f.decisions)
	}
	return blocked("%s must be decided by a person; nothing was written", quantity(open, "place", "places")).with("write the decisions into %s; or take what may be a secret for one: --doubtful-secret", f.decisions)
}

func quantity(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// starter is what could stand in the file of the decisions: the safe answer to each
// question.
func starter(v conversion, f convertFlags) string {
	d := decisionFile{Name: f.name}
	for _, q := range v.Questions {
		one := convert.Decision{File: q.Path, Key: q.KeyPath, Is: convert.DecideSecret}
		if q.Places > 1 || q.KeyPath == "" {
			one.Places = q.Places
		}
		d.Decisions = append(d.Decisions, one)
	}
	for _, x := range v.Problems {
		if x.Open {
			d.Decisions = append(d.Decisions, convert.Decision{File: x.Path, Is: convert.DecideSkip})
		}
	}
	if len(d.Decisions) == 0 {
		return ""
	}
	b, err := yaml.Marshal(d)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n")
}
