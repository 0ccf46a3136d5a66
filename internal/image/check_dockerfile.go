package image

import (
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/scan"
)

// checkDockerfile holds a Dockerfile to the policy: what can be seen before anything
// is built.
func checkDockerfile(file string, policy migration.Policy) []Finding {
	text, err := os.ReadFile(file)
	if err != nil {
		var out []Finding
		for _, code := range []Code{CodeBase, CodeDigest, CodeUser, CodeSecret} {
			f := unseen(code, file, err)
			f.Remedy = "name the file in the workload's dockerfile"
			out = append(out, f)
		}
		return out
	}
	facts, err := Dockerfile(text)
	out := []Finding{baseFinding(file, facts, ofFile(file, err), policy)}
	if out[0].Verdict == migration.Unknown && len(policy.ApprovedBases) > 0 {
		out[0].Remedy = "give each ARG that FROM uses a default"
	}
	if err != nil {
		return append(out, unseen(CodeDigest, file, err), unseen(CodeUser, file, err), secretsOf(file, text))
	}
	digest := pinned(facts.From)
	digest.Subject = file
	user := userFinding(file, facts.User, nil, nil)
	switch {
	case facts.User == "":
		user.Verdict, user.Text = migration.Unknown, "it sets no USER: who it runs as, its base says"
	case user.Verdict == migration.Fail && facts.User != "root" && !strings.HasPrefix(facts.User, "0") && !strings.HasPrefix(facts.User, "root:"):
		user.Verdict, user.Text = migration.Unknown, fmt.Sprintf("who its user %s is, the built image says", facts.User)
	}
	return append(out, digest, user, secretsOf(file, text))
}

// secretsOf is IMAGE-SECRETS of a Dockerfile's text.
func secretsOf(file string, text []byte) Finding {
	stages, args, _, err := parsed(text)
	if err != nil {
		return unseen(CodeSecret, file, err)
	}
	var found []Evidence
	add := func(at []parser.Range, more []Evidence) {
		for _, e := range more {
			if len(at) > 0 {
				e.Line = at[0].Start.Line
				e.What = fmt.Sprintf("line %d: %s", e.Line, e.What)
			}
			found = append(found, e)
		}
	}
	for _, a := range args {
		add(a.Location(), argEvidence(a.Args))
	}
	for _, s := range stages {
		for _, c := range s.Commands {
			add(c.Location(), commandEvidence(c))
		}
	}
	f := secretFinding(file, found, 0, nil)
	if f.Verdict == migration.Pass {
		f.Text = "no secret is in its text"
	}
	return f
}

func argEvidence(args []instructions.KeyValuePairOptional) []Evidence {
	var out []Evidence
	for _, a := range args {
		if a.Value != nil {
			out = append(out, setting("ARG", a.Key, *a.Value)...)
		}
	}
	return out
}

// commandEvidence are the secrets of one instruction.
func commandEvidence(c instructions.Command) []Evidence {
	var out []Evidence
	switch c := c.(type) {
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			out = append(out, setting("ENV", kv.Key, plainQuotes(kv.Value))...)
		}
	case *instructions.LabelCommand:
		for _, kv := range c.Labels {
			out = append(out, setting("LABEL", kv.Key, plainQuotes(kv.Value))...)
		}
	case *instructions.ArgCommand:
		out = argEvidence(c.Args)
	case *instructions.CopyCommand:
		out = contentEvidence(c.SourceContents)
	case *instructions.AddCommand:
		out = contentEvidence(c.SourceContents)
	case *instructions.RunCommand:
		out = lineEvidence("RUN", c.CmdLine)
		for _, f := range c.Files {
			out = append(out, placesEvidence(f.Name, []byte(f.Data))...)
		}
	case *instructions.CmdCommand:
		out = lineEvidence("CMD", c.CmdLine)
	case *instructions.EntrypointCommand:
		out = lineEvidence("ENTRYPOINT", c.CmdLine)
	case *instructions.HealthCheckCommand:
		if c.Health != nil {
			out = lineEvidence("HEALTHCHECK", c.Health.Test)
		}
	case *instructions.OnbuildCommand:
		_, found := scan.CommandLine(c.Expression)
		out = arguments("ONBUILD", found)
	}
	return out
}

// plainQuotes takes the quotes off a value as it is written.
func plainQuotes(value string) string {
	return strings.NewReplacer(`"`, "", `'`, "").Replace(value)
}

// lineEvidence reads a command line, in a shell's form and in words.
func lineEvidence(what string, line []string) []Evidence {
	var found []scan.Argument
	if len(line) == 1 {
		_, found = scan.CommandLine(line[0])
	} else {
		_, found = scan.Arguments(line)
	}
	return arguments(what, found)
}

func contentEvidence(files []instructions.SourceContent) []Evidence {
	var out []Evidence
	for _, f := range files {
		out = append(out, placesEvidence(f.Path, []byte(f.Data))...)
	}
	return out
}

func placesEvidence(file string, data []byte) []Evidence {
	var out []Evidence
	for _, p := range scan.Locate(file, data) {
		out = append(out, Evidence{What: fmt.Sprintf("%s:%d %s (%s)", plainName(file), p.Line, p.Key, p.Rule), Key: p.Key, Rule: p.Rule, Doubtful: p.Doubtful})
	}
	return out
}
