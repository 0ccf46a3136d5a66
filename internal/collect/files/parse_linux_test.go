package files

import (
	"strings"
	"testing"
)

func TestMountsHideOneAnother(t *testing.T) {
	all := parseMounts([]byte(`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/money\040bags rw,noatime - nfs4 filer:/vol rw,vers=4.2
31 22 0:41 / /srv rw shared:2 master:1 - tmpfs tmpfs rw
32 31 0:42 / /srv rw - xfs /dev/sdb rw
nonsense
`))
	for path, want := range map[string]string{"/etc/x": "ext4", "/srv/x": "xfs", "/srv/money bags/x": "nfs4", "/srv/money bagsx": "xfs"} {
		if m, _ := all.of(path); m.fstype != want {
			t.Errorf("%s lies on %s, want %s", path, m.fstype, want)
		}
	}
	if m, _ := all.of("/srv/money bags/x"); !m.noatime {
		t.Error("noatime is lost")
	}
}

func FuzzMaps(f *testing.F) {
	f.Add([]byte("7f00-7f10 rw-s 00000000 00:01 32769    /SYSV00000000 (deleted)\n"))
	f.Add([]byte("7f00-7f10 r-xp 00000000 fd:01 12    /usr/lib/a\\012b.so\n55-56 rw-p 0 00:00 0 [heap]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range parseMaps(data, false) {
			if !strings.HasPrefix(m.path, "/") {
				t.Errorf("%q is no path", m.path)
			}
		}
	})
}

func FuzzTables(f *testing.F) {
	f.Add([]byte("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"))
	f.Add([]byte("0 32769 1600 4194304 1 2 3 0 0 0 0 0 0 0 0 0\n"))
	f.Add([]byte("1 (a b) c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		parseMounts(data).of(string(data))
		parseSegments(data)
		startTicks(data)
	})
}

func TestOwnersOfFiles(t *testing.T) {
	all := []*use{
		{path: "/usr/bin/dpkg", kind: regular},
		{path: "/etc/debian_version", kind: regular},
		{path: "/usr/bin/nobody-made-this", kind: regular},
	}
	New().own(t.Context(), scopeOf(), all)
	if !strings.HasPrefix(all[0].pkg, "dpkg 1.") || !strings.HasPrefix(all[1].pkg, "base-files ") || all[2].pkg != "" {
		t.Errorf("the owners are %q, %q and %q", all[0].pkg, all[1].pkg, all[2].pkg)
	}
	if all[1].edited {
		t.Error("settings as they were delivered are told as edited")
	}
}
