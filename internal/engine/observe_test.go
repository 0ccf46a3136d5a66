package engine_test

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/sim/faults"
)

func clusterQuery(age time.Duration) []runbook.Query {
	return []runbook.Query{
		{Kind: runbook.QueryCluster, Env: migration.Production, MaxAge: age},
		{Kind: runbook.QueryDNS, Zone: "golemtrust.am.", Provider: "golem-dns", Names: []string{"royal-bank-api.golemtrust.am."}, MaxAge: age},
	}
}

// TestFreshEnough: what is younger than a query demands is not asked again.
func TestFreshEnough(t *testing.T) {
	inWorld(t, func(b *bench) {
		asked := 0
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "cluster.observe" {
				asked++
			}
			return faults.None
		}
		e := b.process("one", nil)
		if _, err := e.State(b.Context()); err != nil {
			b.Fatal(err)
		}
		for _, x := range []struct {
			after, age time.Duration
			asked      int
		}{{0, 10 * time.Second, 1}, {9 * time.Second, 10 * time.Second, 1}, {time.Second, 10 * time.Second, 2}, {0, 0, 3}, {0, 10 * time.Second, 3}} {
			b.sleep(x.after)
			at := b.world.Clock.Now()
			f := e.Observe(b.Context(), clusterQuery(x.age))
			if asked != x.asked {
				b.Errorf("asked %d times, wanted %d", asked, x.asked)
			}
			if got := f.Cluster[migration.Production]; !got.Known() || at.Sub(got.At) >= max(x.age, 1) {
				b.Errorf("the fact is of %s, now is %s", got.At, at)
			}
		}
	})
}

// TestHangIsUnknown: one observation that does not end is unknown after its
// bound, and the others are known.
func TestHangIsUnknown(t *testing.T) {
	inWorld(t, func(b *bench) {
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "cluster.observe" {
				return faults.Hangs
			}
			return faults.None
		}
		e := b.process("one", nil)
		if _, err := e.State(b.Context()); err != nil {
			b.Fatal(err)
		}
		began := b.world.Clock.Now()
		f := e.Observe(b.Context(), clusterQuery(time.Second))
		if took := b.world.Clock.Now().Sub(began); took != 5*time.Second {
			b.Errorf("it took %s", took)
		}
		if c := f.Cluster[migration.Production]; c.Known() || c.Err == "" {
			b.Errorf("what hung is %+v", c)
		}
		if d := f.DNS["golemtrust.am."]; !d.Known() {
			b.Errorf("what answered is unknown: %s", d.Err)
		}
	})
}

// TestHandedOut: facts that were handed out do not change under who has them.
func TestHandedOut(t *testing.T) {
	inWorld(t, func(b *bench) {
		e := b.process("one", nil)
		if _, err := e.State(b.Context()); err != nil {
			b.Fatal(err)
		}
		f := e.Observe(b.Context(), clusterQuery(0))
		at := f.Cluster[migration.Production].At
		b.sleep(time.Minute)
		e.Observe(b.Context(), clusterQuery(0))
		if !f.Cluster[migration.Production].At.Equal(at) {
			b.Error("facts that were handed out have changed")
		}
	})
}

// TestProbesWithoutTheCluster: the new side is probed where its balancer was
// last seen, so that an outage of the cluster's API blinds nobody to a new side
// that serves or fails.
func TestProbesWithoutTheCluster(t *testing.T) {
	inWorld(t, func(b *bench) {
		e := b.process("one", nil)
		b.until(e, migration.StepGo)
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "cluster.observe" {
				return faults.Refused
			}
			return faults.None
		}
		f := e.Observe(b.Context(), []runbook.Query{
			{Kind: runbook.QueryCluster, Env: migration.Production},
			{Kind: runbook.QueryProbe, Side: migration.NewSide, Host: "royal-bank-api.golemtrust.am.", Path: "/readyz"},
		})
		if c := f.Cluster[migration.Production]; c.Known() {
			b.Fatal("the cluster is seen although it refuses")
		}
		if p := f.Probe[migration.NewSide]; !p.Known() || !p.Value.OK {
			b.Errorf("the probe of the new side is %+v", p)
		}
	})
}

// TestEditIsLookedAtAnew: after an edit of the file nothing that was seen before
// counts, because the new file may ask for more.
func TestEditIsLookedAtAnew(t *testing.T) {
	inWorld(t, func(b *bench) {
		asked := 0
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "cluster.observe" {
				asked++
			}
			return faults.None
		}
		e := b.process("one", nil)
		st, err := e.State(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		e.Observe(b.Context(), clusterQuery(time.Hour))
		err = e.Said(b.Context(), "angua", func(runbook.State) ([]engine.Saying, error) {
			return []engine.Saying{{Kind: migration.KindDeclared, Body: migration.Declared{Spec: st.Spec, Policy: st.Policy}}}, nil
		})
		if err != nil {
			b.Fatal(err)
		}
		e.Observe(b.Context(), clusterQuery(time.Hour))
		if asked != 2 {
			b.Errorf("asked %d times, wanted 2", asked)
		}
	})
}
