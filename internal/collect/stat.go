package collect

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/scope"
)

// stat is what tells whose child a process is, from /proc/PID/stat (proc(5)).
// Started is in clock ticks since boot: with it, a PID that is used again is told
// from the one that it was.
type stat struct {
	name    string
	parent  int
	group   int
	session int
	threads int
	started uint64
	zombie  bool
}

// table reads processes below one /proc.
type table struct {
	proc string
	buf  []byte
}

// stat reads one process; false when there is none. What looks ended and counts no
// thread may be a process whose first thread is just being replaced by the one that
// executes a program: it is looked at again.
func (t *table) stat(pid int) (stat, bool) {
	for range 100 {
		text, err := scope.Read(t.path(pid, "stat"), t.buffer())
		if err != nil {
			return stat{}, false
		}
		if s, ok := parseStat(text); !ok || !s.zombie || s.threads > 0 {
			return s, ok
		}
	}
	return stat{}, false
}

// parseStat reads a line of proc_pid_stat(5). A process whose first thread has ended
// while others go on is no zombie.
func parseStat(text []byte) (stat, bool) {
	open, shut := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || shut < open || shut+2 > len(text) {
		return stat{}, false
	}
	s := stat{name: string(text[open+1 : shut])}
	for n, field := 0, text[shut+2:]; len(field) > 0; n++ {
		word, rest, _ := bytes.Cut(field, []byte{' '})
		field = rest
		switch n {
		case 0:
			s.zombie = len(word) > 0 && (word[0] == 'Z' || word[0] == 'X')
		case 1:
			s.parent = number(word)
		case 2:
			s.group = number(word)
		case 3:
			s.session = number(word)
		case 17:
			s.threads = number(word)
			s.zombie = s.zombie && s.threads < 2
		case 19:
			var err error
			s.started, err = strconv.ParseUint(string(word), 10, 64)
			return s, err == nil
		}
	}
	return stat{}, false
}

func number(digits []byte) int {
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// all reads every process of the machine.
func (t *table) all() (map[int]stat, error) {
	dir, err := os.Open(t.proc)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	found := make(map[int]stat, len(names))
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if s, ok := t.stat(pid); ok {
			found[pid] = s
		}
	}
	return found, nil
}

// cgroup is the path of a process in systemd's hierarchy: that of cgroup v2, or
// of the named hierarchy where v1 is used (cgroups(7)).
func (t *table) cgroup(pid int) string {
	text, err := scope.Read(t.path(pid, "cgroup"), t.buffer())
	if err != nil {
		return ""
	}
	unified := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if _, path, ok := strings.Cut(line, ":name=systemd:"); ok {
			return path
		}
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			unified = path
		}
	}
	return unified
}

func (t *table) path(pid int, name string) string {
	return filepath.Join(t.proc, strconv.Itoa(pid), name)
}

func (t *table) buffer() []byte {
	if t.buf == nil {
		t.buf = make([]byte, 4096)
	}
	return t.buf
}
