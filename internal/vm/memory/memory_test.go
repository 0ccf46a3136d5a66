package memory_test

import (
	"errors"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/vm/memory"
	"rehome.dev/rehome/internal/vm/vmtest"
)

func TestSuite(t *testing.T) {
	m := memory.New(time.Now)
	w := vmtest.World{Machines: m, Away: migration.VM{Host: "away", Unit: "bank.service"}}
	for i, host := range []string{"bank-vm-1", "bank-vm-2"} {
		m.Set(host, inventory.Facts{Looked: []inventory.Subject{inventory.SubjectListeners}, Trees: []inventory.Tree{{Path: "/etc/bank"}}})
		w.Present[i] = migration.VM{Host: host, Unit: "bank.service"}
	}
	m.Set("away", inventory.Facts{})
	m.Away("away", "the network is down")
	w.Slow = func() migration.VM { m.Hang(true); return w.Present[0] }
	vmtest.Run(t, w)
}

func TestWhatIsSetIsNotChangedByAnInventory(t *testing.T) {
	m := memory.New(time.Now)
	given := inventory.Facts{Trees: []inventory.Tree{{Path: "/etc/bank"}}}
	m.Set("bank-vm-1", given)
	spec := migration.Spec{VMs: []migration.VM{{Host: "bank-vm-1", Port: 8080}}}
	r, err := m.Inventory(t.Context(), spec, migration.Policy{})
	if err != nil || r.Machines[0].Target.Port != 8080 || given.Trees[0].KeyID != "" {
		t.Errorf("%+v, %v; given %+v", r, err, given)
	}
	broken := errors.New("broken")
	m.Fail(broken)
	if _, err := m.Inventory(t.Context(), spec, migration.Policy{}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	m.Fail(nil)
	if _, err := m.Inventory(t.Context(), spec, migration.Policy{}); err != nil {
		t.Errorf("mended: %v", err)
	}
}
