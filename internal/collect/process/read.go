package process

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
)

// reader reads the files of processes below one /proc.
type reader struct {
	proc string
	buf  []byte
}

func (r *reader) path(pid int, name string) string {
	return r.proc + "/" + strconv.Itoa(pid) + "/" + name
}

// read gives a file that is valid until the next call.
func (r *reader) read(pid int, name string) ([]byte, error) {
	text, err := scope.Read(r.path(pid, name), r.buf)
	if cap(text) > cap(r.buf) {
		r.buf = text
	}
	return text, err
}

// counters are what of /proc/PID/stat changes. Times are in clock ticks.
type counters struct {
	parent int
	ticks  uint64
	// children is what children took that have ended and were waited for.
	children uint64
	threads  int
	started  uint64
}

// tick is USER_HZ, which is 100 on every machine that Linux gives to programs
// today (times(2)); page the size of one.
const tick = 10 * time.Millisecond

var page = int64(os.Getpagesize())

func (r *reader) counters(pid int) (counters, error) {
	text, err := r.read(pid, "stat")
	if err != nil {
		return counters{}, err
	}
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return counters{}, errShort
	}
	fields := bytes.Fields(text[i+1:])
	if len(fields) < 22 {
		return counters{}, errShort
	}
	return counters{
		parent:   int(parse(fields[1])),
		ticks:    parse(fields[11]) + parse(fields[12]),
		children: parse(fields[13]) + parse(fields[14]),
		threads:  int(parse(fields[17])),
		started:  parse(fields[19]),
	}, nil
}

var errShort = errors.New("the file of /proc is shorter than it should be")

func parse(digits []byte) uint64 {
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// memory is what statm tells: all that is resident, and of it what is nobody
// else's. Bytes.
func (r *reader) memory(pid int) (resident, private int64, err error) {
	text, err := r.read(pid, "statm")
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return 0, 0, errShort
	}
	resident = int64(parse(fields[1])) * page
	return resident, max(0, resident-int64(parse(fields[2]))*page), nil
}

// proportional is the PSS of smaps_rollup in bytes: pages that several processes
// share are divided among them. It makes the kernel walk all page tables.
func (r *reader) proportional(pid int) (int64, error) {
	text, err := r.read(pid, "smaps_rollup")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("Pss:")); ok {
			return int64(parse(bytes.TrimLeft(rest, " "))) * 1024, nil
		}
	}
	return 0, errShort
}

// blocks are the bytes that were read from and written to block devices.
func (r *reader) blocks(pid int) (read, written uint64, err error) {
	text, err := r.read(pid, "io")
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("read_bytes: ")); ok {
			read = parse(rest)
		} else if rest, ok := bytes.CutPrefix(line, []byte("write_bytes: ")); ok {
			written = parse(rest)
		}
	}
	return read, written, nil
}

// openFiles counts the file descriptors. Since Linux 6.2 the directory's size is
// their number; cheap says so. Before, all of them have to be listed.
func (r *reader) openFiles(pid int) (n int, cheap bool, err error) {
	dir := r.path(pid, "fd")
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return 0, false, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if st.Size > 0 {
		return int(st.Size), true, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(512)
		n += len(names)
		if err != nil {
			return n, false, nil // the end, or that of the process: what was counted counts
		}
	}
}

// fields reads "Key:\tvalue" lines.
func (r *reader) fields(pid int, name string) (map[string]string, error) {
	text, err := r.read(pid, name)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			out[key] = strings.TrimSpace(value)
		}
	}
	return out, nil
}

// bootTime is when the machine was started, to count the start of a process from.
func (r *reader) bootTime() time.Time {
	text, err := scope.Read(filepath.Join(r.proc, "stat"), nil)
	if err != nil {
		return time.Time{}
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("btime ")); ok {
			return time.Unix(int64(parse(rest)), 0).UTC()
		}
	}
	return time.Time{}
}

// gone says that a process has ended: then nothing is missing.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// why is the reason of a gap.
func why(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "permission denied"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
