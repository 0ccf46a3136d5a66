package readiness

import (
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

func TestLogsAndState(t *testing.T) {
	t.Parallel()
	sink := func(kind inventory.SinkKind, to string) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) {
			f.Logs = append(f.Logs, inventory.LogSink{Kind: kind, To: to, Growth: 3 << 20, Seen: 41})
		})
	}
	runTrials(t, []trial{
		{"stdout", migration.CodeLogsStdout, unchanged, pass, "60 of 60 samples"},
		{"the journal", migration.CodeLogsStdout, sink(inventory.SinkJournal, ""), pass, ""},
		{"a file", migration.CodeLogsStdout, sink(inventory.SinkFile, "/var/log/bank.log"), fail, "/var/log/bank.log, which grows by 3.0 MiB an hour"},
		{"a file in one glance", migration.CodeLogsStdout, func(in *Input, f *inventory.Facts) {
			sink(inventory.SinkFile, "/var/log/bank.log")(in, f)
			glance(f)
		}, fail, "/var/log/bank.log"},
		{"a rotator", migration.CodeLogsStdout, sink(inventory.SinkPipe, "rotatelogs"), fail, "pipes its log to rotatelogs"},
		{"syslog", migration.CodeLogsStdout, sink(inventory.SinkSyslog, "/dev/log"), fail, "/dev/log"},
		{"a collector", migration.CodeLogsStdout, sink(inventory.SinkNetwork, "192.0.2.9:514"), fail, "192.0.2.9:514"},
		{"a log that is no sink", migration.CodeLogsStdout, facts(func(f *inventory.Facts) { f.Files = append(f.Files, written("/srv/a.log", inventory.FileLog)) }), fail, "/srv/a.log"},
		{"many logs", migration.CodeLogsStdout, facts(func(f *inventory.Facts) {
			f.Groups = []inventory.FileGroup{{Directory: "/srv/logs", Class: inventory.FileLog, Count: 700, Written: 2}}
		}), fail, "2 logs in /srv/logs"},
		{"nothing but null", migration.CodeLogsStdout, facts(func(f *inventory.Facts) { f.Logs = []inventory.LogSink{{Kind: inventory.SinkNull}} }), fail, "no log at all"},
		{"stdout beside null", migration.CodeLogsStdout, sink(inventory.SinkNull, ""), pass, ""},
		{"nothing in one glance", migration.CodeLogsStdout, facts(func(f *inventory.Facts) { f.Logs = nil; glance(f) }), unknown, "too few"},
		{"stdout in one glance", migration.CodeLogsStdout, facts(glance), unknown, "too few"},
		{"descriptors not seen", migration.CodeLogsStdout, gap(inventory.SubjectLogs), unknown, "permission denied"},
		{"files not seen", migration.CodeLogsStdout, gap(inventory.SubjectFiles), unknown, "permission denied"},

		{"none", migration.CodeStateDisk, unchanged, pass, "60 of 60 samples"},
		{"a session file", migration.CodeStateDisk, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, written("/var/lib/php/sessions/sess_1", inventory.FileSession))
		}), fail, "bank keeps sessions in /var/lib/php/sessions/sess_1, which grows by 4.0 KiB an hour"},
		{"many session files", migration.CodeStateDisk, facts(func(f *inventory.Facts) {
			f.Groups = []inventory.FileGroup{{Directory: "/var/lib/php/sessions", Class: inventory.FileSession, Count: 812, Created: 5}}
		}), fail, "812 files, 5 of them made"},
		{"old session files that nobody writes", migration.CodeStateDisk, facts(func(f *inventory.Facts) {
			f.Groups = []inventory.FileGroup{{Directory: "/var/lib/php/sessions", Class: inventory.FileSession, Count: 812}}
		}), pass, ""},
		{"a database file", migration.CodeStateDisk, facts(func(f *inventory.Facts) { f.Files = append(f.Files, written("/srv/a.db", inventory.FileData)) }), fail, "keeps data in /srv/a.db"},
		{"a database file that is only read", migration.CodeStateDisk, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: "/srv/geo.db", Class: inventory.FileData, Read: true})
		}), pass, ""},
		{"data on a network file system is data", migration.CodeStateDisk, facts(func(f *inventory.Facts) {
			f.Mounts = append(f.Mounts, inventory.Mount{Point: "/srv", FSType: "nfs4", Network: true})
			f.Files = append(f.Files, written("/srv/a.db", inventory.FileData))
		}), pass, ""},
		{"a store keeps data", migration.CodeStateDisk, facts(func(f *inventory.Facts) {
			f.Stores = []inventory.Store{{Kind: "postgresql", Role: "database", Where: "5432", Local: true, Own: true}}
			f.Files = append(f.Files, written("/var/lib/postgresql/x", inventory.FileData))
		}), pass, ""},
		{"a file that no rule knows", migration.CodeStateDisk, facts(func(f *inventory.Facts) { f.Files = append(f.Files, written("/srv/x", inventory.FileOther)) }), unknown, "no rule knows"},
		{"many files that no rule knows", migration.CodeStateDisk, facts(func(f *inventory.Facts) {
			f.Groups = []inventory.FileGroup{{Directory: "/srv/x", Class: inventory.FileOther, Count: 900, Written: 4}}
		}), unknown, "writes 4 files in /srv/x, and no rule knows"},
		{"temporary files", migration.CodeStateDisk, facts(func(f *inventory.Facts) { f.Files = append(f.Files, written("/tmp/x", inventory.FileTemp)) }), pass, ""},
		{"one glance", migration.CodeStateDisk, facts(glance), unknown, "too few"},
		{"half of the samples", migration.CodeStateDisk, facts(func(f *inventory.Facts) { f.Coverage.Samples = 29 }), unknown, "only 29 of 60"},
		{"many samples in no time", migration.CodeStateDisk, facts(func(f *inventory.Facts) { f.Began = f.Ended.Add(-1e9) }), unknown, "too short"},
		{"no permission", migration.CodeStateDisk, gap(inventory.SubjectFiles), unknown, "permission denied"},
	})
}

func TestSecretsAndData(t *testing.T) {
	t.Parallel()
	place := func(in string) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) {
			f.Secrets = append(f.Secrets, inventory.SecretPlace{Key: "3", Rule: "flag", In: in})
		})
	}
	undeclared := func(in *Input, _ *inventory.Facts) { in.Spec.Data = migration.Data{} }
	store := func(s inventory.Store) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) { f.Stores = append(f.Stores, s) })
	}
	local := inventory.Store{Kind: "mysql", Role: "database", Where: "/run/mysqld/mysqld.sock", Local: true}
	nothing := func(f *inventory.Facts) { f.Stores, f.Peers = nil, nil }
	runTrials(t, []trial{
		{"located and declared", migration.CodeSecrets, unchanged, pass, "1 secret located"},
		{"none", migration.CodeSecrets, func(in *Input, _ *inventory.Facts) {
			for i := range in.Report.Machines {
				in.Report.Machines[i].Secrets, in.Report.Machines[i].Environment = nil, nil
			}
			in.Spec.Workloads[0].Mounts = nil
		}, pass, "no secret"},
		{"no Secret declared", migration.CodeSecrets, func(in *Input, _ *inventory.Facts) { in.Spec.Workloads[0].Mounts = nil }, fail, "no workload declares a Secret"},
		{"a variable alone, no Secret declared", migration.CodeSecrets, func(in *Input, f *inventory.Facts) {
			in.Spec.Workloads[0].Mounts, f.Secrets = nil, nil
		}, fail, "1 secret found"},
		{"in an argument", migration.CodeSecrets, place("argument"), fail, "argument 3"},
		{"in the unit", migration.CodeSecrets, place("unit"), fail, "in the unit"},
		{"declared in the clear", migration.CodeSecrets, func(in *Input, _ *inventory.Facts) {
			in.Spec.Workloads[0].Env = map[string]string{"BANK_DB_PASSWORD": "x"}
		}, fail, "in the clear"},
		{"a file not read", migration.CodeSecrets, gap(inventory.SubjectSecrets), unknown, "permission denied"},
		{"environment not read", migration.CodeSecrets, gap(inventory.SubjectEnvironment), unknown, "permission denied"},

		{"elsewhere", migration.CodeData, unchanged, pass, "postgresql at 192.0.2.50:5432"},
		{"elsewhere and not declared", migration.CodeData, undeclared, pass, "postgresql"},
		{"none", migration.CodeData, func(in *Input, _ *inventory.Facts) {
			nothing(&in.Report.Machines[0])
			nothing(&in.Report.Machines[1])
		}, pass, "no persistent data"},
		{"next door", migration.CodeData, store(local), fail, "next door"},
		{"next door and declared", migration.CodeData, func(in *Input, f *inventory.Facts) {
			f.Stores = append(f.Stores, local)
			in.Spec.Data.Stores = append(in.Spec.Data.Stores, "mysql: accounts")
		}, pass, "declared shared"},
		{"named and not shared", migration.CodeData, func(in *Input, f *inventory.Facts) {
			f.Stores = append(f.Stores, local)
			in.Spec.Data = migration.Data{Stores: []string{"mysql"}}
		}, fail, "next door"},
		{"a store itself", migration.CodeData, store(inventory.Store{Kind: "redis", Role: "database", Where: "[::]:6379", Own: true, Local: true}), fail, "itself a store"},
		{"one store next door by two addresses, declared by kind", migration.CodeData, func(in *Input, f *inventory.Facts) {
			in.Spec.Data = migration.Data{Shared: true, Stores: []string{"postgresql", "redis"}}
			store(inventory.Store{Kind: "redis", Role: "database", Where: "127.0.0.1:6379", Local: true})(in, f)
			store(inventory.Store{Kind: "redis", Role: "database", Where: "[::1]:6379", Local: true})(in, f)
		}, pass, "declared shared"},
		{"two stores next door, declared by kind", migration.CodeData, func(in *Input, f *inventory.Facts) {
			in.Spec.Data = migration.Data{Shared: true, Stores: []string{"postgresql", "redis"}}
			store(inventory.Store{Kind: "redis", Role: "database", Where: "127.0.0.1:6379", Local: true})(in, f)
			store(inventory.Store{Kind: "redis", Role: "database", Where: "127.0.0.1:6380", Local: true})(in, f)
		}, fail, "redis at 127.0.0.1:6379"},
		{"a cache that keeps", migration.CodeData, store(inventory.Store{Kind: "redis", Role: "cache", Where: "[::]:6379", Own: true, Local: true}), fail, "itself a store"},
		{"a cache that forgets", migration.CodeData, store(inventory.Store{Kind: "memcached", Role: "cache", Where: "[::]:11211", Own: true, Local: true}), pass, ""},
		{"an object store next door", migration.CodeData, store(inventory.Store{Kind: "minio", Role: "other", Where: "127.0.0.1:9000", Local: true}), fail, "minio"},
		{"a cache next door is no data", migration.CodeData, store(inventory.Store{Kind: "memcached", Role: "cache", Where: "127.0.0.1:11211", Local: true}), pass, ""},
		{"own files", migration.CodeData, facts(func(f *inventory.Facts) { f.Files = append(f.Files, written("/srv/a.db", inventory.FileData)) }), fail, "data in /srv/a.db"},
		{"own files, declared", migration.CodeData, func(in *Input, f *inventory.Facts) {
			f.Files = append(f.Files, written("/srv/bank/a.db", inventory.FileData))
			in.Spec.Data.Stores = append(in.Spec.Data.Stores, "files: /srv/bank")
		}, pass, "/srv/bank/a.db, declared shared"},
		{"many own files", migration.CodeData, facts(func(f *inventory.Facts) {
			f.Groups = []inventory.FileGroup{{Directory: "/srv/up", Class: inventory.FileData, Count: 1200, Bytes: 5 << 30, Written: 3}}
		}), fail, "/srv/up: 1200 files, 5.0 GiB"},
		{"on a network file system", migration.CodeData, facts(func(f *inventory.Facts) {
			f.Mounts = append(f.Mounts, inventory.Mount{Point: "/srv", FSType: "nfs4", Network: true})
			file := written("/srv/a.db", inventory.FileData)
			file.Mount = "/srv"
			f.Files = append(f.Files, file)
		}), fail, "on the network file system /srv"},
		{"one glance", migration.CodeData, facts(glance), unknown, "too few"},
		{"files not seen", migration.CodeData, gap(inventory.SubjectFiles), unknown, "permission denied"},
		{"peers not seen", migration.CodeData, gap(inventory.SubjectPeers), unknown, "permission denied"},

		{"declared by name", migration.CodeSplitWrites, unchanged, pass, "1 store declared"},
		{"declared by address in a URL", migration.CodeSplitWrites, func(in *Input, _ *inventory.Facts) {
			in.Spec.Data.Stores = []string{"postgres://user@192.0.2.50/bank"}
		}, pass, ""},
		{"declared by kind", migration.CodeSplitWrites, func(in *Input, _ *inventory.Facts) { in.Spec.Data.Stores = []string{"postgres: accounts"} }, pass, ""},
		{"one kind, two stores", migration.CodeSplitWrites, func(in *Input, f *inventory.Facts) {
			in.Spec.Data.Stores = []string{"postgres: accounts"}
			f.Stores = append(f.Stores, inventory.Store{Kind: "postgresql", Role: "database", Where: "192.0.2.51:5432"})
		}, fail, "data.stores does not name"},
		{"another port", migration.CodeSplitWrites, func(in *Input, _ *inventory.Facts) { in.Spec.Data.Stores = []string{"db.bank.example:5433"} }, fail, "does not name"},
		{"not declared shared", migration.CodeSplitWrites, undeclared, fail, "not declared shared"},
		{"one that is not named", migration.CodeSplitWrites, store(inventory.Store{Kind: "rabbitmq", Role: "queue", Where: "192.0.2.60:5672"}), fail, "rabbitmq at 192.0.2.60:5672"},
		{"none used", migration.CodeSplitWrites, func(in *Input, _ *inventory.Facts) {
			nothing(&in.Report.Machines[0])
			nothing(&in.Report.Machines[1])
		}, pass, "no store"},
		{"one glance", migration.CodeSplitWrites, facts(glance), unknown, "too few"},
		{"peers not seen", migration.CodeSplitWrites, gap(inventory.SubjectPeers), unknown, "permission denied"},
	})
}
