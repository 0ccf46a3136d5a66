package drill

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/collect/scope"
)

// layered are the file systems over which a layer is laid. What is not of them
// (proc, sysfs, cgroup, devices) holds no files of an application.
var layered = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "overlay", "tmpfs", "nfs", "nfs4", "cifs", "ceph", "fuse.glusterfs", "vfat", "virtiofs", "9p"}

// notLayered are other programs' mounts; they can be hundreds.
var notLayered = []string{"/proc", "/sys", "/dev", "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/kubelet", "/run/netns", "/run/docker", "/run/user", "/run/credentials", "/snap", "/boot"}

// layerSize bounds what the second instance may write, in memory.
const layerSize = "size=256m,mode=0700"

const maxLayers = 100

// place is a directory over which a layer is laid. Lower is open on it, since a
// layer above it hides it.
type place struct {
	path  string
	lower int
}

// layer lays a file system in memory over everything that can be written. It
// works in a mount namespace of its own, which ends with the second instance. dir
// is an empty directory, by which the memory is reached. It gives the places that
// could not be covered: there the second instance writes what the first one has.
func layer(dir string) ([]string, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("keep the mounts apart: %w", err)
	}
	places, err := placesToCover(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, p := range places {
			_ = unix.Close(p.lower)
		}
	}()
	if err := unix.Mount("rehome-drill", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, layerSize); err != nil {
		return nil, fmt.Errorf("make room for the layers: %w", err)
	}
	store, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(store) }()
	var bare []string
	for i, p := range places {
		if err := p.cover(fmt.Sprintf("/proc/self/fd/%d/%d", store, i)); err != nil {
			bare = append(bare, p.path)
		}
	}
	return bare, nil
}

// cover mounts the layer. Its top directory gets mode and owner of what it covers.
func (p place) cover(room string) error {
	lower := "/proc/self/fd/" + strconv.Itoa(p.lower)
	var st syscall.Stat_t
	if err := syscall.Stat(lower, &st); err != nil {
		return err
	}
	for _, d := range []string{room, room + "/upper", room + "/work"} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	if err := os.Chown(room+"/upper", int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := syscall.Chmod(room+"/upper", st.Mode&0o7777); err != nil {
		return err
	}
	return unix.Mount("rehome-drill", p.path, "overlay", 0, "lowerdir="+lower+",upperdir="+room+"/upper,workdir="+room+"/work")
}

// placesToCover are the directories of the root and every mount below them, the
// outer ones first.
func placesToCover(dir string) ([]place, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	paths, mounted := mountPoints(string(data))
	top, err := os.ReadDir("/")
	if err != nil {
		return nil, err
	}
	for _, e := range top {
		if p := "/" + e.Name(); e.IsDir() && !mounted[p] && !under(p, notLayered) {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths) // a path comes before those below it
	paths = slices.Compact(paths)
	var out []place
	for _, p := range paths {
		if under(p, []string{dir}) {
			continue
		}
		if len(out) == maxLayers {
			return nil, fmt.Errorf("more than %d file systems are mounted", maxLayers)
		}
		fd, err := unix.Open(p, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // a file that is mounted over, or a mount that is hidden by another
		}
		out = append(out, place{p, fd})
	}
	return out, nil
}

// mountPoints reads proc_pid_mountinfo(5): what can be written and covered, and
// everything that is a mount point of the root.
func mountPoints(info string) (writable []string, all map[string]bool) {
	all = map[string]bool{}
	for line := range strings.Lines(info) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if len(f) < 6 || dash < 0 || dash+3 >= len(f) {
			continue
		}
		point := scope.Unescape(f[4])
		all[point] = true
		readOnly := slices.Contains(strings.Split(f[5], ","), "ro") || slices.Contains(strings.Split(f[dash+3], ","), "ro")
		shm := point == "/dev/shm"
		if point != "/" && !readOnly && slices.Contains(layered, f[dash+1]) && (shm || !under(point, notLayered)) {
			writable = append(writable, point)
		}
	}
	return writable, all
}

func under(path string, tops []string) bool {
	return slices.ContainsFunc(tops, func(top string) bool { return path == top || strings.HasPrefix(path, top+"/") })
}

// hide takes files out of the layers alone: PID files and sockets, which belong to
// the first instance, and logs, which would be copied as a whole.
func hide(paths []string, bare []string) {
	for _, p := range paths {
		if p = filepath.Clean(p); filepath.IsAbs(p) && !under(p, bare) && !under(p, notLayered) && filepath.Dir(p) != "/" {
			_ = os.Remove(p)
		}
	}
}
