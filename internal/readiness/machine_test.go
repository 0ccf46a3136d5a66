package readiness

import (
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

func TestSchedulesAndDrift(t *testing.T) {
	t.Parallel()
	cron := inventory.Schedule{Kind: "cron", Name: "/etc/cron.d/bank:3", When: "*/5 * * * *", Related: true, Why: "runs /usr/local/bin/bank"}
	owned := func(owner migration.ScheduleOwner) func(*Input, *inventory.Facts) {
		return func(in *Input, f *inventory.Facts) {
			f.Schedules = append(f.Schedules, cron)
			in.Spec.Schedules = []migration.Schedule{{Name: cron.Name, Owner: owner}}
		}
	}
	entry := func(change func(e *inventory.TreeEntry)) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) { change(&f.Trees[0].Entries[0]) })
	}
	runTrials(t, []trial{
		{"nothing by time", migration.CodeCronTwice, unchanged, pass, "nothing"},
		{"the system's own", migration.CodeCronTwice, facts(func(f *inventory.Facts) {
			f.Schedules = []inventory.Schedule{{Kind: "timer", Name: "apt-daily.timer"}}
		}), pass, "nothing"},
		{"only turning its logs", migration.CodeCronTwice, facts(func(f *inventory.Facts) {
			f.Schedules = append(f.Schedules, inventory.Schedule{Kind: "logrotate", Name: "/etc/logrotate.d/bank:1", When: "daily", Related: true, Why: "rotates /var/log/bank.log"})
		}), pass, "nothing"},
		{"owned", migration.CodeCronTwice, owned(migration.OwnerCluster), pass, "1 schedule with one owner"},
		{"given up", migration.CodeCronTwice, owned(migration.OwnerNobody), pass, ""},
		{"owned by a word that means nothing", migration.CodeCronTwice, owned("both"), fail, "no owner"},
		{"without an owner", migration.CodeCronTwice, facts(func(f *inventory.Facts) { f.Schedules = append(f.Schedules, cron) }), fail, "/etc/cron.d/bank:3 (*/5 * * * *) has no owner"},
		{"a crontab not read", migration.CodeCronTwice, gap(inventory.SubjectSchedules), unknown, "permission denied"},

		{"alike", migration.CodeConfigDrift, unchanged, pass, "2 machines have the same"},
		{"one machine", migration.CodeConfigDrift, func(in *Input, _ *inventory.Facts) {
			in.Report.Machines, in.Spec.VMs = in.Report.Machines[:1], in.Spec.VMs[:1]
		}, pass, "one machine of each kind"},
		{"one setting", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) {
			e.Digest, e.Keys = "d2", map[string]string{"db.host": "h1", "db.pool": "h9"}
		}), fail,
			"/etc/bank/bank.yaml differs between vm1 and vm2: the settings db.pool"},
		{"a setting more", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) {
			e.Digest, e.Keys = "d2", map[string]string{"db.host": "h1", "db.pool": "h2", "debug": "h3"}
		}), fail, "the settings debug"},
		{"content of no known format", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) { e.Digest, e.Keys = "d2", nil }), fail, "its content"},
		{"a mode", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) { e.Mode = "-rw-r--r--" }), fail, "mode -rw-r--r-- and -rw-r-----"},
		{"an owner", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) { e.Owner = "bank:bank" }), fail, "owner bank:bank and root:bank"},
		{"a link", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) { e.Link = "/other" }), fail, "where it links to"},
		{"a file more", migration.CodeConfigDrift, facts(func(f *inventory.Facts) {
			f.Trees[0].Entries = append(f.Trees[0].Entries, inventory.TreeEntry{Path: "x", Mode: "-rw-r--r--", Digest: "d"})
		}), fail, "/etc/bank/x is on vm1 and not on vm2"},
		{"a file less", migration.CodeConfigDrift, facts(func(f *inventory.Facts) { f.Trees[0].Entries = nil }), fail, "bank.yaml is on vm2 and not on vm1"},
		{"a directory more", migration.CodeConfigDrift, facts(func(f *inventory.Facts) { f.Trees = append(f.Trees, inventory.Tree{Path: "/etc/more", KeyID: "k1"}) }), fail, "/etc/more is on vm1"},
		{"a directory less", migration.CodeConfigDrift, facts(func(f *inventory.Facts) { f.Trees[0].Missing = true }), fail, "/etc/bank is on vm2 and not on vm1"},
		{"another unit is another configuration", migration.CodeConfigDrift, func(in *Input, f *inventory.Facts) {
			f.Trees[0].Entries[0].Digest, f.Target.Unit, in.Spec.VMs[0].Unit = "d2", "web.service", "web.service"
		}, pass, "one machine of each kind"},
		{"found by its port, with the same directory", migration.CodeConfigDrift, func(in *Input, f *inventory.Facts) {
			f.Trees[0].Entries[0].Mode, f.Target.Unit, in.Spec.VMs[0].Unit, f.Target.Port = "-rw-r--r--", "", "", 8080
		}, fail, "mode -rw-r--r-- and -rw-r-----"},
		{"found by its port, with another directory", migration.CodeConfigDrift, func(in *Input, f *inventory.Facts) {
			f.Trees[0].Path, f.Target.Unit, in.Spec.VMs[0].Unit, f.Target.Port = "/etc/web", "", "", 8080
		}, pass, "one machine of each kind"},
		{"other keys", migration.CodeConfigDrift, facts(func(f *inventory.Facts) { f.Trees[0].KeyID = "k2" }), unknown, "probe them together"},
		{"no keys", migration.CodeConfigDrift, func(in *Input, _ *inventory.Facts) {
			in.Report.Machines[0].Trees[0].KeyID, in.Report.Machines[1].Trees[0].KeyID = "", ""
		}, unknown, "probe them together"},
		{"other digests under other keys say nothing", migration.CodeConfigDrift, facts(func(f *inventory.Facts) { f.Trees[0].KeyID, f.Trees[0].Entries[0].Digest = "k2", "d2" }), unknown, "probe them together"},
		{"too many entries", migration.CodeConfigDrift, facts(func(f *inventory.Facts) { f.Trees[0].Truncated = 9 }), unknown, "too many entries"},
		{"too many entries on the other", migration.CodeConfigDrift, func(in *Input, _ *inventory.Facts) {
			in.Report.Machines[1].Trees[0].Entries, in.Report.Machines[1].Trees[0].Truncated = nil, 9
		}, unknown, "too many entries"},
		{"a file not read", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) { e.Digest, e.Unreadable = "", "permission denied" }), unknown, "permission denied"},
		{"a file without a digest", migration.CodeConfigDrift, entry(func(e *inventory.TreeEntry) { e.Digest = "" }), unknown, "has no digest"},
		{"trees not seen", migration.CodeConfigDrift, gap(inventory.SubjectTrees), unknown, "permission denied"},
		{"no trees at all", migration.CodeConfigDrift, func(in *Input, _ *inventory.Facts) {
			in.Report.Machines[0].Trees, in.Report.Machines[1].Trees = nil, nil
		}, unknown, "nothing to compare"},

		{"no proxy", migration.CodeSticky, unchanged, pass, "no proxy"},
		{"a plain proxy", migration.CodeSticky, facts(func(f *inventory.Facts) {
			f.Proxies = []inventory.Proxy{{Kind: "nginx", File: "/etc/nginx/nginx.conf"}}
		}), pass, ""},
		{"a sticky one", migration.CodeSticky, facts(func(f *inventory.Facts) {
			f.Proxies = []inventory.Proxy{{Kind: "nginx", File: "/etc/nginx/nginx.conf", Line: 12, Sticky: "ip_hash"}}
		}), fail, "nginx keeps clients on one instance: ip_hash (/etc/nginx/nginx.conf:12)"},
		{"configuration not read", migration.CodeSticky, gap(inventory.SubjectProxies), unknown, "permission denied"},

		{"fresh", migration.CodeStale, unchanged, pass, "2 machine(s) are at most 10m old"},
		{"no facts of one", migration.CodeStale, func(in *Input, _ *inventory.Facts) { in.Report.Machines = in.Report.Machines[1:] }, unknown, "no facts of vm1"},
		{"one could not be reached", migration.CodeStale, func(in *Input, f *inventory.Facts) { *f = inventory.Unreachable(f.Target, now, "connection refused") }, unknown, "connection refused"},
		{"too old", migration.CodeStale, facts(func(f *inventory.Facts) { f.Began, f.Ended = now.Add(-26*3600e9), now.Add(-25*3600e9) }), unknown, "vm1 are 25h0m old, the policy allows 24h0m"},
		{"in the future", migration.CodeStale, facts(func(f *inventory.Facts) { f.Ended = now.Add(3600e9) }), unknown, "in the future"},
		{"a clock a little ahead", migration.CodeStale, facts(func(f *inventory.Facts) { f.Ended = now.Add(30e9) }), pass, ""},
		{"ends before it begins", migration.CodeStale, facts(func(f *inventory.Facts) { f.Began = f.Ended.Add(1) }), unknown, "end before they begin"},
		{"without a time", migration.CodeStale, func(_ *Input, f *inventory.Facts) {
			f.Began, f.Ended = f.Began.Add(0).AddDate(-3000, 0, 0), inventory.Facts{}.Ended
		}, unknown, "carry no time"},
	})
}

func TestMachine(t *testing.T) {
	t.Parallel()
	mount := func(m inventory.Mount, file string) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) {
			f.Mounts = append(f.Mounts, m)
			f.Files = append(f.Files, written(file, inventory.FileTemp))
		})
	}
	disk := inventory.Mount{Point: "/srv", Source: "/dev/vdb", FSType: "xfs", Block: true, Used: 1 << 30}
	runTrials(t, []trial{
		{"none", migration.CodeNetworkFS, unchanged, pass, ""},
		{"NFS", migration.CodeNetworkFS, mount(inventory.Mount{Point: "/srv", Source: "nas:/bank", FSType: "nfs4", Network: true}, "/srv/x"), fail, "/srv is nfs4 from nas:/bank"},
		{"a file on one", migration.CodeNetworkFS, facts(func(f *inventory.Facts) { f.Files = append(f.Files, inventory.File{Path: "/x/y", FSType: "cifs"}) }), fail, "/x/y is on cifs"},
		{"mounts not seen", migration.CodeNetworkFS, gap(inventory.SubjectMounts), unknown, "permission denied"},

		{"none", migration.CodeBlockDevice, unchanged, pass, ""},
		{"a disk of its own", migration.CodeBlockDevice, mount(disk, "/srv/x"), fail, "/srv is a disk of its own (/dev/vdb, 1.0 GiB used)"},
		{"a disk that it only reads", migration.CodeBlockDevice, mount(disk, "/elsewhere"), pass, ""},
		{"a disk with declared storage", migration.CodeBlockDevice, func(in *Input, f *inventory.Facts) {
			in.Spec.Workloads[0].Storage = []migration.Storage{{Name: "d", Path: "/srv"}}
			mount(disk, "/srv/x")(in, f)
		}, pass, ""},
		{"a raw device", migration.CodeBlockDevice, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: "/dev/vdb1", Class: inventory.FileDevice, Seen: 9})
		}), fail, "/dev/vdb1 itself"},
		{"the null device", migration.CodeBlockDevice, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: "/dev/null", Class: inventory.FileDevice})
		}), pass, ""},
		{"mounts not seen", migration.CodeBlockDevice, gap(inventory.SubjectMounts), unknown, "permission denied"},

		{"none", migration.CodeLicence, unchanged, pass, ""},
		{"a manager", migration.CodeLicence, facts(func(f *inventory.Facts) { f.Host.Licences = []string{"/opt/x/x.lic"} }), fail, "/opt/x/x.lic"},
		{"not looked at", migration.CodeLicence, unseen(inventory.SubjectKernel), unknown, "nobody looked"},

		{"none", migration.CodeKernel, unchanged, pass, ""},
		{"a setting", migration.CodeKernel, facts(func(f *inventory.Facts) {
			f.Host.Sysctls = []inventory.Sysctl{{Name: "net.core.somaxconn", Value: "4096", File: "/etc/sysctl.d/bank.conf"}}
		}), fail, "sets net.core.somaxconn to 4096"},
		{"a module", migration.CodeKernel, facts(func(f *inventory.Facts) { f.Host.Modules = []string{"sctp"} }), fail, "sctp"},
		{"huge pages", migration.CodeKernel, facts(func(f *inventory.Facts) { f.Host.HugePages = 64 }), fail, "64 huge pages"},
		{"not looked at", migration.CodeKernel, unseen(inventory.SubjectKernel), unknown, "nobody looked"},

		{"elsewhere", migration.CodeLocalMail, facts(func(f *inventory.Facts) {
			f.Stores = append(f.Stores, inventory.Store{Kind: "smtp", Role: "mail", Where: "mail.bank.example:25"})
		}), pass, ""},
		{"next door", migration.CodeLocalMail, facts(func(f *inventory.Facts) {
			f.Stores = append(f.Stores, inventory.Store{Kind: "smtp", Role: "mail", Where: "127.0.0.1:25", Local: true})
		}), fail, "smtp at 127.0.0.1:25"},
		{"a program", migration.CodeLocalMail, facts(func(f *inventory.Facts) {
			f.Processes = append(f.Processes, inventory.Process{PID: 9, Name: "sendmail"})
		}), fail, "runs sendmail"},
		{"one glance", migration.CodeLocalMail, facts(glance), unknown, "too few"},
		{"peers not seen", migration.CodeLocalMail, gap(inventory.SubjectPeers), unknown, "permission denied"},

		{"its own", migration.CodeSharedMemory, facts(func(f *inventory.Facts) {
			f.Shared = []inventory.SharedMemory{{Kind: "posix", Name: "/bank", Bytes: 4096}}
		}), pass, ""},
		{"with another", migration.CodeSharedMemory, facts(func(f *inventory.Facts) {
			f.Shared = []inventory.SharedMemory{{Kind: "sysv", Name: "key 7", Bytes: 4096, Outsider: "ledgerd"}}
		}), fail, "with ledgerd"},
		{"not seen", migration.CodeSharedMemory, gap(inventory.SubjectShared), unknown, "permission denied"},

		{"alone", migration.CodeSharedVM, unchanged, pass, ""},
		{"with another", migration.CodeSharedVM, facts(func(f *inventory.Facts) { f.Host.Others = []string{"redis-server.service"} }), fail, "redis-server.service"},
		{"not looked at", migration.CodeSharedVM, unseen(inventory.SubjectKernel), unknown, "nobody looked"},

		{"as a user", migration.CodeRoot, unchanged, pass, ""},
		{"as root", migration.CodeRoot, facts(func(f *inventory.Facts) { f.Processes[0].UID = 0 }), fail, "bank (100) runs as root"},
		{"not seen", migration.CodeRoot, gap(inventory.SubjectProcesses), unknown, "permission denied"},

		{"none", migration.CodeCapabilities, unchanged, pass, ""},
		{"a low port's", migration.CodeCapabilities, facts(func(f *inventory.Facts) { f.Processes[0].Capabilities = []string{"CAP_NET_BIND_SERVICE"} }), pass, ""},
		{"root's", migration.CodeCapabilities, facts(func(f *inventory.Facts) {
			f.Processes[0].UID, f.Processes[0].Capabilities = 0, []string{"CAP_SYS_ADMIN"}
		}), pass, ""},
		{"a user's", migration.CodeCapabilities, facts(func(f *inventory.Facts) { f.Processes[0].Capabilities = []string{"CAP_NET_RAW"} }), fail, "CAP_NET_RAW"},
		{"not seen", migration.CodeCapabilities, gap(inventory.SubjectProcesses), unknown, "permission denied"},
	})
}
