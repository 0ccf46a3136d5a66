package memory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rehome.dev/rehome/internal/cluster/clustertest"
	"rehome.dev/rehome/internal/cluster/memory"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

var _ engine.Cluster = (*memory.Cluster)(nil)

const (
	goodImage = "registry.golemtrust.am/app@sha256:0001"
	nextImage = "registry.golemtrust.am/app@sha256:0002"
	deafImage = "registry.golemtrust.am/app@sha256:dead"
	illImage  = "registry.golemtrust.am/app@sha256:0111"
)

// clock stands still until it is pushed.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) push(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func release(image string) memory.Release {
	r := memory.Release{Boot: 3 * time.Second}
	switch image {
	case deafImage:
		r.NeverReady = true
	case illImage:
		r.CrashEvery = 20 * time.Second
	}
	return r
}

func bank() migration.Spec {
	return migration.Spec{
		Name: "royal-bank",
		Workloads: []migration.Workload{{
			Name: "app", Image: goodImage, Kind: migration.KindAuto, Replicas: 2,
			Ports:  []migration.Port{{Name: "http", Port: 8080, Public: 80, Protocol: "TCP"}},
			Health: migration.Health{ReadinessPath: "/readyz"},
		}},
		Target: migration.Destination{
			Namespace: "bank", StagingNamespace: "bank-staging", Exposure: migration.ExposeLoadBalancer,
		},
		OldEntry:   migration.OldEntry{Addresses: []string{"192.0.2.20"}, Port: 8080},
		ReturnPath: migration.ReturnPath{Image: "registry.golemtrust.am/rehome-agent@sha256:0009"},
	}
}

type world struct {
	*memory.Cluster
	clock *clock
}

func newWorld(opts memory.Options) world {
	clk := newClock()
	if opts.Release == nil {
		opts.Release = release
	}
	return world{memory.New(clk.now, opts), clk}
}

func (w world) Pass(*testing.T)               { w.clock.push(time.Second) }
func (w world) Unready(m *migration.Workload) { m.Image = deafImage }
func (w world) Other(m *migration.Workload)   { m.Image = nextImage }
func (w world) AddConfig(_ *testing.T, ns, kind, name string) {
	w.Cluster.AddConfig(ns, kind, name)
}
func (w world) Seize(_ *testing.T, ns string, p migration.Part, m migration.Workload, who string) {
	w.Cluster.Seize(ns, p, m, who)
}
func (w world) ScaleBy(t *testing.T, ns string, m migration.Workload, n int32, who string) {
	if err := w.Cluster.ScaleBy(ns, m.Name, n, who); err != nil {
		t.Fatal(err)
	}
}
func (w world) Publish(*testing.T, string, string) {}
func (w world) Stand(_ *testing.T, ns, kind, name, manager string) {
	w.Cluster.Stand(ns, kind, name, manager)
}
func (w world) Deliver(t *testing.T, spec migration.Spec, part migration.Part, manager string) {
	if err := w.Cluster.Deliver(spec, migration.Production, part, spec.Workloads[0].Name, manager); err != nil {
		t.Fatal(err)
	}
}
func (w world) Route(_ *testing.T, ns string, _ migration.Spec, m migration.Workload) migration.RouteFacts {
	r := migration.RouteFacts{Kind: "Service", Name: "back-door", To: m.Name}
	w.AddRoute(ns, r)
	return r
}
func (w world) Quota(_ *testing.T, ns string, pods int) migration.QuotaFacts {
	q := migration.QuotaFacts{Quota: "pods", Resource: "pods", Used: "0", Hard: fmt.Sprint(pods)}
	w.SetQuota(ns, q)
	return q
}
func (w world) Volumes(*testing.T, migration.Storage, int) {}
func (w world) Restart(t *testing.T, ns, pod string) {
	if err := w.Cluster.Restart(ns, pod, "OOMKilled"); err != nil {
		t.Fatal(err)
	}
}
func (w world) Answers(_ *testing.T, url string) string {
	b, ok := w.Pod(url)
	if !ok || !b.Ready {
		return ""
	}
	return b.Pod
}
func (w world) Ask(_ *testing.T, e migration.ExposureFacts) migration.Side {
	list := w.Backends(e.Addresses[0], int(e.Port))
	switch {
	case len(list) == 0:
		return ""
	case list[0].Forwards:
		return migration.OldSide
	}
	return migration.NewSide
}
func (w world) Reselect(t *testing.T, ns, workload string) {
	if err := w.TurnBy(ns, workload, ""); err != nil {
		t.Fatal(err)
	}
}
func (w world) Unreachable(*testing.T) clustertest.Cluster {
	return memory.New(w.clock.now, memory.Options{Fault: memory.Always(memory.Unreachable)})
}

func TestConformance(t *testing.T) {
	clustertest.Run(t, func(*testing.T) clustertest.Fixture {
		w := newWorld(memory.Options{AddressAfter: 4 * time.Second, Terminate: 2 * time.Second})
		return clustertest.Fixture{Cluster: w.Cluster, World: w, Spec: bank()}
	})
}

func deploy(t *testing.T, c *memory.Cluster, spec migration.Spec) {
	t.Helper()
	for _, p := range []migration.Part{migration.PartWorkload, migration.PartExposure} {
		if out, err := apply(c, spec, p); out != migration.OutcomeDone || err != nil {
			t.Fatalf("apply %s: %s, %v", p, out, err)
		}
	}
}

func apply(c *memory.Cluster, spec migration.Spec, p migration.Part) (migration.Outcome, error) {
	return c.Apply(context.Background(), spec, migration.Apply{
		Env: migration.Production, Part: p, Workload: "app", Digest: manifest.Digest(spec, migration.Production, p, "app"),
	})
}

func observe(t *testing.T, c *memory.Cluster) migration.ClusterFacts {
	t.Helper()
	f, err := c.Observe(context.Background(), bank(), migration.Production)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A fault must tell the truth about what was done: that is what the engine's
// recovery rests on.
func TestFaults(t *testing.T) {
	tests := []struct {
		fault memory.Fault
		out   migration.Outcome
		err   error
		done  bool
	}{
		{memory.None, migration.OutcomeDone, nil, true},
		{memory.Refused, migration.OutcomeNotDone, memory.ErrRefused, false},
		{memory.Unreachable, migration.OutcomeNotDone, memory.ErrUnreachable, false},
		{memory.Lost, migration.OutcomeUnknown, memory.ErrTimedOut, true},
		{memory.TimedOut, migration.OutcomeUnknown, memory.ErrTimedOut, false},
	}
	for _, tt := range tests {
		w := newWorld(memory.Options{Fault: memory.Once(memory.OpApply, tt.fault)})
		out, err := apply(w.Cluster, bank(), migration.PartWorkload)
		if out != tt.out || !errors.Is(err, tt.err) {
			t.Errorf("fault %d: %s, %v", tt.fault, out, err)
		}
		if done := len(observe(t, w.Cluster).Workloads) == 1; done != tt.done {
			t.Errorf("fault %d: done is %v", tt.fault, done)
		}
		if out, err := apply(w.Cluster, bank(), migration.PartWorkload); out != migration.OutcomeDone || err != nil {
			t.Errorf("fault %d happened twice: %s, %v", tt.fault, out, err)
		}
	}
}

func TestFaultsOfReading(t *testing.T) {
	for _, f := range []memory.Fault{memory.Refused, memory.Unreachable, memory.Lost, memory.TimedOut} {
		w := newWorld(memory.Options{Fault: memory.Always(f)})
		if _, err := w.Observe(context.Background(), bank(), migration.Production); err == nil {
			t.Errorf("fault %d: observed", f)
		}
		w.SetFault(nil)
		observe(t, w.Cluster)
	}
}

func TestHangEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memory.Options{Fault: memory.Always(memory.Hang)})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		began := time.Now()
		out, err := w.Scale(ctx, bank(), migration.Scale{Env: migration.Production, Workload: "app"})
		if out != migration.OutcomeUnknown || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %s: %s, %v", time.Since(began), out, err)
		}
	})
}

func TestBackendsFollowTheRollout(t *testing.T) {
	w := newWorld(memory.Options{Terminate: 2 * time.Second})
	deploy(t, w.Cluster, bank())
	address := observe(t, w.Cluster).Exposures[0].Addresses[0]
	images := func() string {
		var out []string
		for _, b := range w.Backends(address, 80) {
			out = append(out, strings.TrimPrefix(b.Image, "registry.golemtrust.am/app@sha256:"))
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	check := func(when, want string) {
		t.Helper()
		if got := images(); got != want {
			t.Errorf("%s: %q serve, want %q", when, got, want)
		}
	}
	check("at once", "")
	w.clock.push(3 * time.Second)
	check("after the boot", "0001 0001")
	if b := w.Backends(address, 8080); len(b) > 0 {
		t.Errorf("port 8080 is not the Service's, and yet: %v", b)
	}
	next := bank()
	next.Workloads[0].Image = nextImage
	deploy(t, w.Cluster, next)
	w.clock.push(2 * time.Second)
	check("while the first new pod boots", "0001 0001")
	w.clock.push(time.Second)
	check("with one replaced", "0001 0002")
	w.clock.push(3 * time.Second)
	check("with both replaced", "0002 0002")
	scale := migration.Scale{Env: migration.Production, Workload: "app", Replicas: 0}
	if out, err := w.Scale(context.Background(), next, scale); out != migration.OutcomeDone || err != nil {
		t.Fatal(out, err)
	}
	check("scaled to none", "")
}

// A change in mid-rollout must not let the plan of the first one go on.
func TestChangeInMidRollout(t *testing.T) {
	w := newWorld(memory.Options{})
	deploy(t, w.Cluster, bank())
	w.clock.push(3 * time.Second)
	for _, image := range []string{deafImage, nextImage} {
		spec := bank()
		spec.Workloads[0].Image = image
		deploy(t, w.Cluster, spec)
		w.clock.push(time.Second)
	}
	for range 20 {
		if f := observe(t, w.Cluster).Workloads[0]; f.Ready < 2 {
			t.Fatalf("fewer than two pods serve: %+v", f)
		}
		w.clock.push(time.Second)
	}
	f := observe(t, w.Cluster).Workloads[0]
	if !f.RolledOut || len(f.Pods) != 2 || f.Pods[0].Image != "sha256:0002" {
		t.Errorf("at the end: %+v", f)
	}
}

// Going back in mid-rollout keeps the old pods that were about to be replaced.
func TestBackInMidRollout(t *testing.T) {
	w := newWorld(memory.Options{})
	deploy(t, w.Cluster, bank())
	w.clock.push(3 * time.Second)
	before := observe(t, w.Cluster).Workloads[0].Pods
	next := bank()
	next.Workloads[0].Image = nextImage
	deploy(t, w.Cluster, next)
	w.clock.push(time.Second)
	deploy(t, w.Cluster, bank())
	w.clock.push(time.Minute)
	after := observe(t, w.Cluster).Workloads[0]
	if len(after.Pods) != 2 || after.Pods[0].Name != before[0].Name || after.Pods[1].Name != before[1].Name || !after.RolledOut {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestPodsTakeTimeToEnd(t *testing.T) {
	w := newWorld(memory.Options{Terminate: 4 * time.Second})
	deploy(t, w.Cluster, bank())
	w.clock.push(3 * time.Second)
	scale := migration.Scale{Env: migration.Production, Workload: "app"}
	if out, err := w.Scale(context.Background(), bank(), scale); out != migration.OutcomeDone || err != nil {
		t.Fatal(out, err)
	}
	w.clock.push(3 * time.Second)
	f := observe(t, w.Cluster).Workloads[0]
	if len(f.Pods) != 2 || !f.Pods[0].Deleting || f.Pods[0].Ready || f.Ready != 0 || !f.RolledOut {
		t.Errorf("while they end: %+v", f)
	}
	w.clock.push(time.Second)
	if f := observe(t, w.Cluster).Workloads[0]; len(f.Pods) > 0 {
		t.Errorf("after they have ended: %+v", f)
	}
}

func TestCrashLoop(t *testing.T) {
	w := newWorld(memory.Options{})
	spec := bank()
	spec.Workloads[0].Image = illImage
	deploy(t, w.Cluster, spec)
	w.clock.push(44 * time.Second) // boot 3 s, crashes at 23 s and 43 s
	p := observe(t, w.Cluster).Workloads[0].Pods[0]
	if p.Restarts != 2 || p.Ready || p.LastState != "Error" || w.clock.now().Sub(p.LastRestart) != time.Second {
		t.Errorf("pod %+v", p)
	}
}

func TestEvictedPodIsReplaced(t *testing.T) {
	w := newWorld(memory.Options{})
	deploy(t, w.Cluster, bank())
	w.clock.push(5 * time.Second)
	old := observe(t, w.Cluster).Workloads[0].Pods[0].Name
	if err := w.Evict("bank", old); err != nil {
		t.Fatal(err)
	}
	w.clock.push(5 * time.Second)
	f := observe(t, w.Cluster).Workloads[0]
	if len(f.Pods) != 2 || !f.RolledOut || f.Pods[0].Name == old || f.Pods[0].Restarts+f.Pods[1].Restarts > 0 {
		t.Errorf("after the eviction: %+v", f)
	}
	if err := w.Evict("bank", old); err == nil {
		t.Error("a pod that is gone was evicted")
	}
}

// Equal calls at equal times give equal clusters: a simulation can be replayed.
func TestDeterministic(t *testing.T) {
	play := func() string {
		w := newWorld(memory.Options{AddressAfter: 2 * time.Second})
		var log []string
		for _, image := range []string{goodImage, nextImage, illImage, deafImage, goodImage} {
			spec := bank()
			spec.Workloads[0].Image = image
			deploy(t, w.Cluster, spec)
			w.clock.push(7 * time.Second)
			log = append(log, fmt.Sprintf("%+v %+v", observe(t, w.Cluster), w.Backends("198.51.100.1", 80)))
		}
		return strings.Join(log, "\n")
	}
	if a, b := play(), play(); a != b {
		t.Errorf("two plays differ:\n%s\n%s", a, b)
	}
}
