package part

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// UnmountBelow takes away every mount at or below dir, the deepest first.
func UnmountBelow(dir string) error {
	points, err := MountsBelow(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, point := range points {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}

// MakeMountNamespace keeps a mount namespace at file, below the run directory, in
// which each directory of binds (there) shows another one (here). Mounts made in it
// never show in the machine's own, and end with the last process in it. It does
// nothing when file is a mount namespace already.
func (l *Lab) MakeMountNamespace(ctx context.Context, file string, binds map[string]string) error {
	if mounted, err := isMount(file); err != nil || mounted {
		return err
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// The file of a mount namespace can be kept only on a private mount, unshare(1).
	if mounted, err := isMount(dir); err != nil {
		return err
	} else if !mounted {
		if _, err := Run(ctx, "mount", "--bind", dir, dir); err != nil {
			return err
		}
	}
	if _, err := Run(ctx, "mount", "--make-private", dir); err != nil {
		return err
	}
	if err := WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	script := "mount --make-rshared /\n"
	args := []string{}
	for _, there := range slices.Sorted(maps.Keys(binds)) {
		for _, d := range []string{there, binds[there]} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		args = append(args, binds[there], there)
	}
	script += `while [ $# -gt 1 ]; do mount --bind -- "$1" "$2" || exit 1; shift 2; done`
	argv := append([]string{"unshare", "--mount=" + file, "--propagation", "private", "--", "sh", "-ec", script, "sh"}, args...)
	_, err := Run(ctx, argv...)
	return err
}

func isMount(path string) (bool, error) {
	points, err := MountsBelow(path)
	return slices.Contains(points, path), err
}

// MountsBelow lists the mount points at or below dir, the last mounted first.
func MountsBelow(dir string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return mountsBelow(string(data), dir), nil
}

var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountsBelow reads proc(5)'s mountinfo; a later mount lies above an earlier one.
func mountsBelow(mountinfo, dir string) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescapeMount.Replace(fields[4])
		if point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	slices.Reverse(points)
	return points
}
