package host

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// usageBound is the time that a file system gets to say how full it is: an NFS
// server that is gone never answers.
const usageBound = 2 * time.Second

// mounts are the file systems on which the application's files are, as its main
// process sees them, and the devices that it uses without one.
func (m *machine) mounts(ctx context.Context, f *inventory.Facts) []inventory.Mount {
	who := "self"
	if m.scope.Main > 0 {
		who = strconv.Itoa(m.scope.Main)
	}
	text, err := readBounded(path.Join(m.proc, who, "mountinfo"))
	if err != nil {
		m.scope.Gaps.Add(inventory.SubjectMounts, "mounts of process "+who, reason(err))
		return rawDevices(f)
	}
	all := mountInfo(text)
	used := map[string]bool{}
	for _, name := range m.paths(f) {
		if i := below(all, name); i >= 0 {
			used[all[i].Point] = true
		}
	}
	var out []inventory.Mount
	for i, mount := range all {
		if !used[mount.Point] || slices.ContainsFunc(all[i+1:], func(o inventory.Mount) bool { return o.Point == mount.Point }) {
			continue
		}
		m.measure(ctx, &mount)
		out = append(out, mount)
	}
	out = append(out, rawDevices(f)...)
	slices.SortFunc(out, func(a, b inventory.Mount) int { return cmp.Compare(a.Point, b.Point) })
	return out
}

// paths are all names of files and directories that the application uses.
func (m *machine) paths(f *inventory.Facts) []string {
	out := append([]string(nil), m.app.dirs...)
	out = append(out, m.scope.Request.Dirs...)
	out = append(out, m.app.programs...)
	for _, file := range f.Files {
		if file.Class != inventory.FileDevice {
			out = append(out, file.Path)
		}
	}
	for _, g := range f.Groups {
		out = append(out, g.Directory)
	}
	if f.Unit != nil {
		for _, setting := range []string{"RequiresMountsFor", "ReadWritePaths", "RootDirectory"} {
			for _, p := range strings.Fields(f.Unit.Settings[setting]) {
				out = append(out, strings.TrimLeft(p, "-+"))
			}
		}
	}
	return out
}

// below is the mount below which a name is, -1 where there is none. Of two
// mounts on the same point the later one hides the other.
func below(all []inventory.Mount, name string) int {
	name = path.Clean(name)
	best, length := -1, -1
	for i, mount := range all {
		if p := mount.Point; (p == "/" || name == p || strings.HasPrefix(name, p+"/")) && len(p) >= length && strings.HasPrefix(name, "/") {
			best, length = i, len(p)
		}
	}
	if best >= 0 && slices.Contains(pseudo, all[best].FSType) {
		return -1
	}
	return best
}

// pseudo are file systems that hold no files.
var pseudo = []string{"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "mqueue", "debugfs", "tracefs", "securityfs", "pstore", "bpf", "configfs", "hugetlbfs", "nsfs", "binfmt_misc", "efivarfs", "fusectl", "rpc_pipefs", "selinuxfs"}

var networkTypes = []string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "glusterfs", "ceph", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "afs", "pvfs2", "davfs",
	"fuse.glusterfs", "fuse.ceph", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.mfs", "fuse.juicefs", "fuse.davfs2", "fuse.cifs", "fuse.blobfuse2", "fuse.mount.nfs"}

// mountInfo reads /proc/PID/mountinfo, see proc_pid_mountinfo(5).
func mountInfo(text string) []inventory.Mount {
	var out []inventory.Mount
	var devices []string
	ofRoot := ""
	for line := range strings.Lines(text) {
		before, after, is := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !is || len(left) < 6 || len(right) < 2 {
			continue
		}
		mount := inventory.Mount{Point: inventory.Name(scope.Unescape(left[4])), FSType: inventory.Name(right[0]), Source: source(right[1])}
		options := strings.Split(left[5], ",")
		if len(right) > 2 {
			options = append(options, strings.Split(right[2], ",")...)
		}
		mount.ReadOnly = slices.Contains(options, "ro")
		mount.Options = withoutSecrets(options)
		mount.Network = slices.Contains(networkTypes, mount.FSType)
		if mount.Point == "/" {
			ofRoot = left[2]
		}
		out, devices = append(out, mount), append(devices, left[2])
	}
	for i := range out {
		out[i].Block = strings.HasPrefix(out[i].Source, "/dev/") && devices[i] != ofRoot && !slices.Contains(partitions, out[i].Point)
	}
	return out
}

// partitions are made by installers for the system, not for an application.
var partitions = []string{"/boot", "/boot/efi", "/usr", "/var", "/tmp", "/home"}

// source is a mount's source without a password in it.
func source(raw string) string {
	text := scope.Unescape(raw)
	if before, host, is := strings.Cut(text, "@"); is && strings.Contains(before, ":") && (strings.HasPrefix(text, "//") || strings.Contains(text, "://")) {
		i := strings.LastIndexAny(before, "/")
		text = before[:i+1] + "[redacted]@" + host
	}
	text, _ = scan.CommandLine(text)
	return inventory.Name(text)
}

// withoutSecrets keeps the options once each, and of one with a secret its name.
func withoutSecrets(options []string) []string {
	var out []string
	for _, o := range options {
		key, value, is := strings.Cut(o, "=")
		if _, secret := scan.Secret(key, value); is && (secret || slices.Contains([]string{"credentials", "cred", "secret", "pass", "password2"}, key) && !strings.HasPrefix(value, "/")) {
			o = key + "=[redacted]"
		}
		if o = inventory.Name(scope.Unescape(o)); !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// measure asks how large and how full a file system is. It leaves alone what
// would be mounted by the question.
func (m *machine) measure(ctx context.Context, mount *inventory.Mount) {
	if mount.FSType == "autofs" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, usageBound)
	defer cancel()
	size, used, err := m.usage(ctx, path.Join(m.root, mount.Point))
	if err != nil {
		m.scope.Gaps.Add(inventory.SubjectMounts, mount.Point, "does not say how full it is: "+err.Error())
		return
	}
	mount.Size, mount.Used = size, used
}

var blockNames = []string{"/dev/sd", "/dev/vd", "/dev/xvd", "/dev/nvme", "/dev/dm-", "/dev/mapper/", "/dev/raw/", "/dev/md", "/dev/disk/", "/dev/drbd", "/dev/rbd"}

// rawDevices are block devices that the application opens itself.
func rawDevices(f *inventory.Facts) []inventory.Mount {
	var out []inventory.Mount
	for _, file := range f.Files {
		if slices.ContainsFunc(blockNames, func(n string) bool { return strings.HasPrefix(file.Path, n) }) {
			out = append(out, inventory.Mount{Point: file.Path, Source: file.Path, FSType: "raw", Block: true, ReadOnly: !file.Written})
		}
	}
	return out
}
