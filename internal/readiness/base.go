package readiness

import (
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// approvedBase is BASE-IMAGE: every workload's image stands on a base that the
// policy approves. Docker Hub is refused even where its name stands in the policy:
// the runbook names it, and what a tag there means can change any day.
func approvedBase(l look) opinion {
	o := opinion{remedy: "build on a base of the policy's approvedBases"}
	for _, w := range l.Spec.Workloads {
		seen := l.Bases[w.Name]
		if !seen.At.IsZero() && (o.at.IsZero() || seen.At.Before(o.at)) {
			o.at = seen.At
		}
		switch {
		case o.command != "":
		case w.Dockerfile != "":
			o.command = "grep -n -i '^FROM' " + quote(w.Dockerfile)
		case w.Image != "":
			o.command = "skopeo inspect " + quote("docker://"+w.Image)
		}
		verdict, what := l.baseOf(w.Name, seen)
		switch verdict {
		case migration.Fail:
			o.blames = append(o.blames, what)
		case migration.Unknown:
			o.unsure = append(o.unsure, what)
			continue
		}
		o.evidence = append(o.evidence, Evidence{What: "workload " + what + toldBy(seen.Value.By), At: seen.At})
	}
	switch {
	case len(o.blames) > 0:
		return o.fails("%s", some(o.blames))
	case len(o.unsure) > 0:
		return o.unknown("%s", some(o.unsure))
	case len(l.Spec.Workloads) == 0:
		return o.unknown("no workload is declared")
	}
	return o.passes("every image stands on an approved base")
}

// baseOf judges what one workload's image stands on.
func (l look) baseOf(workload string, seen migration.Observed[migration.BaseFacts]) (migration.Verdict, string) {
	base := seen.Value
	name := base.Approved
	if base.From != "" {
		name = base.From
	}
	prefixes := l.Policy.ApprovedBases
	switch {
	case !seen.Known():
		return migration.Unknown, fmt.Sprintf("what %s stands on is not known%s", workload, colon(seen.Err))
	case l.Now.Sub(seen.At) > l.Policy.EvidenceAge:
		return migration.Unknown, fmt.Sprintf("what %s stands on was seen %s ago", workload, ago(l.Now.Sub(seen.At)))
	case name == "":
		return migration.Unknown, fmt.Sprintf("neither Dockerfile, label nor layers tell what %s stands on", workload)
	case hub(name):
		return migration.Fail, fmt.Sprintf("%s stands on %s of Docker Hub", workload, name)
	case len(prefixes) == 0:
		return migration.Unknown, "the policy approves no base, so that none can be judged"
	case !approved(name, prefixes) && !approved(base.Approved, prefixes):
		return migration.Fail, fmt.Sprintf("%s stands on %s, which the policy does not approve", workload, name)
	}
	return migration.Pass, fmt.Sprintf("%s stands on %s, which is approved", workload, name)
}

func toldBy(by string) string {
	if by == "" {
		return ""
	}
	return ", by its " + by
}

func colon(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// hub says whether a reference leads to Docker Hub: by name, or because it names
// no registry at all (a registry has a dot, a port or is localhost).
func hub(ref string) bool {
	if ref == "scratch" {
		return false
	}
	first, _, ok := strings.Cut(ref, "/")
	if !ok || (!strings.ContainsAny(first, ".:") && first != "localhost") {
		return true
	}
	return first == "docker.io" || strings.HasSuffix(first, ".docker.io")
}

// approved compares a reference with the policy's prefixes. A prefix ends at a
// boundary of names: registry/base does not approve registry/basement. One that
// ends in / or * is open.
func approved(ref string, prefixes []string) bool {
	for _, p := range prefixes {
		rest, ok := strings.CutPrefix(ref, strings.TrimSuffix(p, "*"))
		if !ok || p == "" {
			continue
		}
		if rest == "" || strings.HasSuffix(p, "*") || strings.HasSuffix(p, "/") || strings.ContainsAny(rest[:1], "/:@") {
			return true
		}
	}
	return false
}
