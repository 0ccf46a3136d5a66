package wire

import (
	"context"
	"io"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/accesslog"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/vm"
)

// What the command line needs to know of machines.
type (
	MachineSettings = vm.Settings
	MachineQuestion = vm.Question
	MachineOrder    = vm.Order
	MachineResult   = vm.Result
	MachineReach    = vm.Reach
)

var _ engine.Machines = (*vm.Fleet)(nil)

// Machines takes facts as the settings say: for a person who asks for them.
func Machines(s MachineSettings) *vm.Fleet { return vm.New(s) }

// overSSH lets access logs be read on other machines. They are reached as the
// policy says, unless the connection itself says it.
func overSSH(logs *accesslog.Source, policy migration.SSH) {
	own := vm.Settings{}.With(logs.SSH())
	files := vm.NewFiles(own.With(policy))
	here := logs.Open
	logs.Open = func(ctx context.Context, host, file string, offset, most int64) (io.ReadCloser, error) {
		if host == "" {
			return here(ctx, host, file, offset, most)
		}
		return files.Open(ctx, host, file, offset, most)
	}
}

// newMachines takes facts for a migration: how they are reached, its policy says.
// Nobody is asked for a password while a migration runs.
func newMachines() engine.Machines { return vm.New(vm.Settings{}) }

// ParseMachineReach reads ssh://user@host:port, or local.
func ParseMachineReach(text string) (MachineReach, error) { return vm.ParseReach(text) }

// MachineOrderOf is what a migration wants to know of one of its machines; beside
// an error it names the target all the same.
func MachineOrderOf(m migration.VM, spec migration.Spec, policy migration.Policy) (MachineOrder, error) {
	return vm.OrderOf(m, spec, policy)
}

// WhyNoFacts is an error of a machine with what helps against it, in one line.
func WhyNoFacts(err error) string { return vm.Why(err) }
