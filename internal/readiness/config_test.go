package readiness

import (
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

func TestConfiguration(t *testing.T) {
	t.Parallel()
	bare := func(f *inventory.Facts) {
		f.Environment, f.Files = f.Environment[:1], f.Files[1:]
	}
	commanded := func(command ...string) func(*Input, *inventory.Facts) {
		return facts(func(f *inventory.Facts) {
			bare(f)
			f.Processes[0].Command = command
		})
	}
	runTrials(t, []trial{
		{"by environment and file", migration.CodeConfigEnv, unchanged, pass, "2 environment variables, 1 file that it only reads"},
		{"by arguments alone", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			bare(f)
			f.Processes[0].Command = []string{"java", "-Ddb=x", "-jar", "bank.jar"}
		}), pass, "arguments"},
		{"compiled in", migration.CodeConfigEnv, facts(bare), fail, "compiled in"},
		{"compiled in, started by an interpreter", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			bare(f)
			f.Processes[0].Command = []string{"java", "-jar", "bank.jar"}
		}), fail, "compiled in"},
		{"compiled in, a script", migration.CodeConfigEnv, commanded("/usr/bin/python3.12", "-u", "/srv/bank.py"), fail, "compiled in"},
		{"compiled in, a module", migration.CodeConfigEnv, commanded("python3", "-m", "http.server"), fail, "compiled in"},
		{"compiled in, a class", migration.CodeConfigEnv, commanded("java", "-cp", "/srv/bank.jar", "bank.Main"), fail, "compiled in"},
		{"compiled in, the program alone", migration.CodeConfigEnv, commanded("/opt/bank"), fail, "compiled in"},
		{"by an argument of a module", migration.CodeConfigEnv, commanded("python3", "-m", "http.server", "9013"), pass, "arguments"},
		{"by an argument of a class", migration.CodeConfigEnv, commanded("java", "-cp", "/srv/bank.jar", "bank.Main", "9013"), pass, "arguments"},
		{"by an argument of an archive", migration.CodeConfigEnv, commanded("java", "-jar", "bank.jar", "prod"), pass, "arguments"},
		{"by words of a program", migration.CodeConfigEnv, commanded("/opt/bank", "serve", ":9010"), pass, "arguments"},
		{"compiled in, beside what every program reads", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			bare(f)
			f.Files = append(f.Files, inventory.File{Path: "/etc/ssl/openssl.cnf", Class: inventory.FileConfig}, inventory.File{Path: "/etc/resolv.conf", Class: inventory.FileConfig})
		}), fail, "compiled in"},
		{"nothing seen in one glance", migration.CodeConfigEnv, facts(func(f *inventory.Facts) { bare(f); glance(f) }), unknown, "too few"},
		{"names its machine", migration.CodeConfigEnv, facts(func(f *inventory.Facts) { f.Trees[0].Entries[0].PerHost = true }), fail, "names this very machine"},
		{"writes its configuration", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, written("/etc/other.conf", inventory.FileConfig))
		}), fail, "the application writes it"},
		{"a package's file edited beside the directories", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: "/etc/java/security", Class: inventory.FileConfig, Package: "openjdk", Edited: true})
		}), fail, "edited on this machine"},
		{"a package's file edited inside them", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: "/etc/bank/x", Class: inventory.FileConfig, Package: "bank", Edited: true})
		}), pass, "2 files"},
		{"what every program reads, edited", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, inventory.File{Path: "/etc/ssl/openssl.cnf", Class: inventory.FileConfig, Package: "openssl", Edited: true})
		}), pass, "1 file that"},
		{"a package's file of variables edited", migration.CodeConfigEnv, facts(func(f *inventory.Facts) {
			f.Unit.EnvironmentFiles = []string{"-/etc/default/bank"}
			f.Files = append(f.Files, inventory.File{Path: "/etc/default/bank", Class: inventory.FileConfig, Package: "bank", Edited: true})
		}), pass, ""},
		{"differs between machines", migration.CodeConfigEnv, facts(func(f *inventory.Facts) { f.Trees[0].Entries[0].Digest = "other" }), fail, "CONFIG-DRIFT"},
		{"environment not seen", migration.CodeConfigEnv, gap(inventory.SubjectEnvironment), unknown, "permission denied"},
		{"files not looked at", migration.CodeConfigEnv, unseen(inventory.SubjectFiles), unknown, "nobody looked"},
		{"arguments not seen", migration.CodeConfigEnv, gap(inventory.SubjectProcesses), unknown, "permission denied"},
		{"trees not seen", migration.CodeConfigEnv, gap(inventory.SubjectTrees), unknown, "permission denied"},

		{"only read", migration.CodeConfigRO, unchanged, pass, "wrote nothing"},
		{"writes a configuration", migration.CodeConfigRO, facts(func(f *inventory.Facts) { f.Files = append(f.Files, written("/opt/x.conf", inventory.FileConfig)) }), fail, "writes /opt/x.conf"},
		{"writes another file there", migration.CodeConfigRO, facts(func(f *inventory.Facts) {
			f.Files = append(f.Files, written("/etc/bank/last-run", inventory.FileOther))
		}), fail, "/etc/bank/last-run"},
		{"writes beside it", migration.CodeConfigRO, facts(func(f *inventory.Facts) { f.Files = append(f.Files, written("/etc/bankrupt", inventory.FileOther)) }), pass, ""},
		{"makes many files there", migration.CodeConfigRO, facts(func(f *inventory.Facts) {
			f.Groups = []inventory.FileGroup{{Directory: "/etc/bank/cache", Class: inventory.FileOther, Count: 900, Created: 3}}
		}), fail, "/etc/bank/cache"},
		{"one glance", migration.CodeConfigRO, facts(glance), unknown, "too few"},
		{"files with a gap", migration.CodeConfigRO, gap(inventory.SubjectFiles), unknown, "permission denied"},
	})
}
