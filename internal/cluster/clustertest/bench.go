package clustertest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// bench is one test with its fixture, and the calls that every test makes.
type bench struct {
	*testing.T
	Fixture
}

const env = migration.Production

func (b *bench) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	b.Cleanup(cancel)
	return ctx
}

func (b *bench) namespace() string { return b.Spec.Namespace(env) }

func (b *bench) workload() migration.Workload { return b.Spec.Workloads[0] }

// with is the spec with its workload changed.
func (b *bench) with(change func(*migration.Workload)) migration.Spec {
	spec := b.Spec
	w := b.workload()
	change(&w)
	spec.Workloads = []migration.Workload{w}
	return spec
}

func (b *bench) observe(spec migration.Spec) migration.ClusterFacts {
	b.Helper()
	f, err := b.Cluster.Observe(b.ctx(), spec, env)
	if err != nil {
		b.Fatalf("observe: %v", err)
	}
	return f
}

func applyOf(spec migration.Spec, part migration.Part) migration.Apply {
	w := spec.Workloads[0].Name
	return migration.Apply{Env: env, Part: part, Workload: w, Digest: manifest.Digest(spec, env, part, w)}
}

func (b *bench) apply(spec migration.Spec, part migration.Part) {
	b.Helper()
	out, err := b.Cluster.Apply(b.ctx(), spec, applyOf(spec, part))
	b.done("apply", out, err)
}

func (b *bench) scale(replicas int32) {
	b.Helper()
	out, err := b.Cluster.Scale(b.ctx(), b.Spec, migration.Scale{Env: env, Workload: b.workload().Name, Replicas: replicas})
	b.done("scale", out, err)
}

func (b *bench) remove(spec migration.Spec, part migration.Part) (migration.Outcome, error) {
	return b.Cluster.Remove(b.ctx(), spec, migration.Remove{Env: env, Part: part, Workload: spec.Workloads[0].Name})
}

func (b *bench) done(what string, out migration.Outcome, err error) {
	b.Helper()
	if out != migration.OutcomeDone || err != nil {
		b.Fatalf("%s: %s, %v; want done", what, out, err)
	}
}

// refused wants that outcome and an error with those words.
func (b *bench) refused(want, out migration.Outcome, err error, words ...string) {
	b.Helper()
	if out != want || err == nil {
		b.Fatalf("%s, %v; want %s with an error", out, err, want)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			b.Errorf("error %q does not say %q", err, w)
		}
	}
}

// eventually lets time go by until check gives nil.
func (b *bench) eventually(check func() error) {
	b.Helper()
	var err error
	for range tries {
		if err = check(); err == nil {
			return
		}
		b.World.Pass(b.T)
	}
	b.Fatalf("it never came true: %v", err)
}

// rolledOut waits for the spec's workload to be rolled out, and gives it.
func (b *bench) rolledOut(spec migration.Spec) migration.WorkloadFacts {
	b.Helper()
	var w migration.WorkloadFacts
	b.eventually(func() error {
		f := b.observe(spec)
		if len(f.Workloads) != 1 {
			return fmt.Errorf("%d workloads", len(f.Workloads))
		}
		w = f.Workloads[0]
		if !w.RolledOut || w.Digest != spec.WorkloadDigest(env, w.Name) {
			return fmt.Errorf("%+v", w)
		}
		return nil
	})
	return w
}

// living are the pods that are not about to end.
func living(w migration.WorkloadFacts) []migration.PodFacts {
	var out []migration.PodFacts
	for _, p := range w.Pods {
		if !p.Deleting {
			out = append(out, p)
		}
	}
	return out
}
