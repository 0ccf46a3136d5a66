package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// contextDir is the directory beside a Dockerfile that holds the files of the image
// as they stand in it.
const contextDir = "rootfs"

// writeDockerfile writes the Dockerfile that gives the same image: what its base
// does not say already stands there, by name.
func writeDockerfile(b *Built, base v1.Image, config *v1.ConfigFile) (string, error) {
	was, err := base.ConfigFile()
	if err != nil {
		return "", err
	}
	c := config.Config
	var out strings.Builder
	fmt.Fprintf(&out, "# Written by rehome image for %s. What is in %s/ came from the machine, as\n# root's and readable by all; edit both as you like.\n", oneLine(b.Workload), contextDir)
	fmt.Fprintf(&out, "FROM %s\n", b.Base)
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		if c.Labels[key] != was.Config.Labels[key] {
			fmt.Fprintf(&out, "LABEL %s=%s\n", word(key), word(c.Labels[key]))
		}
	}
	if len(b.Files) > 0 {
		fmt.Fprintf(&out, "COPY %s/ /\n", contextDir)
	}
	for _, pair := range c.Env {
		if key, value, _ := strings.Cut(pair, "="); !slices.Contains(was.Config.Env, pair) {
			fmt.Fprintf(&out, "ENV %s=%s\n", key, word(value))
		}
	}
	if c.WorkingDir != was.Config.WorkingDir {
		fmt.Fprintf(&out, "WORKDIR %s\n", word(c.WorkingDir))
	}
	for _, port := range slices.Sorted(maps.Keys(c.ExposedPorts)) {
		if _, had := was.Config.ExposedPorts[port]; !had {
			fmt.Fprintf(&out, "EXPOSE %s\n", port)
		}
	}
	if c.StopSignal != was.Config.StopSignal {
		fmt.Fprintf(&out, "STOPSIGNAL %s\n", c.StopSignal)
	}
	fmt.Fprintf(&out, "USER %s\n", c.User)
	command, err := execForm(c.Entrypoint)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&out, "ENTRYPOINT %s\n", command)
	return out.String(), nil
}

// word writes a value so that a Dockerfile's reader gives it back: within double
// quotes, where a backslash, a quote and a dollar are not themselves.
func word(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(value) + `"`
}

// execForm is a command as JSON, which no shell reads.
func execForm(words []string) (string, error) {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(words); err != nil {
		return "", fmt.Errorf("write the command: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// errNotWritable: a Dockerfile has no way to say it.
var errNotWritable = errors.New("holds a line's end, a control character or no text, which no Dockerfile can say")

// writable says whether a Dockerfile can say all of a configuration.
func writable(c *v1.Config) error {
	check := func(what, text string) error {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("%s %w", what, errNotWritable)
		}
		return nil
	}
	var errs []error
	for _, w := range c.Entrypoint {
		errs = append(errs, check("a word of the command", w))
	}
	for key, value := range c.Labels {
		errs = append(errs, check("the label "+oneLine(key), key+value))
	}
	return errors.Join(append(errs, check("the working directory", c.WorkingDir), check("LD_LIBRARY_PATH", strings.Join(c.Env, "")))...)
}

// oneLine is a name for a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}
