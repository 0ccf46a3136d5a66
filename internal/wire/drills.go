package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/drill"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/vm"
)

var _ engine.Drills = (*drill.Drills)(nil)

// newDrills makes drills on a cluster. On one that is none of ours there are none.
func newDrills(c engine.Cluster, smoker engine.Smoker) engine.Drills {
	real, ok := c.(*cluster.Cluster)
	if !ok {
		return noDrills{}
	}
	return &drill.Drills{
		Bench:    func(spec migration.Spec) drill.Bench { return bench{real.Bench(spec)} },
		Machines: machineTrees{},
		Smoke:    smoker,
		Resolve:  net.DefaultResolver.LookupHost,
	}
}

// machineTrees reads hashes of what machines hold, as the policy says that they are
// reached.
type machineTrees struct{}

func (machineTrees) Tree(ctx context.Context, m migration.VM, ssh migration.SSH, dir string) (tree.Tree, error) {
	reach, err := vm.ReachOf(m)
	if err != nil {
		return tree.Tree{}, err
	}
	t, err := vm.New(vm.Settings{}.With(ssh)).ReadTree(ctx, reach, dir, vm.TreeOptions{Partial: true})
	if err != nil {
		return tree.Tree{}, errors.New(vm.Why(err))
	}
	return t, nil
}

// bench is a namespace of a cluster in the words of package drill: neither knows
// the other.
type bench struct{ b *cluster.Bench }

func (x bench) Sweep(ctx context.Context) ([]string, error) { return x.b.Sweep(ctx) }

func (x bench) Pods(ctx context.Context, workload string) ([]drill.Pod, error) {
	list, err := x.b.Pods(ctx, workload)
	var out []drill.Pod
	for _, p := range list {
		out = append(out, pod(p))
	}
	return out, known(err)
}

func (x bench) Look(ctx context.Context, p drill.Pod) (drill.Pod, error) {
	q, err := x.b.Look(ctx, podOf(p))
	return pod(q), known(err)
}

func (x bench) End(ctx context.Context, p drill.Pod) (drill.Ending, error) {
	e, err := x.b.End(ctx, podOf(p))
	return drill.Ending(e), known(err)
}

func (x bench) Log(ctx context.Context, p drill.Pod) ([]byte, error) {
	return x.b.Log(ctx, podOf(p))
}

func (x bench) Usage(ctx context.Context, p drill.Pod) (drill.Usage, error) {
	u, err := x.b.Usage(ctx, podOf(p))
	return drill.Usage(u), err
}

func (x bench) Enter(ctx context.Context, p drill.Pod, image string, life time.Duration) (func(context.Context, ...string) ([]byte, error), error) {
	run, err := x.b.Enter(ctx, podOf(p), image, life)
	return run, known(err)
}

func (x bench) Forward(ctx context.Context, p drill.Pod, port int32) (string, func(), error) {
	return x.b.Forward(ctx, podOf(p), port)
}

func (x bench) Address(ctx context.Context, workload string) (string, error) {
	url, err := x.b.Address(ctx, workload)
	return url, known(err)
}

func (x bench) Copy(ctx context.Context, workload string, env map[string]string) (drill.Pod, error) {
	p, err := x.b.Copy(ctx, workload, env)
	return pod(p), err
}

func (x bench) Template(ctx context.Context, env migration.Env, workload string) (drill.Template, error) {
	t, err := x.b.Template(ctx, env, workload)
	return drill.Template(t), err
}

func (x bench) Data(ctx context.Context, env migration.Env, workload string) ([]drill.Datum, error) {
	list, err := x.b.Data(ctx, env, workload)
	var out []drill.Datum
	for _, d := range list {
		out = append(out, drill.Datum(d))
	}
	return out, err
}

func pod(p cluster.BenchPod) drill.Pod {
	out := drill.Pod{
		Name: p.Name, UID: p.UID, Node: p.Node, Container: p.Container, Ready: p.Ready, Running: p.Running,
		Restarts: p.Restarts, ReadOnlyRoot: p.ReadOnlyRoot, Trouble: p.Trouble,
	}
	for _, m := range p.Mounts {
		out.Mounts = append(out.Mounts, drill.Mount(m))
	}
	return out
}

func podOf(p drill.Pod) cluster.BenchPod {
	return cluster.BenchPod{Name: p.Name, UID: p.UID, Node: p.Node, Container: p.Container}
}

// known gives an error of a cluster the word that package drill has for it.
func known(err error) error {
	switch {
	case errors.Is(err, cluster.ErrGone):
		return fmt.Errorf("%w: %w", drill.ErrGone, err)
	case errors.Is(err, cluster.ErrNoWay):
		return fmt.Errorf("%w: %w", drill.ErrNoWay, err)
	}
	return err
}
