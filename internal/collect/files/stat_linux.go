package files

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stat asks for a file without asking a file server: a dead NFS server must not
// hold the probe up. Links are followed.
func stat(path string) (meta, error) { return statx(path, 0) }

// lstat is stat of a link itself.
func lstat(path string) (meta, error) { return statx(path, unix.AT_SYMLINK_NOFOLLOW) }

func statx(path string, flags int) (meta, error) {
	var x unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, flags|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &x)
	if err != nil {
		return meta{}, &os.PathError{Op: "statx", Path: path, Err: err}
	}
	m := meta{
		size: int64(x.Size), links: int(x.Nlink), uid: int(x.Uid), inode: x.Ino,
		major: x.Dev_major, minor: x.Dev_minor, sticky: x.Mode&unix.S_ISVTX != 0,
		read: x.Mode&unix.S_IRUSR != 0, write: x.Mode&unix.S_IWUSR != 0,
		atime: instant(x.Atime), mtime: instant(x.Mtime),
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		m.born = instant(x.Btime)
	}
	switch x.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		m.kind = regular
	case unix.S_IFDIR:
		m.kind = directory
	case unix.S_IFCHR, unix.S_IFBLK:
		m.kind = device
	}
	return m, nil
}

func instant(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }

// open reads a file without leaving a trace in its access time where it may; a
// FIFO that came in its place does not hold it up.
func open(path string) (io.ReadCloser, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
