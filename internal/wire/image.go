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
func MachineFiles(s MachineSettings, host string) (image.Machine, error) {
	reach, err := vm.ParseReach(host)
	if err != nil {
		return image.Machine{}, err
	}
	return filesAt(s, reach), nil
}

// MachineFilesOf reads files of a migration's machine, as its policy says that it is
// reached.
func MachineFilesOf(s MachineSettings, m migration.VM, ssh migration.SSH) (image.Machine, error) {
	reach, err := vm.ReachOf(m)
	if err != nil {
		return image.Machine{}, err
	}
	return filesAt(s.With(ssh), reach), nil
}

// FilesBelow reads files of a machine whose disk is in a directory of this one.
func FilesBelow(dir string) image.Machine {
	root := image.Root{Dir: dir}
	return image.Machine{Read: root.Read, Rest: root.Rest}
}

// AgentPrograms are the agents for architectures, from where the one that is copied to
// machines is looked for.
func AgentPrograms(s MachineSettings, archs []string) ([]image.Agent, error) {
	var out []image.Agent
	for _, arch := range archs {
		program, err := s.Program(arch)
		if err != nil {
			return nil, err
		}
		out = append(out, image.Agent{Arch: arch, Content: program})
	}
	return out, nil
}

func filesAt(s MachineSettings, reach vm.Reach) image.Machine {
	if reach.Local {
		return FilesBelow("/")
	}
	fleet := vm.New(s)
	return image.Machine{
		Read: func(ctx context.Context, paths []string) (tree.Tree, error) {
			return fleet.ReadFiles(ctx, reach, paths)
		},
		Rest: func(ctx context.Context) (image.Rest, error) {
			return image.RestOf(ctx, func(ctx context.Context, script string) (string, error) {
				return fleet.Ask(ctx, reach, script)
			})
		},
	}
}
