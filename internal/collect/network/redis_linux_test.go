package network

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

// A Redis next door is a cache only where it is known to write nothing to disk.
func TestRedisThatSavesIsADatabase(t *testing.T) {
	for name, test := range map[string]struct {
		settings, file, role string
	}{
		"nothing is known":           {"", "", "database"},
		"as it is installed":         {"port PORT\n# save 3600 1\n", "", "database"},
		"snapshots":                  {"port PORT\nsave 60 1\n", "", "database"},
		"a log":                      {"port PORT\nsave \"\"\nappendonly yes\n", "", "database"},
		"neither":                    {"port PORT\nsave \"\"\nappendonly no\n", "", "cache"},
		"neither, and it has saved":  {"port PORT\nsave \"\"\n", "dump.rdb", "database"},
		"neither, of another server": {"port 1\nsave \"\"\n", "", "database"},
	} {
		root, dir, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
		os.WriteFile(filepath.Join(elsewhere, "dump.rdb"), nil, 0o600)
		other := launch(t, "redis-server", func(c *exec.Cmd) { c.Dir = elsewhere })
		other.do("listen", "tcp4", "127.0.0.1:0")
		server := launch(t, "redis-server", func(c *exec.Cmd) { c.Dir = dir })
		at := server.do("listen", "tcp4", "127.0.0.1:0")
		if test.settings != "" {
			os.MkdirAll(filepath.Join(root, "etc/redis"), 0o755)
			text := strings.ReplaceAll(test.settings, "PORT", strconv.Itoa(port(t, at)))
			if err := os.WriteFile(filepath.Join(root, "etc/redis/redis.conf"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if test.file != "" {
			if err := os.WriteFile(filepath.Join(dir, test.file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		a := launch(t, "bank", nil)
		a.do("dial", "tcp4", at)
		s := scopeOf(a)
		s.Root = root
		f := probe(t, s, nil)
		if len(f.Stores) != 1 || f.Stores[0].Kind != "redis" || f.Stores[0].Role != test.role {
			t.Errorf("%s: the stores are told as %+v", name, f.Stores)
		}
		server.end()
		other.end()
	}
}

func TestRedisElsewhereStaysACache(t *testing.T) {
	f := inventory.Facts{Stores: []inventory.Store{{Kind: "redis", Role: "cache", Where: "192.0.2.9:6379"}, {Kind: "memcached", Role: "cache", Where: "127.0.0.1:11211", Local: true}}}
	keepers(scopeOf(), &f)
	for _, store := range f.Stores {
		if store.Role != "cache" {
			t.Errorf("told as %+v", store)
		}
	}
}
