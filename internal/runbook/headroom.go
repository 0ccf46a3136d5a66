package runbook

import (
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// roomFor demands that the quotas leave room for what is still to be applied: every
// pod of it, and one more while an update replaces them one by one. It cannot see
// what others will ask for meanwhile.
func roomFor(env migration.Env) guard {
	todo := planApply(env, migration.PartWorkload)
	return func(l look) migration.Reason {
		c, r, ok := l.cluster(env, migration.CodeQuota)
		if !ok {
			return r
		}
		var lacks, tight []string
		for _, q := range c.Quotas {
			switch {
			case q.Lacks != "":
				lacks = append(lacks, q.Lacks)
			case q.Need != "" && q.Need != "0":
				tight = append(tight, q.Need+" of "+q.Left+" "+q.Resource)
			}
		}
		if a, why := todo(l); len(a)+len(why) == 0 {
			return passes(migration.CodeQuota, "what is declared is there: nothing more is asked of the quotas of %s", c.Namespace)
		}
		at := l.f.Cluster[env].At
		switch {
		case len(lacks) > 0:
			return seen(hint(fails(migration.CodeQuota, "%s", strings.Join(lacks, "; ")),
				"raise the quota, or ask for less: kubectl -n %s describe resourcequota", c.Namespace), "cluster", at)
		case len(c.Quotas) == 0:
			return seen(passes(migration.CodeQuota, "no quota limits %s", c.Namespace), "cluster", at)
		case len(tight) == 0:
			return seen(passes(migration.CodeQuota, "no quota of %s counts what is applied", c.Namespace), "cluster", at)
		}
		return seen(passes(migration.CodeQuota, "the quotas of %s leave room for every pod and a rolling update: %s", c.Namespace, strings.Join(tight, ", ")), "cluster", at)
	}
}
