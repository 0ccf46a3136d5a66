package readiness

import (
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// applications are imagined ones, each typical of its kind.
var applications = map[string]func() Input{
	"good-service":             func() Input { return input(good()) },
	"tomcat-sessions":          tomcat,
	"php-sessions":             php,
	"nginx":                    nginx,
	"database":                 database,
	"nfs-and-cron":             nfsAndCron,
	"two-drifting-vms":         drifting,
	"nothing-seen":             nothingSeen,
	"seen-by-an-ordinary-user": ordinary,
}

// nothingSeen is a machine that could not be reached.
func nothingSeen() Input {
	return input(inventory.Unreachable(inventory.Target{Host: "vm1", Unit: "bank.service"}, now.Add(-10*time.Minute), "ssh: connect to vm1 port 22: connection refused"))
}

// tomcat is a Java application that was set up by hand years ago.
func tomcat() Input {
	f := good()
	f.Unit = &inventory.Unit{Name: "tomcat10.service", Type: "simple", MainPID: 700, User: "tomcat", KillSignal: "15"}
	f.Target.Unit, f.Drills, f.Load = "tomcat10.service", nil, nil
	f.Processes = []inventory.Process{{PID: 700, Parent: 1, Name: "java", User: "tomcat", UID: 120, Main: true, Seen: 60,
		Command: []string{"/usr/bin/java", "-Xmx512m", "-Ddb.password=…", "org.apache.catalina.startup.Bootstrap", "start"},
		Signals: inventory.Signals{Known: true, Caught: []string{"SIGHUP", "SIGINT", "SIGTERM"}}}}
	f.Environment = []inventory.Variable{{Name: "PATH", Origin: "process"}, {Name: "CATALINA_HOME", Origin: "unit"}, {Name: "JAVA_OPTS", Origin: "/etc/default/tomcat10"}}
	f.Files = []inventory.File{
		{Path: "/etc/tomcat10/server.xml", Class: inventory.FileConfig, By: []string{"atime"}, Read: true, AtStart: true, Package: "tomcat10", Edited: true},
		{Path: "/var/lib/tomcat10/work/SESSIONS.ser", Class: inventory.FileSession, By: []string{"fd"}, Written: true, Seen: 22, PIDs: []int{700}, Growth: 90_000, Mount: "/", FSType: "ext4"},
		{Path: "/var/log/tomcat10/catalina.out", Class: inventory.FileLog, By: []string{"fd"}, Written: true, Seen: 60, PIDs: []int{700}, Growth: 2 << 20}}
	f.Logs = []inventory.LogSink{{Kind: inventory.SinkFile, To: "/var/log/tomcat10/catalina.out", PIDs: []int{700}, Growth: 2 << 20, Seen: 60},
		{Kind: inventory.SinkFile, To: "/var/log/tomcat10/localhost_access_log.txt", PIDs: []int{700}, Growth: 8 << 20, Seen: 60, Access: "common"}}
	f.Trees = []inventory.Tree{{Path: "/etc/tomcat10", KeyID: "k1", Entries: []inventory.TreeEntry{{Path: "server.xml", Mode: "-rw-r-----", Owner: "root:tomcat", Digest: "d", PerHost: true}}}}
	f.Secrets = []inventory.SecretPlace{{Key: "3", Rule: "key password", In: "argument"}, {File: "/etc/tomcat10/context.xml", Line: 21, Key: "Context.Resource.password", Rule: "key password", In: "file"}}
	f.Addresses = []inventory.Literal{{File: "/etc/tomcat10/context.xml", Line: 22, Key: "Context.Resource.url", Address: "192.0.2.50"}}
	f.Health = []inventory.HealthAnswer{{URL: "http://127.0.0.1:8080/healthz", Path: "/healthz", Status: 404}, {URL: "http://127.0.0.1:8080/readyz", Path: "/readyz", Status: 404}}
	f.Proxies = []inventory.Proxy{{Kind: "apache", File: "/etc/apache2/sites-enabled/bank.conf", Line: 14, Backends: []string{"127.0.0.1:8080"}, Sticky: "stickysession=JSESSIONID"}}
	in := input(f)
	in.Spec.VMs[0].ConfigDirs = []string{"/etc/tomcat10"}
	return in
}

// php is php-fpm behind nginx, with sessions in files and its database beside it.
func php() Input {
	f := good()
	f.Unit = &inventory.Unit{Name: "php8.4-fpm.service", Type: "notify", MainPID: 400, KillSignal: "15", Boot: 60 * time.Millisecond}
	f.Target.Unit, f.Load = "php8.4-fpm.service", nil
	f.Drills = []inventory.Drill{{Name: inventory.DrillSIGTERM, At: now.Add(-10 * time.Minute), Err: "the second instance never listened"}}
	f.Processes = []inventory.Process{
		{PID: 400, Parent: 1, Name: "php-fpm8.4", User: "root", Main: true, Seen: 60, Signals: inventory.Signals{Known: true, Caught: []string{"SIGQUIT", "SIGTERM", "SIGUSR2"}}},
		{PID: 401, Parent: 400, Name: "php-fpm8.4", User: "www-data", UID: 33, Seen: 60, Signals: inventory.Signals{Known: true, Caught: []string{"SIGQUIT"}}}}
	f.Files = append(f.Files, inventory.File{Path: "/var/log/php8.4-fpm.log", Class: inventory.FileLog, By: []string{"fd"}, Written: true, Seen: 60, PIDs: []int{400}})
	f.Groups = []inventory.FileGroup{{Directory: "/var/lib/php/sessions", Class: inventory.FileSession, Count: 312, Written: 40, Created: 9, Bytes: 90_000, Why: "PHP's session directory"}}
	f.Logs = []inventory.LogSink{{Kind: inventory.SinkFile, To: "/var/log/php8.4-fpm.log", PIDs: []int{400}, Seen: 60}}
	f.Listeners, f.Health, f.Peers = nil, nil, nil
	f.Sockets = []inventory.UnixSocket{{Path: "/run/php/php8.4-fpm.sock", Listening: true, Shared: true, Peer: "nginx"}, {Path: "/run/mysqld/mysqld.sock", Shared: true, Peer: "mariadbd"}}
	f.Stores = []inventory.Store{{Kind: "mysql", Role: "database", Where: "/run/mysqld/mysqld.sock", Local: true, Why: "its socket"}}
	f.Host.Others = []string{"nginx.service", "mariadb.service"}
	return input(f)
}

// nginx serves files that were put into an image, with one workload declared.
func nginx() Input {
	f := good()
	f.Unit = &inventory.Unit{Name: "nginx.service", Type: "forking", MainPID: 300, KillSignal: "3", Boot: 40 * time.Millisecond}
	f.Target.Unit = "nginx.service"
	f.Processes = []inventory.Process{
		{PID: 300, Parent: 1, Name: "nginx", Main: true, Seen: 60, Signals: inventory.Signals{Known: true, Caught: []string{"SIGHUP", "SIGQUIT", "SIGTERM"}}},
		{PID: 301, Parent: 300, Name: "nginx", User: "www-data", UID: 33, Seen: 60, Signals: inventory.Signals{Known: true, Caught: []string{"SIGQUIT", "SIGTERM"}}}}
	f.Environment = f.Environment[:1]
	f.Files = []inventory.File{{Path: "/etc/nginx/nginx.conf", Class: inventory.FileConfig, By: []string{"atime"}, Read: true, AtStart: true, Package: "nginx", Edited: true}}
	f.Trees = []inventory.Tree{{Path: "/etc/nginx", KeyID: "k1", Entries: []inventory.TreeEntry{{Path: "nginx.conf", Mode: "-rw-r--r--", Owner: "root:root", Digest: "d"}}}}
	f.Secrets, f.Peers, f.Stores = nil, nil, nil
	f.Logs = []inventory.LogSink{{Kind: inventory.SinkFile, To: "/var/log/nginx/access.log", Growth: 12 << 20, Seen: 60, Access: "combined"}, {Kind: inventory.SinkFile, To: "/var/log/nginx/error.log", Seen: 60}}
	f.Listeners = []inventory.Listener{{Protocol: "tcp", Address: "0.0.0.0", Port: 80, Privileged: true, Seen: 60}}
	f.Drills = []inventory.Drill{{Name: inventory.DrillSIGTERM, At: now.Add(-10 * time.Minute), Passed: true, InFlight: 12, Answered: 12, EndedIn: 300 * time.Millisecond}}
	in := input(f)
	in.Spec.VMs[0].ConfigDirs = []string{"/etc/nginx"}
	in.Spec.Fixes = []migration.Fix{{Code: migration.CodeLogsStdout, Drill: migration.DrillLogs, How: "access_log /dev/stdout"}, {Code: migration.CodeSIGTERM, Drill: migration.DrillDrain, How: "STOPSIGNAL SIGQUIT"}}
	in.Bases["bank"] = migration.Observed[migration.BaseFacts]{At: now.Add(-time.Minute), Value: migration.BaseFacts{From: "nginx:1.28", By: "dockerfile"}}
	return in
}

// database is a PostgreSQL server that somebody wants to move like anything else.
func database() Input {
	f := good()
	f.Unit = &inventory.Unit{Name: "postgresql@17-main.service", Type: "forking", MainPID: 500, User: "postgres", KillSignal: "2", Boot: 2 * time.Second}
	f.Target.Unit, f.Drills, f.Load = "postgresql@17-main.service", nil, nil
	f.Processes = []inventory.Process{{PID: 500, Parent: 1, Name: "postgres", User: "postgres", UID: 110, Main: true, Seen: 60, Signals: inventory.Signals{Known: true, Caught: []string{"SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"}}}}
	f.Environment = f.Environment[:1]
	f.Files = []inventory.File{{Path: "/etc/postgresql/17/main/postgresql.conf", Class: inventory.FileConfig, By: []string{"argument", "atime"}, Read: true, AtStart: true},
		{Path: "/srv/postgresql/17/main/pg_wal/000000010000000000000001", Class: inventory.FileData, By: []string{"fd"}, Written: true, Seen: 60, PIDs: []int{500}, Growth: 40 << 20, Mount: "/srv", FSType: "xfs"}}
	f.Groups = []inventory.FileGroup{{Directory: "/srv/postgresql/17/main/base", Class: inventory.FileData, Count: 1900, Written: 31, Bytes: 48 << 30}}
	f.Mounts = append(f.Mounts, inventory.Mount{Point: "/srv", Source: "/dev/vdb", FSType: "xfs", Block: true, Size: 100 << 30, Used: 49 << 30})
	f.Logs = []inventory.LogSink{{Kind: inventory.SinkFile, To: "/var/log/postgresql/postgresql-17-main.log", Growth: 1 << 20, Seen: 60}}
	f.Listeners = []inventory.Listener{{Protocol: "tcp", Address: "192.0.2.11", Port: 5432, Bound: true, Seen: 60}}
	f.Peers, f.Health, f.Secrets = nil, nil, nil
	f.Stores = []inventory.Store{{Kind: "postgresql", Role: "database", Where: "192.0.2.11:5432", Local: true, Own: true, Why: "it is PostgreSQL"}}
	f.Shared = []inventory.SharedMemory{{Kind: "sysv", Name: "key 0x0052e2c1", Bytes: 56}}
	f.Host.Sysctls = []inventory.Sysctl{{Name: "vm.overcommit_memory", Value: "2", File: "/etc/sysctl.d/30-postgresql.conf"}}
	f.Host.HugePages = 2048
	return input(f)
}

// nfsAndCron keeps its files on NFS, is fed by cron, mails its reports and is
// licensed to its host.
func nfsAndCron() Input {
	f := good()
	f.Mounts = append(f.Mounts, inventory.Mount{Point: "/srv/reports", Source: "nas.bank.example:/reports", FSType: "nfs4", Network: true})
	f.Groups = []inventory.FileGroup{{Directory: "/srv/reports/2026", Class: inventory.FileData, Count: 5400, Written: 3, Bytes: 9 << 30}}
	f.Schedules = []inventory.Schedule{
		{Kind: "cron", Name: "/etc/cron.d/reports:2", When: "15 2 * * *", User: "bank", Related: true, Why: "runs /usr/local/bin/bank"},
		{Kind: "timer", Name: "bank-cleanup.timer", When: "daily", Related: true, Why: "starts a unit of the same user"},
		{Kind: "timer", Name: "apt-daily.timer", When: "daily"}}
	f.Stores = append(f.Stores, inventory.Store{Kind: "smtp", Role: "mail", Where: "127.0.0.1:25", Local: true, Why: "port 25"})
	f.Peers = append(f.Peers, inventory.Peer{Direction: inventory.Dialled, Protocol: "tcp", Address: "127.0.0.1", Port: 25, Process: "master", Local: true, Seen: 2})
	f.Host.Licences = []string{"/opt/reports/licence.lic"}
	f.Host.Hosts = []inventory.HostEntry{{Address: "192.0.2.70", Names: []string{"ledger"}, Used: true}}
	in := input(f)
	in.Spec.Schedules = []migration.Schedule{{Name: "bank-cleanup.timer", Owner: migration.OwnerNobody}}
	in.Policy.StandingWaivers = []migration.Waiver{{Code: migration.CodeLicence, By: "havelock", Reason: "the new licence is ordered", At: now.Add(-48 * time.Hour), Until: now.Add(30 * 24 * time.Hour)}}
	return in
}

// drifting are two machines behind one balancer, one of which somebody tuned.
func drifting() Input {
	a, b := good(), good()
	b.Target.Host, b.Host.Name = "vm2", "vm2"
	b.Host.Interfaces[1].Addresses = []string{"192.0.2.12/24"}
	b.Trees[0].Entries = []inventory.TreeEntry{
		{Path: "bank.yaml", Mode: "-rw-r-----", Owner: "root:bank", Size: 121, Digest: "d2", Keys: map[string]string{"db.host": "h1", "db.pool": "h9"}},
		{Path: "hotfix.yaml", Mode: "-rw-r--r--", Owner: "root:root", Size: 14, Digest: "d3"}}
	b.Peers = append(b.Peers, inventory.Peer{Direction: inventory.Dialled, Protocol: "tcp", Address: "192.0.2.11", Port: 7800, Seen: 60})
	return input(a, b)
}

// ordinary are the facts of a glance by a user who may not look at the processes.
func ordinary() Input {
	f := good()
	f.Taken = inventory.Taken{Version: "test", User: "moist"}
	f.Coverage = inventory.Coverage{Samples: 1, Planned: 1}
	f.Environment, f.Files, f.Peers, f.Stores, f.Drills, f.Load = nil, nil, nil, nil, nil, nil
	for _, s := range []inventory.Subject{inventory.SubjectEnvironment, inventory.SubjectFiles, inventory.SubjectLogs, inventory.SubjectPeers, inventory.SubjectSockets, inventory.SubjectSecrets, inventory.SubjectMounts} {
		f.Gaps = append(f.Gaps, inventory.Gap{Subject: s, What: "/proc/100", Why: "permission denied", Samples: 1})
	}
	return input(f)
}
