package vm

import (
	"context"
	"fmt"
	"strings"
)

// platform is what a machine runs on: the kernel's name and Go's name of the
// architecture.
type platform struct{ system, arch string }

// architectures are Go's names by those of uname(2).
var architectures = map[string]string{
	"x86_64": "amd64", "amd64": "amd64", "i386": "386", "i486": "386", "i586": "386", "i686": "386",
	"aarch64": "arm64", "arm64": "arm64", "armv6l": "arm", "armv7l": "arm", "armv8l": "arm",
	"ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64", "loongarch64": "loong64",
}

// platform asks a machine what it is, before anything is sent to it.
func (m *machine) platform(ctx context.Context) (platform, error) {
	out, said, err := m.output(ctx, "uname -s -m")
	if err != nil {
		return platform{}, err
	}
	return readPlatform(out, said)
}

// readPlatform finds the answer of uname -s -m in whatever else a login prints.
func readPlatform(stdout, stderr string) (platform, error) {
	var found platform
	for line := range strings.SplitSeq(stdout, "\n") {
		if f := strings.Fields(line); len(f) == 2 && (f[0] == "Linux" || architectures[f[1]] != "" || f[0] == "AIX" || f[0] == "SunOS") {
			found = platform{f[0], f[1]}
		}
	}
	switch all := stdout + stderr; {
	case found.system == "Linux":
		arch, ok := architectures[found.arch]
		if !ok {
			return found, fmt.Errorf("it is a Linux machine of the architecture %s: %w", found.arch, ErrAgent)
		}
		return platform{found.system, arch}, nil
	case found.system != "":
		return found, unsupported(found.system)
	case strings.Contains(all, "is not recognized as") || strings.Contains(all, "CommandNotFoundException") || strings.Contains(all, "Microsoft"):
		return found, unsupported("Windows")
	}
	said := lastLines(stdout+"\n"+stderr, 2)
	if said == "" {
		said = "nothing"
	}
	return found, withHint(fmt.Errorf("uname -s -m says what no machine says: %s", said), "the login needs a shell that runs commands")
}

func unsupported(system string) error {
	return withHint(fmt.Errorf("it is %s: %w", system, ErrPlatform), "leave this machine out, and describe by hand what runs there")
}
