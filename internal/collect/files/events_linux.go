package files

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/collect/scope"
)

const (
	// eventBuffer holds some thousand events; it is read until there are none, or
	// readsPerSample times.
	eventBuffer    = 64 << 10
	readsPerSample = 8
	// closesPerSample is how many files of the application are taken over in one
	// sample, mostHeard how many in a probe, mostMarks on how many mounts is listened.
	closesPerSample = 200
	mostHeard       = 4000
	mostMarks       = 8
	// blindSamples is for how many samples in a row more may come than is read.
	blindSamples = 3
)

// events hears of files that were written and closed, see fanotify(7), on the
// mounts on which the application has files. The kernel tells it afterwards and
// waits for no answer; no file is opened for it. Without the right to listen, or
// where a file system cannot say which file it was, the directories are looked
// through as ever, which does not find what was deleted meanwhile.
type events struct {
	group  int // of fanotify; 0 before it was tried, -1 when it cannot be had or was given up
	marks  []mark
	dirs   map[string]string // paths by handle
	buf    []byte
	heard  int
	behind int // samples in a row in which more came than was read
}

// mark is a mount that is listened on, through the eyes of a process. Nothing is kept
// open on it, so that it can be unmounted.
type mark struct {
	point, through string
	fsid           [8]byte
}

// listened are the file systems on which somebody keeps files. Those of other
// machines tell only what is done on this one, which is enough.
var listened = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "nfs", "nfs4", "overlay", "zfs"}

// listen begins to hear what is done on the mount of a path.
func (e *events) listen(s *scope.Scope, all mounts, pid int, path string) {
	m, found := all.of(path)
	if e.group < 0 || !found || len(e.marks) >= mostMarks || !slices.Contains(listened, m.fstype) || e.on(m.point) {
		return
	}
	if e.group == 0 && !e.begin() {
		return
	}
	next := mark{point: m.point, through: view(s, pid, m.point)}
	var fs unix.Statfs_t
	if unix.Statfs(next.through, &fs) == nil && unix.FanotifyMark(e.group, unix.FAN_MARK_ADD|unix.FAN_MARK_MOUNT, unix.FAN_CLOSE_WRITE, unix.AT_FDCWD, next.through) == nil {
		binary.NativeEndian.PutUint32(next.fsid[:4], uint32(fs.Fsid.Val[0]))
		binary.NativeEndian.PutUint32(next.fsid[4:], uint32(fs.Fsid.Val[1]))
	}
	e.marks = append(e.marks, next)
}

func (e *events) on(point string) bool {
	return slices.ContainsFunc(e.marks, func(m mark) bool { return m.point == point })
}

func (e *events) begin() bool {
	group, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_DFID_NAME|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, 0)
	if err != nil {
		e.group = -1
		return false
	}
	e.group, e.dirs, e.buf = group, map[string]string{}, make([]byte, eventBuffer)
	return true
}

// end gives up listening. The marks go with the group.
func (e *events) end() {
	if e.group > 0 {
		_ = unix.Close(e.group)
	}
	e.group, e.marks, e.buf, e.dirs = -1, nil, nil, nil
}

// take reads what has come and calls closed for what processes of the application
// did. On a machine where more is written than it can read, it gives up.
func (e *events) take(ours func(pid int) bool, closed func(pid int, path string)) {
	if e.group <= 0 {
		return
	}
	budget := min(closesPerSample, mostHeard-e.heard)
	for range readsPerSample {
		n, err := unix.Read(e.group, e.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			e.behind = 0
			return
		}
		lost := e.read(e.buf[:n], ours, func(pid int, path string) {
			if budget > 0 {
				budget--
				e.heard++
				closed(pid, path)
			}
		})
		if lost || e.heard >= mostHeard {
			e.end()
			return
		}
	}
	if e.behind++; e.behind >= blindSamples {
		e.end()
	}
}

// The lengths of fanotify_event_metadata, and of what precedes the handle in
// fanotify_event_info_fid.
const (
	eventHead = 24
	infoHead  = 4 + 8
)

// read takes one buffer apart; lost says that the kernel had to drop events.
func (e *events) read(buf []byte, ours func(int) bool, closed func(int, string)) (lost bool) {
	for len(buf) >= eventHead {
		length := int(binary.NativeEndian.Uint32(buf))
		if length < eventHead || length > len(buf) || buf[4] != unix.FANOTIFY_METADATA_VERSION {
			return true
		}
		if binary.NativeEndian.Uint64(buf[8:])&unix.FAN_Q_OVERFLOW != 0 {
			return true
		}
		head := int(binary.NativeEndian.Uint16(buf[6:]))
		pid := int(int32(binary.NativeEndian.Uint32(buf[20:])))
		if head >= eventHead && head <= length && ours(pid) {
			if path := e.path(buf[head:length]); path != "" {
				closed(pid, path)
			}
		}
		buf = buf[length:]
	}
	return false
}

// path finds out the path from the handle of a directory and a name in it. It is
// as this process would see it, "" where it is not known.
func (e *events) path(info []byte) string {
	if len(info) < infoHead+8 || info[0] != unix.FAN_EVENT_INFO_TYPE_DFID_NAME {
		return ""
	}
	size := int(binary.NativeEndian.Uint32(info[infoHead:]))
	kind := int32(binary.NativeEndian.Uint32(info[infoHead+4:]))
	rest := info[infoHead+8:]
	if size < 0 || size > len(rest) {
		return ""
	}
	name, _, _ := strings.Cut(string(rest[size:]), "\x00")
	if name == "" || name == "." {
		return ""
	}
	id := string(info[4 : infoHead+8+size])
	dir, known := e.dirs[id]
	if !known {
		dir = e.directory([8]byte(info[4:12]), unix.NewFileHandle(kind, rest[:size]))
		if len(e.dirs) > 1000 {
			clear(e.dirs)
		}
		e.dirs[id] = dir
	}
	if dir == "" {
		return ""
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

func (e *events) directory(fsid [8]byte, handle unix.FileHandle) string {
	for _, m := range e.marks {
		if m.fsid != fsid {
			continue
		}
		at, err := unix.Open(m.through, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		fd, err := unix.OpenByHandleAt(at, handle, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
		_ = unix.Close(at)
		if err != nil {
			continue
		}
		dir, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		_ = unix.Close(fd)
		if err == nil && strings.HasPrefix(dir, "/") && !strings.HasSuffix(dir, " (deleted)") {
			return dir
		}
	}
	return ""
}

// hear takes over what was written and closed since the sample before.
func (c *Collector) hear(s *scope.Scope) {
	c.events.take(func(pid int) bool { return s.Ever[pid] || c.named[pid] }, func(pid int, path string) {
		path = c.inside(pid, path)
		if kernels(path) {
			return
		}
		m, err := stat(view(s, pid, path))
		if err == nil && m.kind != regular {
			return
		}
		u := c.use(s, path, false, m.inode)
		if u == nil {
			return
		}
		u.by |= byEvent
		u.written = true
		u.holder(pid)
		if err != nil {
			u.gone = u.by&byFD == 0 && ended(err)
			return
		}
		u.inode, u.gone = m.inode, false
		u.created = u.created || c.isNew(m)
		u.measure(m.size, time.Now())
	})
}
