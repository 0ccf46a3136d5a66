package gitleaks

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect"

	"rehome.dev/rehome/internal/scan"
)

// Tokens in the shape of those of vendors; none of them was ever valid.
var (
	pat    = "ghp_" + "Zq3vN8kXw1Tb6Yr0Lm5Jc9Hd2Fg7Sa4Pe8Ru"
	gitlab = "glpat-" + "Xw1Tb6Yr0Lm5Jc9Hd2Fg"
	slack  = "xoxb-" + "263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1"
	stripe = "sk_live_" + "Zq3vN8kXw1Tb6Yr0Lm5Jc9Hd"
	aws    = "AKIA" + "X7NQ2WZTKB3JHG5D"
	face   = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"
)

func TestVendorTokens(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want string
	}{
		"a token in a comment":   {"# use " + pat + " here\n", "1:7 line vendor: github-pat"},
		"a token in a setting":   {"a: b\nhub:\n  pat: " + pat + "\n", "3:8 hub.pat vendor: github-pat"},
		"in quotes":              {`{"x":"` + gitlab + `"}`, "1:7 x vendor: gitlab-pat"},
		"without digits":         {"model " + face + "\n", "1:7 model vendor: huggingface-access-token"},
		"twice in a line":        {aws + " " + aws + "\n", "1:1 [not shown] vendor: aws-access-token, 1:22 [not shown] vendor: aws-access-token"},
		"a long line":            {strings.Repeat("x ", 5000) + slack + strings.Repeat(" y", 5000), "1:10001 x vendor: slack-bot-token"},
		"on several lines":       {stripe + "\n\n" + pat + "\r\n", "1:1 line vendor: stripe-access-token, 3:1 line vendor: github-pat"},
		"allowed by a comment":   {pat + " # gitleaks:allow\n", "1:1 line vendor: github-pat"},
		"a name beside a value":  {"datadog = 0123456789abcdef0123456789abcdef01234567\n", "1:11 datadog vendor: datadog-access-token?"},
		"a word that begins so":  {"ghp_ is how they begin, and text_files.sk are none\n", ""},
		"an example of all x":    {"AKIAXXXXXXXXXXXXXXXX\n", ""},
		"a reference":            {"key: ${GITHUB_TOKEN}\n", ""},
		"an identifier":          {"discord_client_id = 123456789012345678\n", ""},
		"what is judged by name": {"password = " + "Zq3vN8kXw1Tb6Yr0Lm5Jc9Hd2Fg7\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			places, err := Locate("notes.conf", []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := written(places); got != tc.want {
				t.Errorf("found %q, wanted %q", got, tc.want)
			}
		})
	}
}

func written(places []scan.Place) string {
	var out []string
	for _, p := range places {
		doubt := ""
		if p.Doubtful {
			doubt = "?"
		}
		out = append(out, fmt.Sprintf("%d:%d %s %s%s", p.Line, p.Column, p.Key, p.Rule, doubt))
	}
	return strings.Join(out, ", ")
}

// A stream finds what the whole text has, wherever it is cut.
func TestStreamFindsTheSame(t *testing.T) {
	var text bytes.Buffer
	for i := range 4000 {
		fmt.Fprintf(&text, "line %d of a log that says nothing of what may be a token_%d\n", i, i)
		if i%500 == 0 {
			fmt.Fprintf(&text, "%s and %s", slack, strings.Repeat("z ", i))
			fmt.Fprintf(&text, "%s\n", pat)
		}
	}
	for text.Len() < piece { // a token over the end of the first piece
		text.WriteString("0123456 ")
	}
	whole, err := Locate("x.log", text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) != 16 {
		t.Errorf("%d places in the whole, wanted 16", len(whole))
	}
	for _, size := range []int{1, 7, 4096, 1 << 20} {
		if size == 1 && testing.Short() {
			continue
		}
		s := NewStream("x.log")
		for part := range slices.Chunk(text.Bytes(), size) {
			if n, err := s.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		got, err := s.Places()
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			whole[i].Key = bare
		}
		if !slices.Equal(got, whole) {
			t.Errorf("in pieces of %d bytes:\n%s\nwanted\n%s", size, written(got), written(whole))
		}
	}
}

// A token that lies over the border of two pieces is found once, at its place.
func TestTokenOverABorder(t *testing.T) {
	for shift := -50; shift <= 50; shift += 5 {
		text := strings.Repeat("-", piece+shift-1) + " " + pat + "\n" + strings.Repeat("=\n", after)
		s := NewStream("x")
		if _, err := io.Copy(s, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		got, err := s.Places()
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("1:%d line vendor: github-pat", piece+shift+1); written(got) != want {
			t.Errorf("shift %d: %s, wanted %s", shift, written(got), want)
		}
	}
}

// What is read of the embedded configuration by hand is what gitleaks reads.
func TestKeywordsAreThoseOfGitleaks(t *testing.T) {
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for id, r := range d.Config.Rules {
		if !unused[id] {
			for _, k := range r.Keywords {
				want[k] = true
			}
		}
	}
	got := map[string]bool{}
	for _, k := range keywords() {
		got[k.word] = true
		if len(k.word) < 2 {
			t.Errorf("%q is too short to be looked up", k.word)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwanted %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for id := range unused {
		if _, known := d.Config.Rules[id]; !known {
			t.Errorf("%s is left out, and gitleaks does not have it", id)
		}
	}
	for id := range certain {
		if _, known := d.Config.Rules[id]; !known {
			t.Errorf("%s is certain, and gitleaks does not have it", id)
		}
	}
}

// gitleaks writes a log to standard error, of some findings with their values.
func TestSilent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stderr
	os.Stderr = w
	places, err := Locate("a.env", []byte("T="+pat+"\nE="+aws+"\n"))
	os.Stderr = was
	w.Close()
	if err != nil || len(places) != 2 {
		t.Fatal(places, err)
	}
	said, err := io.ReadAll(r)
	if err != nil || len(said) > 0 {
		t.Errorf("it said %d bytes, %v", len(said), err)
	}
	for _, p := range places {
		if text := fmt.Sprintf("%+v", p); strings.Contains(text, pat) || strings.Contains(text, aws) {
			t.Error("a place holds a value")
		}
	}
}

// Lines that hold no keyword never reach gitleaks.
func TestPrefilter(t *testing.T) {
	for text, want := range map[string]int{
		"the files.of text_ and task.sk, pat.h, sat.x, api-v1\n":           0,
		"listen = 127.0.0.1:8080\nworkers = 4\nkey = value\n":              0,
		"ghp_" + strings.Repeat("a", 9) + "1\n":                            1,
		"GHP_0123456789ABC\n":                                              1,
		"adafruit\n":                                                       1,
		"s." + strings.Repeat("b", 23) + "4 abc7Q~" + "12345678901234":     2,
		"this." + strings.Repeat("b", 23) + "4 abcdQ~" + "12345678901234":  0,
		"SK" + strings.Repeat("0a", 16) + " sk" + strings.Repeat("0a", 16): 1,
		"see https://files.example.org/what.is.skipped?tasks=9":            0,
	} {
		n := 0
		lookup().each([]byte(text), 0, len(text), func(int) { n++ })
		if n != want {
			t.Errorf("%q has %d places to look at, wanted %d", text, n, want)
		}
	}
}

// Lists of checksums are full of what looks like a token.
func TestLockFilesArePassedOver(t *testing.T) {
	for path, want := range map[string]int{"go.sum": 0, "web/package-lock.json": 0, "conf/app.json": 1} {
		places, err := Locate(path, []byte(pat+"\n"))
		if err != nil || len(places) != want {
			t.Errorf("%s: %d places, %v", path, len(places), err)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("x "+pat+"\n"), 3)
	f.Add([]byte("datadog = 0123456789abcdef0123456789abcdef01234567"), 11)
	f.Add([]byte("sk\nq~\ns."), 1)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		whole, err := Locate("x", text)
		if err != nil {
			t.Fatal(err)
		}
		s := NewStream("x")
		for part := range slices.Chunk(text, max(1, size)) {
			if _, err := s.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		parts, err := s.Places()
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		if len(whole) != len(parts) {
			t.Fatalf("%d places in the whole, %d in parts", len(whole), len(parts))
		}
		for i, p := range whole {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Line != parts[i].Line || p.Column != parts[i].Column || p.Rule != parts[i].Rule {
				t.Fatalf("%+v in the whole, %+v in parts", p, parts[i])
			}
		}
	})
}

func BenchmarkKeywords(b *testing.B) {
	text := bytes.Repeat([]byte("  server_name: files.example.org # text_api-key of tasks\n"), 2000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Locate("x.conf", text); err != nil {
			b.Fatal(err)
		}
	}
}
