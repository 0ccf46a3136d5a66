package unit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// canary is in the fixture wherever a unit can hold a secret.
const canary = "hunter2-canary"

func bank(t *testing.T) Properties {
	t.Helper()
	text, err := os.ReadFile("testdata/bank.show")
	if err != nil {
		t.Fatal(err)
	}
	all := parse(string(text))
	if len(all) != 1 {
		t.Fatalf("%d units", len(all))
	}
	return all[0]
}

// etc makes the environment files of the fixture.
func etc(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"etc/default/bank":    "# DB_OLD=" + canary + "\nexport PORT=8080\nAPI_TOKEN='" + canary + "'\n",
		"etc/bank/second.env": "SECOND=1\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadAUnitWithTwentyDropIns(t *testing.T) {
	s, unreadable := Read(bank(t), etc(t))
	u := s.Unit
	if len(u.DropIns) != 20 || u.DropIns[0] != "/etc/systemd/system/bank.service.d/01-part.conf" {
		t.Errorf("%d drop-ins: %q", len(u.DropIns), u.DropIns)
	}
	got := fmt.Sprint(u.Name, u.Path, u.Type, u.State, u.MainPID, u.User, u.StandardOutput, u.StandardError, u.KillSignal, u.TimeoutStop, u.Restarts, u.Boot, u.TriggeredBy)
	want := fmt.Sprint("bank.service", "/etc/systemd/system/bank.service", "notify", "active/running", 4711, "bank", "journal", "inherit", "SIGTERM",
		2*time.Minute+5250*time.Millisecond, 3, 2500*time.Millisecond, []string{"bank.socket", "bank.timer"})
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if !u.StartedAt.Equal(time.Date(2026, 11, 22, 18, 14, 32, 0, time.UTC)) {
		t.Errorf("started %s", u.StartedAt)
	}
	if u.Settings["LimitNOFILE"] != "65536" || u.Settings["UID"] != "998" || u.Settings["GID"] != "" || u.Settings["PASSWORD_LINE"] != "" {
		t.Errorf("settings %v", u.Settings)
	}
	if s.Load != "loaded" || s.ControlGroup != "/system.slice/bank.service" || !slices.Equal(s.Members, []string{"bank-worker.service"}) {
		t.Errorf("state %+v", s)
	}
	if len(unreadable) != 1 || unreadable["/etc/bank/missing"] == "" {
		t.Errorf("unreadable %v", unreadable)
	}
}

func TestVariablesByNameAlone(t *testing.T) {
	s, _ := Read(bank(t), etc(t))
	var got []string
	for _, v := range s.Variables {
		got = append(got, fmt.Sprintf("%s %s %t %t", v.Name, v.Origin, v.Secret, v.Empty))
	}
	for _, want := range []string{"LANG unit false false", "GREETING unit false false", "DB_PASSWORD unit true false",
		"PORT /etc/default/bank false false", "API_TOKEN /etc/default/bank true false", "SECOND /etc/bank/second.env false false"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, "DB_OLD") }) {
		t.Error("a comment is taken for a variable")
	}
	places := fmt.Sprint(s.Secrets)
	for _, want := range []string{"db-password", "DB_PASSWORD", "{/etc/default/bank 3 API_TOKEN key name file}"} {
		if !strings.Contains(places, want) {
			t.Errorf("no place %s in %s", want, places)
		}
	}
}

func TestNoSecretOfAUnit(t *testing.T) {
	s, _ := Read(bank(t), etc(t))
	if text := fmt.Sprintf("%+v", s); strings.Contains(text, "hunter2") {
		for _, word := range strings.Fields(text) {
			if strings.Contains(word, "hunter2") {
				t.Errorf("the canary is in %s", word)
			}
		}
	}
	if !strings.Contains(s.Unit.Settings["Environment"], "DB_PASSWORD") || len(s.Unit.Start) != 1 || !strings.Contains(s.Unit.Start[0], "--listen :8080") {
		t.Errorf("more than the secrets is gone: %v %v", s.Unit.Settings["Environment"], s.Unit.Start)
	}
}

func TestBootByType(t *testing.T) {
	p := bank(t)
	for kind, want := range map[string]time.Duration{"notify": 2500 * time.Millisecond, "forking": 3500 * time.Millisecond, "simple": 0, "exec": 0, "oneshot": 2500 * time.Millisecond} {
		p["Type"] = []string{kind}
		if got := boot(p); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	p["ActiveEnterTimestampMonotonic"] = []string{"0"} // still starting
	if got := boot(p); got != 0 {
		t.Errorf("a unit that has not started: %s", got)
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{"1min 30s": 90 * time.Second, "infinity": 0, "500ms": 500 * time.Millisecond,
		"1h": time.Hour, "2w 1d": 15 * 24 * time.Hour, "": 0, "x": 0, "5": 0} {
		if got := span(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestAssignments(t *testing.T) {
	got := Assignments("A=1\n;B=2\n  #C=3 'open\nD=\"two\nlines\"\nE=x\\\ny\nF = 6\nnot one\nexport G=7\nH=it's\nI=8")
	var names []string
	for _, a := range got {
		names = append(names, fmt.Sprintf("%s:%d", a.Name, a.Line))
	}
	if want := "A:1 D:4 E:6 F:8 G:10 H:11 I:12"; strings.Join(names, " ") != want {
		t.Errorf("got %s, want %s", names, want)
	}
}

// systemctl is put before the real one.
func systemctl(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestShow(t *testing.T) {
	fixture, err := filepath.Abs("testdata/bank.show")
	if err != nil {
		t.Fatal(err)
	}
	systemctl(t, `[ "$TZ$*" = "UTCshow --no-pager -- bank.service" ] && cat `+fixture)
	p, err := Show(t.Context(), "bank.service")
	if err != nil || p.First("Id") != "bank.service" {
		t.Fatalf("got %v, %v", p.First("Id"), err)
	}
	s := &scope.Scope{Root: etc(t), Gaps: &scope.Gaps{}, Unit: &inventory.Unit{Name: "bank.service"}}
	var f inventory.Facts
	New().Finish(t.Context(), s, &f)
	if f.Unit == nil || len(f.Unit.DropIns) != 20 || len(f.Environment) == 0 || len(f.Secrets) == 0 {
		t.Errorf("facts %+v", f)
	}
	if gaps := s.Gaps.List(); len(gaps) != 1 || gaps[0].Subject != inventory.SubjectEnvironment {
		t.Errorf("gaps %v", gaps)
	}
}

func TestSystemdThatCannotBeAsked(t *testing.T) {
	systemctl(t, `echo "Failed to connect to bus: Host is down" >&2; exit 1`)
	if _, err := Show(t.Context(), "bank.service"); !errors.Is(err, ErrNoSystemd) || !strings.Contains(err.Error(), "Host is down") {
		t.Errorf("got %v", err)
	}
	systemctl(t, `exec sleep 60`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Show(ctx, "bank.service"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Show(t.Context(), "bank.service"); !errors.Is(err, ErrNoSystemd) {
		t.Errorf("got %v", err)
	}
}

func TestSockets(t *testing.T) {
	systemctl(t, `printf 'Id=a.socket\nListen=127.0.0.1:80 (Stream)\nTriggers=a.service\n\nId=b.socket\nListen=/run/b (Stream)\n'`)
	got, err := Sockets(t.Context())
	if err != nil || len(got) != 2 || got[0].First("Triggers") != "a.service" || got[1].First("Id") != "b.socket" {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/bank.show")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("=\n\n=a\nA=b")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range parse(text) {
			Read(p, "/nonexistent")
		}
		Assignments(text)
	})
}
