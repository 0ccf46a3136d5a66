package vm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/vm/vmtest"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

func TestSuiteOverSSH(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	s := settingsFor(t, server)
	policy := migration.Policy{SSH: migration.SSH{User: server.User, IdentityFile: server.Key, KnownHostsFile: server.KnownHosts}}
	s.User, s.Identity, s.KnownHosts = "", "", nil // the policy says it
	machine := func(host, unit, reach string) migration.VM {
		return migration.VM{Host: host, Unit: unit, Reach: reach, ConfigDirs: []string{"/etc/bank"}}
	}
	vmtest.Run(t, vmtest.World{
		Machines: New(s), Policy: policy,
		Present: [2]migration.VM{machine("bank-vm-1", "good@1", server.URL()), machine("bank-vm-2", "good@2", "ssh://"+server.Address.String())},
		Away:    machine("away", "good", "ssh://127.0.0.1:9"),
		Slow:    func() migration.VM { return machine("slow", "hang", server.URL()) },
	})
}

func TestSuiteOnThisMachine(t *testing.T) {
	t.Parallel()
	s := Settings{Local: func(ctx context.Context, r inventory.Request, _ func(inventory.Event)) (inventory.Facts, error) {
		if r.Target.Unit == "hang" {
			<-ctx.Done()
			return inventory.Facts{}, errors.New("gave up")
		}
		if err := ctx.Err(); err != nil {
			return inventory.Facts{}, err
		}
		f := inventory.Facts{Began: time.Now(), Ended: time.Now(), Looked: []inventory.Subject{inventory.SubjectListeners}}
		f.Trees = []inventory.Tree{{Path: "/etc/bank", KeyID: r.KeyID}}
		f.Coverage = inventory.Coverage{Samples: 2, Planned: max(1, int(r.For/r.Every)), Every: r.Every}
		return f, nil
	}}
	vmtest.Run(t, vmtest.World{
		Machines: New(s),
		Present:  [2]migration.VM{{Host: "bank-vm-1", Unit: "a", Reach: "local"}, {Host: "bank-vm-2", Unit: "b", Reach: "local"}},
		Away:     migration.VM{Host: "away", Unit: "good", Reach: "ssh://127.0.0.1:9"},
		Slow:     func() migration.VM { return migration.VM{Host: "slow", Unit: "hang", Reach: "local"} },
	})
}

func TestAMachineThatTakesTooLongIsGivenUp(t *testing.T) {
	s := Settings{Local: func(ctx context.Context, _ inventory.Request, _ func(inventory.Event)) (inventory.Facts, error) {
		<-ctx.Done()
		return inventory.Facts{}, ctx.Err()
	}}
	s.limits.slack = 10 * time.Millisecond
	order := Order{Reach: Reach{Local: true}, Request: inventory.Request{For: 10 * time.Millisecond}}
	if r := New(s).Take(t.Context(), []Order{order}, nil)[0]; r.Err == nil || !strings.Contains(Why(r.Err), "it took longer than 20ms (the machine is too busy") {
		t.Errorf("%v", r.Err)
	}
}

func TestWhatAMigrationAsksOfItsMachines(t *testing.T) {
	spec := migration.Spec{OldEntry: migration.OldEntry{ProbePath: "/alive"},
		Workloads: []migration.Workload{{Health: migration.Health{ReadinessPath: "/readyz", LivenessPath: "/live"}}}}
	policy := migration.DefaultPolicy()
	o, err := OrderOf(migration.VM{Host: "bank-vm-1", Unit: "bank.service", Port: 8080, ConfigDirs: []string{"/etc/bank"}}, spec, policy)
	r := o.Request
	if err != nil || r.Target != (inventory.Target{Host: "bank-vm-1", Unit: "bank.service"}) || r.For != policy.ProbeFor || r.Every != policy.ProbeEvery || !slices.Equal(r.Dirs, []string{"/etc/bank"}) {
		t.Errorf("%+v, %v", o, err)
	}
	if want := []string{"/alive", "/healthz", "/live", "/readyz"}; !slices.Equal(r.HealthPaths, want) {
		t.Errorf("health paths %v, want %v", r.HealthPaths, want)
	}
	if o, err := OrderOf(migration.VM{Host: "bank-vm-1", Port: 8080}, spec, policy); err != nil || o.Request.Target.Port != 8080 {
		t.Errorf("by its port: %+v, %v", o, err)
	}
	if o, err := OrderOf(migration.VM{Host: "bank-vm-1"}, spec, policy); err == nil || o.Request.Target.Host != "bank-vm-1" {
		t.Errorf("by nothing: %+v, %v", o, err)
	}
	if len(r.Key) != 0 || len(r.Drills) != 0 {
		t.Errorf("a key or a drill that nobody gave: %+v", r)
	}
}

func TestCheckSendsNothing(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	s := settingsFor(t, server)
	says, err := New(s).Check(t.Context(), migration.VM{Host: "bank-vm-1", Reach: server.URL()}, migration.Policy{})
	if err != nil || !strings.Contains(says, "Linux on ") || !strings.Contains(says, s.Agent) {
		t.Errorf("%q, %v", says, err)
	}
	s.Agent = "/nowhere/agent"
	if _, err := New(s).Check(t.Context(), migration.VM{Host: "bank-vm-1", Reach: server.URL()}, migration.Policy{}); !errors.Is(err, ErrAgent) || !strings.Contains(Why(err), "make install") {
		t.Errorf("%v", err)
	}
}

func TestAPreviewNamesWhatHappens(t *testing.T) {
	o := Order{Reach: reachOf(t, "ssh://bank-vm-1:2222"), Request: inventory.Request{Target: inventory.Target{Unit: "bank.service"}}}
	text := strings.Join(New(Settings{User: "vimes", Sudo: true}).Preview(o), "\n")
	for _, want := range []string{"bank-vm-1:2222 as vimes", "uname", "copy rehome-agent", "sudo", "remove"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	o.Reach = Reach{Local: true}
	if text := strings.Join(New(Settings{}).Preview(o), "\n"); !strings.Contains(text, "nothing is copied") {
		t.Errorf("%s", text)
	}
}

// TestWatched: progress is told by the machine's place in the migration, also
// behind one that nobody can name.
func TestWatched(t *testing.T) {
	t.Parallel()
	f := New(Settings{Local: func(_ context.Context, r inventory.Request, say func(inventory.Event)) (inventory.Facts, error) {
		say(inventory.Event{Samples: 1, Planned: 1, Say: r.Target.Unit})
		return inventory.Facts{Began: time.Now(), Ended: time.Now()}, nil
	}})
	spec := migration.Spec{VMs: []migration.VM{{Host: "a", Unit: "first", Reach: "ftp://a"}, {Host: "b", Unit: "second", Reach: "local"}, {Host: "c", Unit: "third", Reach: "local"}}}
	heard := map[int]string{}
	r, err := f.Watched(t.Context(), spec, migration.Policy{ProbeEvery: time.Second}, func(i int, e inventory.Event) { heard[i] = e.Say })
	if err != nil || len(r.Machines) != 3 || len(heard) != 2 || heard[1] != "second" || heard[2] != "third" {
		t.Errorf("%v, %v, %d machines", heard, err, len(r.Machines))
	}
}
