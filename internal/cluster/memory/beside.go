package memory

import (
	"maps"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// companion is an object beside a workload.
type companion struct {
	owner     owner
	workload  string
	suspended bool
}

func (n *namespace) besideFacts(spec migration.Spec, w migration.Workload) []migration.BesideFacts {
	var out []migration.BesideFacts
	for _, name := range manifest.Companions(spec, w) {
		f := migration.BesideFacts{Workload: w.Name, Kind: name.Kind, Name: name.Name}
		if have := n.beside[name]; have != nil {
			f.Exists, f.Ours, f.Suspended = true, have.owner.ours(spec), have.suspended
		}
		out = append(out, f)
	}
	return out
}

// free says whether all that is to stand beside a workload may be written. An
// account that somebody else has made is used as it is.
func (n *namespace) free(spec migration.Spec, w migration.Workload) (migration.Outcome, error) {
	for _, name := range manifest.Companions(spec, w) {
		if have := n.beside[name]; have != nil && name.Kind != manifest.KindServiceAccount && !have.owner.ours(spec) {
			return foreign(name.Kind, name.Name, have.owner)
		}
	}
	return migration.OutcomeDone, nil
}

// stand makes what is declared beside a workload, its jobs suspended, and removes
// what is declared no more.
func (n *namespace) stand(spec migration.Spec, w migration.Workload) {
	n.leave(spec, w.Name)
	for _, name := range manifest.Companions(spec, w) {
		if n.beside[name] == nil {
			n.beside[name] = &companion{owner: owner{migration: spec.Name}, workload: w.Name, suspended: name.Kind == migration.KindCronJob}
		}
	}
}

func (n *namespace) leave(spec migration.Spec, workload string) {
	maps.DeleteFunc(n.beside, func(_ manifest.Companion, have *companion) bool {
		return have.owner.ours(spec) && have.workload == workload
	})
}

func (n *namespace) suspend(spec migration.Spec, workload string) {
	for name, have := range n.beside {
		if name.Kind == migration.KindCronJob && have.owner.ours(spec) && have.workload == workload {
			have.suspended = true
		}
	}
}

// resume lets the jobs of a workload be begun.
func (n *namespace) resume(spec migration.Spec, w migration.Workload) (migration.Outcome, error) {
	if out, err := n.free(spec, w); err != nil {
		return out, err
	}
	for _, name := range manifest.Companions(spec, w) {
		if name.Kind == migration.KindCronJob {
			n.beside[name] = &companion{owner: owner{migration: spec.Name}, workload: w.Name}
		}
	}
	return migration.OutcomeDone, nil
}

// Stand puts somebody else's object beside the workloads.
func (c *Cluster) Stand(namespace, kind, name, manager string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.namespace(namespace).beside[manifest.Companion{Kind: kind, Name: name}] = &companion{owner: owner{manager: manager}}
}
