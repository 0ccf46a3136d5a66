package wire

import (
	"context"

	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/vm"
)

// MachineFiles reads files of a machine, named as ssh://user@host:port or local, for
// an image that is built of them. Nothing is kept but in memory.
func MachineFiles(s MachineSettings, host string) (image.Read, error) {
	reach, err := vm.ParseReach(host)
	if err != nil {
		return nil, err
	}
	return filesAt(s, reach), nil
}

// MachineFilesOf reads files of a migration's machine, as its policy says that it is
// reached.
func MachineFilesOf(s MachineSettings, m migration.VM, ssh migration.SSH) (image.Read, error) {
	reach, err := vm.ReachOf(m)
	if err != nil {
		return nil, err
	}
	return filesAt(s.With(ssh), reach), nil
}

func filesAt(s MachineSettings, reach vm.Reach) image.Read {
	if reach.Local {
		return image.Root{Dir: "/"}.Read
	}
	fleet := vm.New(s)
	return func(ctx context.Context, paths []string) (tree.Tree, error) {
		return fleet.ReadFiles(ctx, reach, paths)
	}
}
