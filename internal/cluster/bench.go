package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// LabelDrill is on everything that an experiment makes, with the name of it.
const LabelDrill = "rehome.dev/drill"

// Errors of a Bench.
var (
	ErrGone  = errors.New("the pod is gone")
	ErrNoWay = errors.New("there is no way to the pods from here")
)

// Bench is the staging namespace of one migration, for experiments. It writes
// nowhere else. What it makes carries LabelDrill, and Sweep removes it; the agent
// that it puts into a pod is an ephemeral container, which cannot be removed, and
// ends by itself.
type Bench struct {
	c    *Cluster
	spec migration.Spec
	ns   string
}

// Bench gives the staging namespace of a migration.
func (c *Cluster) Bench(spec migration.Spec) *Bench {
	return &Bench{c: c, spec: spec, ns: spec.Namespace(migration.Staging)}
}

// labels of an object that an experiment makes. The workload's own are not among
// them, so that no Service and no controller takes it for one of its pods.
func (b *Bench) labels(what string) map[string]any {
	return map[string]any{manifest.LabelInstance: b.spec.Name, manifest.LabelManagedBy: manifest.ManagedBy, LabelDrill: what}
}

// look is how often what changes by itself is looked at.
const look = 200 * time.Millisecond

func pause(ctx context.Context) error {
	timer := time.NewTimer(look)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Sweep removes what experiments of this migration made, and returns when it is
// gone. It names what it was.
func (b *Bench) Sweep(ctx context.Context) ([]string, error) {
	var names []string
	for first := true; ; first = false {
		left := 0
		for _, r := range []schema.GroupVersionResource{pods, services} {
			list, err := b.c.list(ctx, request{resource: r, namespace: b.ns}, LabelDrill+","+manifest.LabelInstance+"="+b.spec.Name)
			if err != nil {
				return names, err
			}
			for i := range list {
				left++
				if list[i].GetDeletionTimestamp() != nil {
					continue
				}
				at := request{resource: r, namespace: b.ns, name: list[i].GetName()}
				if err := b.c.deleteSame(ctx, at, list[i].GetUID()); err != nil && !isNotFound(err) {
					return names, err
				}
				if name := list[i].GetKind() + " " + list[i].GetName(); first && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		if left == 0 {
			return names, nil
		}
		if err := pause(ctx); err != nil {
			return names, fmt.Errorf("wait until what an experiment made is gone from namespace %s: %w", b.ns, err)
		}
	}
}

// Pods are those that the workload's selector selects, the oldest first.
func (b *Bench) Pods(ctx context.Context, workload string) ([]BenchPod, error) {
	o, err := b.workload(ctx, workload)
	if err != nil {
		return nil, err
	}
	if !manifest.Ours(b.spec, o.GetLabels()) {
		return nil, strange(o)
	}
	list, err := b.c.podsOf(ctx, o)
	if err != nil {
		return nil, err
	}
	out := make([]BenchPod, len(list))
	for i := range list {
		out[i] = benchPod(&list[i], workload)
	}
	return out, nil
}

func (b *Bench) workload(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	o, err := b.c.findWorkload(ctx, b.spec, b.ns, name)
	if err == nil && o == nil {
		err = fmt.Errorf("there is no workload %s in namespace %s", name, b.ns)
	}
	return o, err
}

// Look looks at one pod again. ErrGone: it is not there, or another one is.
func (b *Bench) Look(ctx context.Context, p BenchPod) (BenchPod, error) {
	pod, err := b.pod(ctx, p)
	if err != nil {
		return BenchPod{}, err
	}
	return benchPod(pod, p.Container), nil
}

func (b *Bench) pod(ctx context.Context, p BenchPod) (*corev1.Pod, error) {
	o, err := b.c.get(ctx, request{resource: pods, namespace: b.ns, name: p.Name})
	if err != nil {
		return nil, err
	}
	if o == nil || string(o.GetUID()) != p.UID {
		return nil, fmt.Errorf("pod %s: %w", p.Name, ErrGone)
	}
	return readPod(o)
}

// named is no more of a pod than leads to it.
func (b *Bench) named(p BenchPod) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: p.Name}}
}

// BenchPod is one pod for an experiment. Container is that of the application.
type BenchPod struct {
	Name, UID, Node, Container string
	Ready                      bool // and not being deleted
	Running                    bool // the application's process
	Restarts                   int32
	ReadOnlyRoot               bool
	Mounts                     []BenchMount
	Trouble                    string
}

// BenchMount is one volume of the application's container. Kind is config, claim,
// scratch or other.
type BenchMount struct {
	Path, Volume, Kind string
	ReadOnly           bool
}

func benchPod(p *corev1.Pod, workload string) BenchPod {
	main := mainContainer(p, workload)
	out := BenchPod{Name: p.Name, UID: string(p.UID), Node: p.Spec.NodeName, Ready: serves(p), Trouble: trouble(p)}
	if main == nil {
		return out
	}
	out.Container = main.Name
	if s := main.SecurityContext; s != nil && s.ReadOnlyRootFilesystem != nil {
		out.ReadOnlyRoot = *s.ReadOnlyRootFilesystem
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.Name == main.Name {
			out.Running, out.Restarts = s.State.Running != nil, s.RestartCount
		}
	}
	for _, m := range main.VolumeMounts {
		out.Mounts = append(out.Mounts, BenchMount{Path: m.MountPath, Volume: m.Name, Kind: volumeKind(p, m.Name), ReadOnly: m.ReadOnly})
	}
	return out
}

// mainContainer bears the workload's name, or is the first.
func mainContainer(p *corev1.Pod, workload string) *corev1.Container {
	list := p.Spec.Containers
	if i := slices.IndexFunc(list, func(c corev1.Container) bool { return c.Name == workload }); i >= 0 {
		return &list[i]
	}
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

func volumeKind(p *corev1.Pod, name string) string {
	for _, v := range p.Spec.Volumes {
		switch {
		case v.Name != name:
		case v.ConfigMap != nil, v.Secret != nil, v.Projected != nil:
			return "config"
		case v.PersistentVolumeClaim != nil:
			return "claim"
		case v.EmptyDir != nil:
			return "scratch"
		}
	}
	return "other"
}

// shortName keeps a name within what Kubernetes allows for one.
func shortName(name, suffix string) string {
	const most = 63
	if len(name)+len(suffix) > most {
		name = name[:most-len(suffix)]
	}
	return strings.TrimRight(name, "-.") + suffix
}
