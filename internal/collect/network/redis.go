package network

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// keepers makes a database of each Redis on this machine that writes what it holds
// to disk. It does unless it is told not to: `save ""` without `appendonly yes`
// (redis.conf). What is elsewhere cannot be asked, and stays a cache.
func keepers(s *scope.Scope, f *inventory.Facts) {
	for i, store := range f.Stores {
		if store.Kind != "redis" || !store.Local || strings.HasSuffix(store.Where, ":26379") {
			continue
		}
		port := 0 // any, of a socket
		if at := strings.LastIndexByte(store.Where, ':'); at >= 0 {
			port, _ = strconv.Atoi(store.Where[at+1:])
		}
		if why := keeps(s, port); why != "" {
			f.Stores[i].Role = "database"
			f.Stores[i].Why += ", which " + why
		}
	}
}

// keeps says by what a Redis was seen to write to disk, "" where it does not.
func keeps(s *scope.Scope, port int) string {
	if name := saved(s.Proc, port); name != "" {
		return "has saved to " + name
	}
	found := false
	for _, pattern := range []string{"etc/redis/*.conf", "etc/redis.conf", "etc/valkey/*.conf", "etc/valkey.conf"} {
		files, _ := filepath.Glob(filepath.Join(s.Root, pattern)) // the patterns are right
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil || strings.Contains(filepath.Base(file), "sentinel") {
				continue
			}
			at, saves := redisSettings(string(data))
			if port != 0 && at != port {
				continue
			}
			if found = true; saves {
				return "saves to disk by its settings"
			}
		}
	}
	if found {
		return ""
	}
	return "saves to disk unless it is told not to"
}

// saved is the file with which a running Redis has written its memory to disk: it
// works in the directory of its data. Port 0 is any.
func saved(proc string, port int) string {
	processes, err := os.ReadDir(proc)
	if err != nil {
		return ""
	}
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || !fits([]string{"redis-server", "valkey-server"}, descriptor.Name(proc, pid)) {
			continue
		}
		for _, name := range []string{"dump.rdb", "appendonly.aof", "appendonlydir"} {
			if _, err := os.Stat(filepath.Join(proc, p.Name(), "cwd", name)); err == nil && (port == 0 || waitsOn(proc, p.Name(), port)) {
				return name
			}
		}
	}
	return ""
}

// waitsOn says whether a process listens on a TCP port, and says so too where that
// cannot be seen.
func waitsOn(proc, pid string, port int) bool {
	wanted := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		data, _ := read(filepath.Join(proc, pid, "net", table), nil) // one of the two may be missing
		for _, r := range parse(data, table, nil) {
			if r.state == listen && int(r.local.Port()) == port {
				wanted[link(r.inode)] = true
			}
		}
	}
	open, err := os.ReadDir(filepath.Join(proc, pid, "fd"))
	if err != nil {
		return true
	}
	for _, fd := range open {
		if to, err := os.Readlink(filepath.Join(proc, pid, "fd", fd.Name())); err == nil && wanted[to] {
			return true
		}
	}
	return false
}

// redisSettings are the port of a configuration and whether it has what is held
// written to disk.
func redisSettings(text string) (port int, saves bool) {
	port = 6379
	snapshots, log := true, false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch strings.ToLower(words[0]) {
		case "port":
			if n, err := strconv.Atoi(words[1]); err == nil {
				port = n
			}
		case "save":
			snapshots = strings.Trim(words[1], `"'`) != ""
		case "appendonly":
			log = strings.EqualFold(words[1], "yes")
		}
	}
	return port, snapshots || log
}
