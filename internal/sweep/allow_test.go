package sweep

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func allowFile(t *testing.T, dir, text string) string {
	t.Helper()
	file := filepath.Join(dir, AllowFile)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAllowances(t *testing.T) {
	dir := put(t, map[string]string{"conf/a.ini": "x"})
	l, err := ReadAllowances(allowFile(t, dir, `
allow:
- {file: conf/a.ini, keyPath: db.password, rule: key name, reason: "a test's, in memory only", until: "2026-12-31"}
- {file: ./conf/b.ini, keyPath: db.password, rule: key name, reason: rotated, until: 2026-08-01}
- {file: conf/gone.ini, keyPath: x, rule: url, reason: was needed once, until: 2027-01-01}
`))
	if err != nil {
		t.Fatal(err)
	}
	findings := []Finding{
		{File: filepath.Join(dir, "conf/a.ini"), Line: 3, KeyPath: "db.password", Rule: "key name"},
		{File: "conf/a.ini", Line: 9, KeyPath: "db.password", Rule: "key name"},
		{File: "conf/a.ini", Line: 4, KeyPath: "db.password", Rule: "url"},
		{File: "conf/a.ini", Line: 5, KeyPath: "db.password2", Rule: "key name"},
		{File: "a.ini", Line: 6, KeyPath: "db.password", Rule: "key name"},
		{File: "conf/b.ini", Line: 7, KeyPath: "db.password", Rule: "key name"},
	}
	unused, err := l.Apply(findings, dir, time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, false, false, false, false} {
		if findings[i].LetPass() != want {
			t.Errorf("finding %d is let pass: %v", i, !want)
		}
	}
	if a := findings[5].Allowance; a == nil || !a.Expired {
		t.Errorf("of what is over nothing is said: %+v", a)
	}
	if len(unused) != 1 || unused[0].File != "conf/gone.ini" {
		t.Errorf("unused %+v", unused)
	}
	if _, err := l.Apply(findings, dir, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil || findings[0].LetPass() {
		t.Errorf("it is let pass a day later: %v", err)
	}
}

func TestBadAllowances(t *testing.T) {
	for text, want := range map[string]string{
		"allow:\n- {file: a, keyPath: b, rule: c, until: 2026-01-01}\n":                            "allow[0].reason is missing",
		"allow:\n- {file: a, keyPath: b, rule: c, reason: d}\n":                                    "allow[0].until is missing",
		"allow:\n- {file: a, keyPath: b, rule: c, reason: d, until: 2026-01-01}\n- {keyPath: b}\n": "allow[1].file is missing",
		"allow:\n- {file: /etc/a, keyPath: b, rule: c, reason: d, until: 2026-01-01}\n":            "allow[0].file must stand below",
		"allow:\n- {file: ../a, keyPath: b, rule: c, reason: d, until: 2026-01-01}\n":              "allow[0].file must stand below",
		"allow:\n- {file: a, keyPath: b, rule: c, reason: d, until: next year}\n":                  "allow[0].until must be a day",
		"allow:\n- {file: a, keyPath: b, rule: c, reason: d, until: 2026-01-01, expired: true}\n":  "allow[0].expired",
		"allow:\n- {file: a, keyPath: b, value: x, rule: c, reason: d, until: 2026-01-01}\n":       "value",
		"allow:\n- {file: a, file: b, keyPath: b, rule: c, reason: d, until: 2026-01-01}\n":        "file",
		"allow:\n-\n": "allow[0] is empty",
		"deny: []\n":  "deny",
		"allow: [":    AllowFile,
	} {
		_, err := ReadAllowances(allowFile(t, t.TempDir(), text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, wanted %q", text, err, want)
		}
	}
}
