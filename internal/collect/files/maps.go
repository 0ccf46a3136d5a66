package files

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mapping is one line of /proc/PID/maps that leads to a file or to memory with a
// name. Path is raw, with " (deleted)" where the kernel adds it.
type mapping struct {
	path          string
	shared, write bool
	executable    bool
	device        string // major:minor in hexadecimal, as maps prints it
	inode         uint64
	bytes         int64
}

// mapsOf reads the mappings of a process, those of one file as one; shared asks
// for those alone that others may have too.
func mapsOf(proc string, pid int, shared bool) ([]mapping, error) {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "maps"))
	if err != nil {
		return nil, err
	}
	return parseMaps(data, shared), nil
}

// parseMaps reads proc_pid_maps(5). What has no inode is the process's own memory.
func parseMaps(data []byte, shared bool) []mapping {
	var all []mapping
	index := map[string]int{}
	for line := range bytes.Lines(data) {
		m, path, ok := parseMapping(line)
		if !ok || shared && !m.shared {
			continue
		}
		key := string(path) + "\x00" + strconv.FormatUint(m.inode, 16)
		if i, known := index[key]; known {
			all[i].bytes += m.bytes
			all[i].write = all[i].write || m.write
			all[i].shared = all[i].shared || m.shared
			all[i].executable = all[i].executable || m.executable
			continue
		}
		m.path = strings.ReplaceAll(string(path), `\012`, "\n") // nothing else is escaped
		index[key] = len(all)
		all = append(all, m)
	}
	return all
}

func parseMapping(line []byte) (m mapping, path []byte, ok bool) {
	var column [5][]byte
	rest := bytes.TrimSuffix(line, []byte("\n"))
	for i := range column {
		var found bool
		column[i], rest, found = bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
		if !found && i < len(column)-1 {
			return m, nil, false
		}
	}
	path = bytes.TrimLeft(rest, " ")
	if len(path) == 0 || path[0] != '/' || len(column[1]) < 4 {
		return m, nil, false
	}
	from, to, _ := bytes.Cut(column[0], []byte("-"))
	low, err1 := strconv.ParseUint(string(from), 16, 64)
	high, err2 := strconv.ParseUint(string(to), 16, 64)
	inode, err3 := strconv.ParseUint(string(column[4]), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || high < low || inode == 0 && !bytes.HasPrefix(path, []byte("/SYSV")) {
		return m, nil, false
	}
	how := column[1]
	return mapping{
		shared: how[3] == 's', write: how[1] == 'w', executable: how[2] == 'x',
		device: string(column[3]), inode: inode, bytes: int64(high - low),
	}, path, true
}
