package vm

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// AgentVariable names the environment variable with the path of the agent.
const AgentVariable = "REHOME_AGENT"

// maxAgent bounds what is sent to a machine, in bytes.
const maxAgent = 64 << 20

// binary is the agent for one architecture.
type binary struct {
	path string
	data []byte
}

// machines of ELF by Go's architecture.
var elfMachines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "386": elf.EM_386, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM,
	"ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390, "riscv64": elf.EM_RISCV, "loong64": elf.EM_LOONGARCH,
}

// agentPaths are where the agent may be, and whether somebody named the place:
// the setting, $REHOME_AGENT, or beside the program, there with the architecture
// in its name or, for the program's own, without.
func (s Settings) agentPaths(arch string) (paths []string, named bool) {
	if s.Agent != "" {
		return []string{s.Agent}, true
	}
	if p := s.getenv(AgentVariable); p != "" {
		return []string{p}, true
	}
	self, err := os.Executable()
	if err != nil {
		return nil, false
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	dir := filepath.Dir(self)
	paths = []string{filepath.Join(dir, "rehome-agent-linux-"+arch)}
	if runtime.GOOS == "linux" && runtime.GOARCH == arch {
		paths = append(paths, filepath.Join(dir, "rehome-agent"))
	}
	return paths, false
}

// Program is the agent for an architecture, static and checked to be for it, from
// where it is looked for when it is copied to a machine.
func (s Settings) Program(arch string) ([]byte, error) {
	b, err := s.binary(arch)
	return b.data, err
}

// binary finds the agent for an architecture and reads it.
func (s Settings) binary(arch string) (binary, error) {
	paths, named := s.agentPaths(arch)
	for _, path := range paths {
		b, err := readBinary(path, arch)
		switch {
		case err == nil:
			return b, nil
		case !named && errors.Is(err, fs.ErrNotExist):
			continue
		}
		return binary{}, withHint(fmt.Errorf("%w: %w", ErrAgent, err), "%s", buildAgent(arch))
	}
	return binary{}, withHint(fmt.Errorf("%w (linux/%s): looked for %v", ErrAgent, arch, paths), "%s", buildAgent(arch))
}

func buildAgent(arch string) string {
	return "make install puts it beside rehome, or: CGO_ENABLED=0 GOOS=linux GOARCH=" + arch + " go build -o rehome-agent-linux-" + arch + " ./cmd/rehome-agent, and name it with --agent or $" + AgentVariable
}

// readBinary reads a program that can run on any Linux of the architecture: it
// needs no library and no interpreter of the machine.
func readBinary(path, arch string) (binary, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return binary{}, err
	case !info.Mode().IsRegular() || info.Size() > maxAgent:
		return binary{}, fmt.Errorf("%s is no program that could be sent", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return binary{}, err
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return binary{}, fmt.Errorf("%s is no Linux program: %w", path, err)
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return binary{}, fmt.Errorf("%s is no program but %s", path, f.Type)
	}
	if want, ok := elfMachines[arch]; !ok || f.Machine != want {
		return binary{}, fmt.Errorf("%s is for %s, the machine is %s", path, f.Machine, arch)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return binary{}, fmt.Errorf("%s is not static: it would need libraries of the machine", path)
		}
	}
	return binary{path, data}, nil
}
