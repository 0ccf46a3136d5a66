package readiness

import (
	"fmt"

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
	switch {
	case !seen.Known():
		return migration.Unknown, fmt.Sprintf("what %s stands on is not known%s", workload, colon(seen.Err))
	case l.Now.Sub(seen.At) > l.Policy.EvidenceAge:
		return migration.Unknown, fmt.Sprintf("what %s stands on was seen %s ago", workload, ago(l.Now.Sub(seen.At)))
	case name == "":
		return migration.Unknown, fmt.Sprintf("neither Dockerfile, label nor layers tell what %s stands on", workload)
	case migration.OnDockerHub(name):
		return migration.Fail, fmt.Sprintf("%s stands on %s of Docker Hub", workload, name)
	case len(l.Policy.ApprovedBases) == 0:
		return migration.Unknown, "the policy approves no base, so that none can be judged"
	case !l.Policy.Approves(name) && !l.Policy.Approves(base.Approved):
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
