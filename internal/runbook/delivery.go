package runbook

import (
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// undelivered says what keeps a part from being as declared where somebody else
// delivers it; "" is nothing. A digest that is not there is not missed, since
// the objects themselves were compared: one of another rendering is.
func (l look) undelivered(env migration.Env, part migration.Part, w migration.Workload) string {
	c := l.f.Cluster[env].Value
	at := c.Namespace + "/" + w.Name
	var there bool
	var digest, want string
	var d migration.Delivered
	if part == migration.PartExposure {
		e, ok := findExposure(c, w.Name)
		there, digest, d, want = ok, e.Digest, e.Delivered, l.s.Spec.ExposureDigest(env, w.Name)
		at = "the way in to " + at
	} else {
		f, ok := findWorkload(c, w.Name)
		there, digest, d, want = ok, f.Digest, f.Delivered, l.s.Spec.WorkloadDigest(env, w.Name)
	}
	switch {
	case !there:
		return at + " is not there"
	case digest != "" && digest != want:
		return at + " is of another rendering"
	case d.Differs != "":
		return at + " is not as declared: " + d.Differs
	}
	return ""
}

// awaited are the parts that somebody else has not delivered yet, and what to
// merge where.
func (l look) awaited(env migration.Env, part migration.Part, list []migration.Workload) []migration.Reason {
	var out []migration.Reason
	for _, w := range list {
		what := l.undelivered(env, part, w)
		if what == "" {
			continue
		}
		r := asks(fails(migration.CodeDelivery, "%s", what+l.keptBy(env, w.Name)))
		out = append(out, seen(hint(r, "rehome render %s --out DIR, and merge DIR/overlays/%s into what delivers namespace %s",
			l.s.File, env, l.s.Spec.Namespace(env)), "cluster", l.f.Cluster[env].At))
	}
	return out
}

// stillDelivered are the parts that an abort leaves to whoever delivers them.
func (l look) stillDelivered(env migration.Env, part migration.Part) []migration.Reason {
	var out []migration.Reason
	c := l.f.Cluster[env].Value
	for _, w := range l.s.Spec.Workloads {
		_, there := findWorkload(c, w.Name)
		what := c.Namespace + "/" + w.Name
		if part == migration.PartExposure {
			_, there = findExposure(c, w.Name)
			what = "the way in to " + what
		}
		if there {
			out = append(out, asks(fails(migration.CodeDelivery, "%s is still there: take overlays/%s out of what delivers it%s",
				what, env, l.keptBy(env, w.Name))))
		}
	}
	return out
}

// stillRuns says which change is needed where somebody else sets the replicas.
func (l look) stillRuns(env migration.Env, w migration.WorkloadFacts) migration.Reason {
	ns := l.s.Spec.Namespace(env)
	r := asks(fails(migration.CodeDelivery, "%s/%s still has %d pods: set its replicas to 0 in what delivers it%s",
		ns, w.Name, len(w.Pods), l.keptBy(env, w.Name)))
	return hint(r, "or pause what delivers it, then: kubectl -n %s scale %s %s --replicas=0", ns, strings.ToLower(string(w.Kind)), w.Name)
}

// keptBy names in brackets who keeps a workload, as far as it shows.
func (l look) keptBy(env migration.Env, workload string) string {
	w, _ := findWorkload(l.f.Cluster[env].Value, workload)
	if len(w.By) == 0 {
		return ""
	}
	return fmt.Sprintf(" [kept by %s]", strings.Join(w.By, ", "))
}

// comes says whether what is asked for shows by itself once it was done.
func comes(r migration.Reason) bool { return r.Code == migration.CodeDelivery }
