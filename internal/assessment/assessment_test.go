package assessment

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/internal/sarif"
)

var update = flag.Bool("update", false, "write the golden files again")

var now = time.Date(2026, 8, 14, 20, 0, 0, 0, time.UTC)

// sample has a finding of every kind that a reader can meet.
func sample() readiness.Assessment {
	taken := now.Add(-4 * time.Minute)
	seen := func(what string) []readiness.Evidence {
		return []readiness.Evidence{{Machine: "bank-vm-1", What: what, At: taken, Seen: "41 of 60 samples"}}
	}
	return readiness.Assessment{
		Migration: "royal-bank-api", At: now, Oldest: taken, Effort: readiness.EffortChange,
		Findings: []readiness.Finding{
			{Code: migration.CodeConfigEnv, Title: "reads its configuration from the environment or read-only paths", Verdict: migration.Pass,
				Observed: "3 files below /etc/royal-bank-api, only read", Required: "nothing compiled in", Evidence: seen("/etc/royal-bank-api/api.conf"), At: taken},
			{Code: migration.CodeLogsStdout, Title: "writes its log to stdout or stderr", Verdict: migration.Fail, Blocks: true,
				Observed: "writes /var/log/royal-bank-api.log, 4 MiB an hour", Required: "stdout or stderr", Evidence: seen("fd 7 → /var/log/royal-bank-api.log"),
				At: taken, Command: "ls -l /proc/812/fd | grep /var/log", Remedy: "log to stdout"},
			{Code: migration.CodeStateDisk, Title: "keeps no state on local disk", Verdict: migration.Fail, Observed: "sessions below /var/lib/sess", Required: "none",
				Fix: &migration.Fix{Code: migration.CodeStateDisk, Drill: migration.DrillSession, How: "sessions are signed cookies in 1.0"}},
			{Code: migration.CodeSIGTERM, Title: "drains at SIGTERM", Verdict: migration.Unknown, Blocks: true, Observed: "no permission to read /proc/812/status", Required: "caught and drained", Remedy: "probe with --sudo"},
			{Code: migration.CodeResources, Title: "profiled under load", Verdict: migration.Waived, Observed: "no load was made", Required: "a valid load",
				Waiver: &migration.Waiver{Code: migration.CodeResources, By: "angua", Reason: "measured by hand | <last week>", Until: now.Add(24 * time.Hour)}},
			{Code: migration.CodeSticky, Title: "no sticky sessions in front", Verdict: migration.Fail, Observed: "nginx has ip_hash in bank.conf:12", Required: "any instance answers", Remedy: "keep sessions outside"},
			{Code: migration.CodeRoot, Title: "does not run as root", Verdict: migration.Pass, Observed: "runs as royal-bank"},
		},
		Work: []readiness.Work{
			{Codes: []migration.Code{migration.CodeLogsStdout}, What: "log to stdout", Effort: readiness.EffortConfigure},
			{Codes: []migration.Code{migration.CodeStateDisk, migration.CodeSticky}, What: "take sessions out of the machine", Effort: readiness.EffortChange},
		},
		Resources: &migration.Resources{CPURequestMilli: 250, MemoryRequestBytes: 100<<20 + 1, MemoryLimitBytes: 100<<20 + 1},
	}
}

func plain(_ migration.Verdict, word string) string { return word }

func TestGoldens(t *testing.T) {
	text := func(w io.Writer) error { Text(w, sample(), plain); return nil }
	for name, write := range map[string]func(io.Writer) error{
		"text.txt":      text,
		"page.md":       func(w io.Writer) error { return Write(w, sample(), "markdown", "1.2.3") },
		"scan.sarif":    func(w io.Writer) error { return Write(w, sample(), "sarif", "1.2.3") },
		"junit.xml":     func(w io.Writer) error { return Write(w, sample(), "junit", "1.2.3") },
		"text-none.txt": func(w io.Writer) error { Text(w, readiness.Assessment{Migration: "x", Ready: true}, plain); return nil },
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s is now:\n%s", path, got.String())
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	err := Write(io.Discard, sample(), "pdf", "")
	if err == nil || !strings.Contains(err.Error(), "junit") {
		t.Errorf("%v; wanted the formats that there are", err)
	}
}

// A level beside any kind but fail is no valid SARIF, and what is waived must not
// raise an alarm without saying that somebody answers for it.
func TestSARIFKinds(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, sample(), "sarif", "1.2.3"); err != nil {
		t.Fatal(err)
	}
	var log sarif.Log
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"CONFIG-ENV": {"pass", "none"}, "LOGS-STDOUT": {"fail", "error"}, "STATE-DISK": {"fail", "warning"}, "SIGTERM": {"open", "none"},
		"RESOURCES": {"fail", "error"}, "STICKY": {"fail", "note"}, "RUN-AS-ROOT": {"pass", "none"},
	}
	results := log.Runs[0].Results
	if len(results) != len(want) {
		t.Errorf("%d results, wanted %d", len(results), len(want))
	}
	for _, r := range results {
		if got := [2]string{r.Kind, r.Level}; got != want[r.Rule] {
			t.Errorf("%s is %v, wanted %v", r.Rule, got, want[r.Rule])
		}
		if suppressed := len(r.Suppressions) == 1; suppressed != (r.Rule == "RESOURCES") {
			t.Errorf("%s is suppressed: %v", r.Rule, suppressed)
		}
		if log.Runs[0].Tool.Driver.Rules[r.Index].ID != r.Rule {
			t.Errorf("%s points at another rule", r.Rule)
		}
	}
}

func TestJUnitCounts(t *testing.T) {
	a := sample()
	a.Findings[1].Observed = "a path with \x01 and \ufffe in it"
	var b bytes.Buffer
	if err := Write(&b, a, "junit", ""); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	s := got.Suite
	if s.Tests != 7 || s.Failures != 1 || s.Errors != 1 || s.Skipped != 1 || len(s.Cases) != 7 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped, %d cases", s.Tests, s.Failures, s.Errors, s.Skipped, len(s.Cases))
	}
	if c := s.Cases[1]; c.Failure == nil || c.Failure.Message != "a path with  and  in it" {
		t.Errorf("%+v", c)
	}
	if c := s.Cases[2]; c.Failure != nil || !strings.Contains(c.Out, "owed to the staging drill session-replay") {
		t.Errorf("%+v", c)
	}
}

// What an application is called must not become mark-up of the page about it.
func TestMarkdownIsInert(t *testing.T) {
	a := sample()
	a.Findings[1].Observed = "line\none | <script>alert(1)</script> `x` [a](javascript:b)"
	a.Findings[1].Command = "echo ```"
	var b bytes.Buffer
	if err := Write(&b, a, "markdown", ""); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "one | ", " [a](", "\n```\n```"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q stands in\n%s", bad, b.String())
		}
	}
}
