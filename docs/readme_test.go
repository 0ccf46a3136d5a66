package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/cli"
)

// A console block is run line by line in one directory, in which there are only the
// examples, with the program on the PATH; `...` stands for whatever is left out,
// within a line or as lines.
// What needs the lab, or changes the reader's machine, is in a block of another kind.
var console = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// A session is one command of a console block and what it is said to print.
type session struct{ command, want string }

func sessions(text string) []session {
	var all []session
	for _, block := range console.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, session{command: strings.TrimSpace(command)})
			} else if len(all) > 0 {
				all[len(all)-1].want += line
			}
		}
	}
	return all
}

func TestConsoleBlocks(t *testing.T) {
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "rehome"), "./cmd/rehome")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build rehome: %v\n%s", err, said)
	}
	for _, document := range []string{"README.md", "docs/judge.md"} {
		t.Run(document, func(t *testing.T) { play(t, bin, document) })
	}
}

// play runs the sessions of a document where the examples are, and nothing else.
func play(t *testing.T, bin, document string) {
	all := sessions(read(t, filepath.Join(root, document)))
	if len(all) == 0 {
		t.Fatal("it shows no console block")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", s.command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_STATE_HOME="+dir+"/state", "NO_COLOR=1")
		said, err := cmd.CombinedOutput()
		if _, exited := err.(*exec.ExitError); err != nil && !exited {
			t.Fatalf("%s: %v", s.command, err)
		}
		if !shows(s.want, string(said)) {
			t.Errorf("$ %s\n%s shows:\n%s\nit prints:\n%s", s.command, document, s.want, said)
		}
	}
}

// shows says whether a text is what is shown, with `...` for what is left out.
func shows(shown, text string) bool {
	if strings.TrimSpace(shown) == "" {
		return true // nothing is claimed
	}
	shown = "\n" + strings.TrimSpace(shown) + "\n"
	pattern := regexp.QuoteMeta(shown)
	pattern = strings.ReplaceAll(pattern, "\n"+`\.\.\.`+"\n", "\n(?:.*\n)*?")
	pattern = strings.ReplaceAll(pattern, `\.\.\.`, ".*")
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString("\n" + strings.TrimSpace(text) + "\n")
}

func TestShows(t *testing.T) {
	for _, tc := range []struct {
		shown, text string
		want        bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a\nb\n", "a\nc\n", false},
		{"a\n", "a\nb\n", false},
		{"a\n...\nc\n", "a\nb\nb\nc\n", true},
		{"a\n...\nc\n", "a\nc\n", true},
		{"a\n...\nc\n", "a\nb\n", false},
		{"...\nc\n", "a\nc\n", true},
		{"a\n...\n", "a\nb\n", true},
		{"a ... z\n", "a b z\n", true},
		{"a ... z\n", "a b y\n", false},
		{"a.b\n", "axb\n", false},
	} {
		if got := shows(tc.shown, tc.text); got != tc.want {
			t.Errorf("shown %q, printed %q: %t", tc.shown, tc.text, got)
		}
	}
}

func TestSessions(t *testing.T) {
	got := sessions("# x\n```console\n$ one\na\n$ two\n```\n```sh\nthree\n```\n")
	want := []session{{"one", "a\n"}, {"two", ""}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%q", got)
	}
}

// Scripts rely on the exit codes; the table is the program's own.
func TestExitCodesOfTheREADME(t *testing.T) {
	text := read(t, filepath.Join(root, "README.md"))
	for code, meaning := range cli.Meanings {
		if row := fmt.Sprintf("| %d | %s |\n", code, meaning); !strings.Contains(text, row) {
			t.Errorf("the README has no row %q", row)
		}
	}
}
