// Package archivetest is the conformance suite of engine.Archive.
package archivetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/migration"
)

// Factory makes an empty archive, and a way to read what is at a path that it gave.
type Factory func(t *testing.T) (archive engine.Archive, read func(path string) ([]byte, error))

// Names are names that a migration, an incident or a log might have, and that
// nobody should have given it.
var Names = []string{
	"a", "A", "pod/container", "pod_container", "pod%2Fcontainer", "pod%5Fcontainer", "", ".", "..", "../..", "../../etc/passwd", "/etc/passwd",
	"/", "//", "%", "%2F", "a/../../b", `..\..\b`, "a\x00b", "a\nb", "a b", "a.log", "a~2", "é", "caf\xe9",
	".hidden", "-rf", "con:1", strings.Repeat("x", 300), strings.Repeat("x", 301), strings.Repeat("ü", 200),
}

// Incident is one with everything filled in.
func Incident() migration.Incident {
	when := time.Date(2026, 3, 14, 22, 31, 7, 0, time.UTC)
	return migration.Incident{
		ID: "royal-bank-api-1", Attempt: 1, Step: migration.StepWatch, At: when, By: "rehome",
		Summary: "The error rate rose to 4.1 %, the baseline is 0.2 %.",
		Cause: []migration.Reason{{
			Code: migration.CodeErrorRate, Verdict: migration.Fail, Text: "errors of the new side are above the limit",
			Required: "at most 0.3 %", Observed: "4.1 % of 2310 requests", Source: "prometheus", At: when, Hint: "see the logs",
		}},
	}
}

// Run tests an archive.
func Run(t *testing.T, factory Factory) {
	t.Run("incident", func(t *testing.T) { testIncident(t, factory) })
	t.Run("logs", func(t *testing.T) { testLogs(t, factory) })
	t.Run("names", func(t *testing.T) { testNames(t, factory) })
	t.Run("context", func(t *testing.T) {
		a, _ := factory(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := a.Incident(ctx, "m", Incident()); !errors.Is(err, context.Canceled) {
			t.Errorf("incident: %v, want Canceled", err)
		}
		if _, err := a.Logs(ctx, "m", "i", "n", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("logs: %v, want Canceled", err)
		}
	})
}

func testIncident(t *testing.T, factory Factory) {
	a, read := factory(t)
	inc := Incident()
	path, err := a.Incident(t.Context(), "royal-bank-api", inc)
	if err != nil {
		t.Fatal(err)
	}
	before, err := read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{inc.ID, "watch", "4.1 %", "ERROR-RATE", "at most 0.3 %"} {
		if !strings.Contains(string(before), want) {
			t.Errorf("what is at %s does not say %q", path, want)
		}
	}
	inc.RCA = &migration.RCA{By: "vimes", At: inc.At, SHA256: "c0ffee", Bytes: 7, Summary: "the pool was too small"}
	again, err := a.Incident(t.Context(), "royal-bank-api", inc)
	if err != nil || again != path {
		t.Errorf("the same incident later: %s, %v; want %s", again, err, path)
	}
	if after, err := read(path); err != nil || !strings.Contains(string(after), "the pool was too small") {
		t.Errorf("its later state was not kept: %v", err)
	}
}

func testLogs(t *testing.T, factory Factory) {
	a, read := factory(t)
	keep := func(text string) string {
		t.Helper()
		path, err := a.Logs(t.Context(), "royal-bank-api", "1", "api-7d9f/app", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	texts := []string{"panic: pool exhausted\n", "starting\n", ""}
	var paths []string
	for _, text := range texts {
		paths = append(paths, keep(text))
	}
	for i, text := range texts {
		if got, err := read(paths[i]); err != nil || string(got) != text {
			t.Errorf("%s = %q, %v; want %q", paths[i], got, err, text)
		}
		if again := keep(text); again != paths[i] {
			t.Errorf("the same text again is at %s, not at %s", again, paths[i])
		}
	}
}

func testNames(t *testing.T, factory Factory) {
	a, read := factory(t)
	kept := map[string]string{}
	keep := func(text, path string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if other, taken := kept[path]; taken {
			t.Errorf("%s is at %s, where %s is", text, path, other)
		}
		kept[path] = text
	}
	for _, name := range Names {
		for _, at := range [][3]string{{name, "1", "n"}, {"m", name, "n"}, {"m", "1", name}} {
			if at == [3]string{"m", "1", "n"} {
				continue
			}
			text := fmt.Sprintf("%q", at)
			path, err := a.Logs(t.Context(), at[0], at[1], at[2], []byte(text))
			keep(text, path, err)
		}
		for _, at := range [][2]string{{name, "one"}, {"one", name}} {
			inc := Incident()
			inc.ID, inc.Summary = at[1], fmt.Sprintf("%x.%x", at[0], at[1])
			path, err := a.Incident(t.Context(), at[0], inc)
			keep(inc.Summary, path, err)
		}
	}
	for path, text := range kept {
		if got, err := read(path); err != nil || !strings.Contains(string(got), text) {
			t.Errorf("%s does not hold %s: %v", path, text, err)
		}
	}
}
