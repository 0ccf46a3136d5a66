package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/tree"
)

// conversionText is a conversion for people.
func (p *Program) conversionText(w io.Writer, v conversion, f convertFlags) {
	fmt.Fprintf(w, "%s: %s for %s\n", p.paint(styleHead, v.Name), quantity(len(v.Files), "file", "files"), v.Mount)
	for _, file := range v.Files {
		fmt.Fprintf(w, "  %-9s  %s%s\n", file.Placement, tree.Name(file.Path), reasonWords(file))
	}
	for _, o := range v.Objects {
		words := ""
		if o.Env {
			words = ", as environment variables"
		}
		if o.From != "" && o.From != storeKubernetes {
			words += ", from " + o.From
		}
		fmt.Fprintf(w, "  %s %s: %s%s\n", o.Kind, o.Name, quantity(len(o.Keys), "key", "keys"), words)
	}
	if v.FSGroup != 0 {
		fmt.Fprintf(w, "  the pod needs fsGroup %d\n", v.FSGroup)
	}
	p.warningsText(w, v)
	for _, r := range v.Applied {
		fmt.Fprintf(w, "  %s: %s\n", r.Place, appliedWords[string(r.Done)])
	}
	switch {
	case v.DryRun && v.Changed:
		fmt.Fprintf(w, "  would write %s\n", f.out)
	case v.Changed:
		fmt.Fprintf(w, "  wrote %s\n", f.out)
	default:
		fmt.Fprintf(w, "  %s is as it should be\n", f.out)
	}
	if !f.apply && slices.ContainsFunc(v.Objects, func(o convertedObject) bool { return o.Kind == convert.Secret }) {
		fmt.Fprintf(w, "  the Secrets are not there yet: call it again with --apply\n")
	}
}

var appliedWords = map[string]string{"written": "written", "there": "there already", "would-write": "would be written"}

// reasonWords are why a file is placed so, in one line.
func reasonWords(f convert.File) string {
	var words []string
	for _, r := range f.Reasons {
		word := ""
		switch r.Code {
		case convert.CodePlain, convert.CodeTogether:
			continue
		case convert.CodeLink:
			word = r.Text
		case convert.CodeDecided:
			word = strings.TrimSuffix("decided: "+r.Text, ": ")
		case convert.CodeModePrivate:
			word = r.Text
		case convert.CodeNotExtract:
			word = "not extracted: " + r.Text
		case convert.CodeDoubtful:
			word = "may be a secret"
		case convert.CodeExtracted:
			word = r.Text
		default:
			word = r.Rule
		}
		if r.Line > 0 {
			word += fmt.Sprintf(" in line %d (%s)", r.Line, r.KeyPath)
		}
		words = append(words, word)
	}
	const most = 3
	if n := len(words); n > most {
		words = append(words[:most], fmt.Sprintf("and %d more", n-most))
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, "; ")
}

func (p *Program) warningsText(w io.Writer, v conversion) {
	for _, x := range v.Warnings {
		fmt.Fprintf(w, "  %s %s: %s\n", p.paint(styleWarn, "warning"), x.Code, x.Text)
		if len(x.Paths) > 0 {
			fmt.Fprintf(w, "    %s\n", named(x.Paths))
		}
	}
}

// named are the first of many paths.
func named(paths []string) string {
	const most = 8
	var words []string
	for i, at := range paths {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(paths)-most))
			break
		}
		words = append(words, tree.Name(at))
	}
	return strings.Join(words, ", ")
}

// openText says what stands against a conversion, and what could be decided.
func (p *Program) openText(w io.Writer, v conversion, f convertFlags) {
	fmt.Fprintf(w, "%s: %s cannot be converted yet\n", p.paint(styleHead, v.Name), f.mount)
	for _, x := range v.Problems {
		word := p.paint(styleBad, "wrong")
		if x.Open {
			word = p.paint(styleWarn, "undecided")
		}
		fmt.Fprintf(w, "  %s %s: %s: %s\n", word, x.Code, tree.Name(x.Path), x.Text)
		if x.Hint != "" {
			fmt.Fprintf(w, "    hint: %s\n", x.Hint)
		}
	}
	for _, q := range v.Questions {
		places := ""
		if q.Places > 1 {
			places = fmt.Sprintf(", in %d places", q.Places)
		}
		fmt.Fprintf(w, "  %s %s line %d: %s may be a secret (%s)%s\n", p.paint(styleWarn, "undecided"), tree.Name(q.Path), q.Line, q.KeyPath, q.Rule, places)
	}
	p.warningsText(w, v)
	if text := starter(v, f); text != "" {
		fmt.Fprintf(w, "\n%s could say, with public where it is no secret:\n\n%s\n", f.decisions, text)
	}
}
