package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestMistakes holds the words of every mistake. A file that begins with policy-
// is read as a policy, the others as migrations.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			var err error
			if strings.HasPrefix(name, "policy-") {
				_, err = LoadPolicy(file)
			} else {
				_, err = LoadMigration(file)
			}
			if err == nil {
				t.Fatal("loads without a word")
			}
			if es, ok := errors.AsType[Errors](err); !ok || len(es) == 0 {
				t.Fatalf("%T is not Errors", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", err.Error()+"\n")
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVudGVyMg") || strings.Contains(err.Error(), "271828") {
				t.Error("the message shows a secret")
			}
		})
	}
}

// TestMistakesAreWhole checks what every mistake must say, whatever it is.
func TestMistakesAreWhole(t *testing.T) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range files {
		_, asMigration := LoadMigration(file)
		_, asPolicy := LoadPolicy(file)
		for _, err := range []error{asMigration, asPolicy} {
			es, _ := errors.AsType[Errors](err)
			for _, e := range es {
				if e.File != file || e.Problem == "" || strings.Contains(e.Error(), "\n") {
					t.Errorf("%q is not one line about its file", e.Error())
				}
			}
			if !slices.IsSortedFunc(es, func(a, b Error) int { return a.Line - b.Line }) {
				t.Errorf("%s: not in the order of the lines:\n%v", file, es)
			}
		}
	}
}

func golden(t *testing.T, file, have string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if have != string(want) {
		t.Errorf("have:\n%swant:\n%s", have, want)
	}
}
