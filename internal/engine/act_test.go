package engine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/sim/faults"
)

const oldAddress, strange = "192.0.2.20", "203.0.113.66"

// theirs lets somebody else change the record.
func (b *bench) theirs() {
	set := migration.RRset{Name: "royal-bank-api.golemtrust.am.", Type: "A", TTL: 10, Data: []string{strange}}
	if err := b.world.DNS.Set("somebody", "golemtrust.am.", "", set); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) lastOutcome() migration.Settled {
	b.Helper()
	all := b.records(migration.KindOutcome)
	var s migration.Settled
	if err := json.Unmarshal(all[len(all)-1].Body, &s); err != nil {
		b.Fatal(err)
	}
	return s
}

// TestIntentFirst: each change is behind its intent and before its outcome.
func TestIntentFirst(t *testing.T) {
	inWorld(t, func(b *bench) {
		b.until(b.process("one", nil), migration.StepWatch)
		kinds := map[uint64]migration.RecordKind{}
		for _, k := range []migration.RecordKind{migration.KindIntent, migration.KindOutcome} {
			for _, r := range b.records(k) {
				kinds[r.Seq] = k
			}
		}
		effects := b.rig.Effects()
		if len(effects) < 6 {
			b.Fatalf("only %d effects", len(effects))
		}
		for _, e := range effects {
			if kinds[e.Seq] != migration.KindIntent || kinds[e.Seq+1] != migration.KindOutcome {
				b.Errorf("%s was sent between records %d (%s) and %d (%s)", e.Call, e.Seq, kinds[e.Seq], e.Seq+1, kinds[e.Seq+1])
			}
		}
		log := b.world.DNS.Log()
		if n := len(b.switches()); n != 1 || log[len(log)-1].Purpose != migration.ForSwitch || b.served() == oldAddress {
			b.Errorf("%d switches; the last change was for %s; the name leads to %s", n, log[len(log)-1].Purpose, b.served())
		}
	})
}

// TestEveryServer: that the provider has accepted a change does not end its
// intent. Only when the last name server serves it does the rehearsal go on.
func TestEveryServer(t *testing.T) {
	inWorld(t, func(b *bench) {
		held := false
		e := b.process("one", func(ev engine.Event) {
			if ev.Record != nil && ev.Record.Kind == migration.KindMoved && ev.State.Step == migration.StepRehearse {
				held = true
				if err := b.world.DNS.Hold("ns2"); err != nil {
					b.Error(err)
				}
			}
		})
		b.until(e, migration.StepRehearse)
		for range 20 {
			b.step(e)
			b.sleep(time.Second)
		}
		if p := b.state.Pending; !held || len(p) != 1 || p[0].Step != migration.StepRehearse {
			b.Fatalf("pending is %v", p)
		}
		if err := b.world.DNS.CatchUp("ns2"); err != nil {
			b.Fatal(err)
		}
		b.until(e, migration.StepDeploy)
		if took := b.state.Rehearsal.Forward; took < 10*time.Second {
			b.Errorf("the rehearsed switch is said to have taken %s", took)
		}
	})
}

// TestLooksAgain: what changes between the decision and the change stops it.
func TestLooksAgain(t *testing.T) {
	for name, change := range map[string]func(*bench){
		"foreign record":    (*bench).theirs,
		"old side ill":      func(b *bench) { b.world.StopOld() },
		"name server quiet": func(b *bench) { _ = b.world.DNS.Stop("ns2") },
		"pods gone":         func(b *bench) { _ = b.world.Cluster.ScaleBy("royal-bank", "royal-bank-api", 0, "hpa") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(b *bench) {
				changed := false
				e := b.process("one", func(ev engine.Event) {
					if atSwitch(ev) && !changed {
						changed = true
						change(b)
					}
				})
				b.until(e, migration.StepSwitch)
				for !changed {
					b.step(e)
				}
				if n := len(b.switches()); n > 0 {
					b.Errorf("the switch was made all the same")
				}
				if o := b.lastOutcome(); o.Outcome != migration.OutcomeNotDone || !strings.HasPrefix(o.Result.Detail, "looked again: ") {
					b.Errorf("outcome %s: %s", o.Outcome, o.Result.Detail)
				}
			})
		})
	}
}

// TestLastMoment: what looking again cannot see, because it comes between the
// look and the change, the change's own precondition stops.
func TestLastMoment(t *testing.T) {
	inWorld(t, func(b *bench) {
		b.rig.Choose = func(c faults.Call) faults.Fault {
			if c.Op == "dns.swap" && c.What == string(migration.ForSwitch) && c.N == 0 {
				b.theirs()
			}
			return faults.None
		}
		e := b.process("one", nil)
		b.until(e, migration.StepSwitch)
		b.step(e)
		if o := b.lastOutcome(); o.Outcome != migration.OutcomeForeign {
			b.Errorf("outcome %s: %s", o.Outcome, o.Result.Detail)
		}
		if b.served() != strange {
			b.Errorf("somebody else's record was overwritten by %s", b.served())
		}
	})
}

// TestResumesByLooking: killed at any point around the switch, the next process
// looks first. It never makes the switch a second time where it was made.
func TestResumesByLooking(t *testing.T) {
	for _, x := range []struct {
		name   string
		op     string
		what   string
		fault  faults.Fault
		wanted int // switches sent in all
	}{
		{"behind the intent", "journal.append", "intent", faults.KillAfter, 1},
		{"behind the change", "dns.swap", "switch", faults.KillAfter, 1},
		{"answer lost", "dns.swap", "switch", faults.Lost, 1},
		{"never arrived", "dns.swap", "switch", faults.Hangs, 1}, // Hangs sends nothing
		{"behind the outcome", "journal.append", "outcome", faults.KillAfter, 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			inWorld(t, func(b *bench) {
				e := b.process("one", nil)
				b.until(e, migration.StepSwitch)
				met := false
				b.rig.Choose = func(c faults.Call) faults.Fault {
					if met || c.Op != x.op || c.What != x.what {
						return faults.None
					}
					met = true
					return x.fault
				}
				b.mayDie(e)
				if !met {
					b.Fatal("nothing failed")
				}
				before := len(b.switches())
				b.until(b.process("one", nil), migration.StepWatch)
				if n := len(b.switches()); n != x.wanted {
					b.Errorf("%d switches were sent, %d of them before; wanted %d", n, before, x.wanted)
				}
				if b.served() == oldAddress {
					b.Error("the name was not switched")
				}
			})
		})
	}
}

// mayDie turns the loop once, in a process that may be killed in it.
func (b *bench) mayDie(e *engine.Engine) {
	defer func() {
		switch p := recover().(type) {
		case nil, faults.Killed:
		default:
			panic(p)
		}
	}()
	b.step(e)
}
