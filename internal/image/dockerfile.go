package image

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"rehome.dev/rehome/internal/migration"
)

// scratch is the empty base, which Docker resolves by itself.
const scratch = "scratch"

// Dockerfile says what an image built from text stands on: the external base of
// its last stage, with the stages between followed and the ARGs before the first
// FROM resolved by their defaults. An ARG without a default is an error: what it
// is given at build time decides, and nobody can see that here.
func Dockerfile(text []byte) (migration.BaseFacts, error) {
	stages, args, escape, err := parsed(text)
	if err != nil {
		return migration.BaseFacts{}, err
	}
	if len(stages) == 0 {
		return migration.BaseFacts{}, errors.New("is no Dockerfile: it has no FROM")
	}
	r := resolver{shell.NewLex(escape), variables{}}
	if err := r.defaults(args); err != nil {
		return migration.BaseFacts{}, err
	}
	facts := migration.BaseFacts{By: "dockerfile"}
	bases := make([]string, len(stages))
	for i, s := range stages {
		if bases[i], err = r.word(s.BaseName); err != nil {
			return migration.BaseFacts{}, fmt.Errorf("line %d: FROM %s: %w", s.Location[0].Start.Line, s.BaseName, err)
		}
		facts.Stages = append(facts.Stages, strings.TrimSpace(s.Name+" from "+bases[i]))
	}
	// The last stage's user counts; where it sets none, that of the stage it is built on.
	for i := len(stages) - 1; ; {
		if facts.User == "" {
			facts.User = r.user(stages[i])
		}
		earlier := stageNamed(stages[:i], bases[i])
		if earlier < 0 {
			facts.From = bases[i]
			return facts, nil
		}
		i = earlier
	}
}

// parsed are the stages of a Dockerfile, the ARGs before them, and the character by
// which it escapes.
func parsed(text []byte) ([]instructions.Stage, []instructions.ArgCommand, rune, error) {
	ast, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, nil, 0, fmt.Errorf("is no Dockerfile: %w", err)
	}
	stages, args, err := instructions.Parse(ast.AST, nil)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("is no Dockerfile: %w", err)
	}
	return stages, args, ast.EscapeToken, nil
}

// stageNamed is the last of the stages with that name (names fold case), or -1
// where the name is that of an image.
func stageNamed(stages []instructions.Stage, name string) int {
	for i := len(stages) - 1; i >= 0; i-- {
		if stages[i].Name != "" && strings.EqualFold(stages[i].Name, name) {
			return i
		}
	}
	return -1
}

type resolver struct {
	lex  *shell.Lex
	vars variables
}

// variables are ARGs with their defaults; nil has none.
type variables map[string]*string

func (v variables) Get(key string) (string, bool) {
	if value := v[key]; value != nil {
		return *value, true
	}
	return "", false
}

func (v variables) Keys() []string {
	var out []string
	for key := range v {
		out = append(out, key)
	}
	return out
}

func (r resolver) defaults(args []instructions.ArgCommand) error {
	for _, a := range args {
		for _, kv := range a.Args {
			if kv.Value == nil {
				r.vars[kv.Key] = nil
				continue
			}
			value, err := r.word(*kv.Value)
			if err != nil {
				return fmt.Errorf("ARG %s: %w", kv.Key, err)
			}
			r.vars[kv.Key] = &value
		}
	}
	return nil
}

// word expands the variables of one word. A variable without a value makes it
// unknown, not shorter.
func (r resolver) word(word string) (string, error) {
	out, unmatched, err := r.lex.ProcessWord(word, r.vars)
	if err != nil {
		return "", err
	}
	for name := range unmatched {
		if strings.Contains(word, "${"+name+":-") || strings.Contains(word, "${"+name+"-") {
			continue // the word has a value of its own for it
		}
		return "", fmt.Errorf("ARG %s has no default: give it one, or declare no Dockerfile and let the image tell", name)
	}
	if out == "" {
		return "", errors.New("names no base")
	}
	return out, nil
}

// user is the last USER of a stage. One that is named by a variable is unknown
// here, and said as it stands.
func (r resolver) user(s instructions.Stage) string {
	user := ""
	for _, c := range s.Commands {
		if u, ok := c.(*instructions.UserCommand); ok {
			user = u.User
		}
	}
	return user
}
