package report_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/report"
)

var (
	element = regexp.MustCompile(`<\s*(script|link|img|iframe|object|embed|base|form|meta[^>]*http-equiv)\b`)
	loads   = regexp.MustCompile(`(?i)(url\(|@import|\bsrc\s*=|\bsrcset\s*=|\bon[a-z]+\s*=\s*["'])`)
	link    = regexp.MustCompile(`(?:href|xlink:href|action)\s*=\s*"([^"]*)"`)
)

// TestSelfContained: the page loads nothing and runs nothing, and its links lead
// to places in itself that exist.
func TestSelfContained(t *testing.T) {
	r := whole(t)
	page := written(t, report.HTML, report.WithLoad(r, counted(r)))
	for _, bad := range []*regexp.Regexp{element, loads} {
		if found := bad.FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	links := link.FindAllStringSubmatch(page, -1)
	for _, l := range links {
		if !strings.HasPrefix(l[1], "#") || !strings.Contains(page, `id="`+l[1][1:]+`"`) {
			t.Errorf("link to %q", l[1])
		}
	}
	if len(links) < 20 {
		t.Errorf("%d links", len(links))
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("id %q twice", id[1])
		}
		ids[id[1]] = true
	}
	for _, must := range []string{`<html lang="en">`, `name="viewport"`, `<th scope="col"`, `<title>royal-bank-api: retired</title>`, `<svg viewBox`, `<desc`} {
		if !strings.Contains(page, must) {
			t.Errorf("the page lacks %s", must)
		}
	}
}

const canary = "<script>alert('x')</script> | [a](javascript:b) \x1b[31m\n# no `code` \"q\""

// hostile is the story up to the rollback, in which every text that came from outside is the canary.
func hostile(t *testing.T) []migration.Record {
	var out []migration.Record
	for _, r := range rolledBack(t, story(t)) {
		if r.Kind != migration.KindMoved && r.Kind != migration.KindIntent && r.Kind != migration.KindOutcome && r.Kind != migration.KindEvidence {
			r.Actor = canary
		}
		for i := range r.Reasons {
			r.Reasons = slices.Clone(r.Reasons)
			r.Reasons[i].Text, r.Reasons[i].Source, r.Reasons[i].Observed, r.Reasons[i].Code = canary, canary, canary, canary
		}
		var body any
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(poisoned(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body = b
		out = append(out, r)
	}
	return journal.SealAll(migration.Head{}, out)
}

func poisoned(v any) any {
	free := []string{"by", "reason", "summary", "text", "why", "what", "detail", "file", "image", "source", "files", "name", "zone", "provider", "view", "code", "data", "names"}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if s, ok := x.(string); ok && s != "" && slices.Contains(free, k) {
				v[k] = canary
			} else if list, ok := x.([]any); ok && slices.Contains(free, k) && len(list) > 0 {
				if _, ok := list[0].(string); ok {
					v[k] = []any{canary}
				} else {
					v[k] = poisoned(x)
				}
			} else {
				v[k] = poisoned(x)
			}
		}
	case []any:
		for i := range v {
			v[i] = poisoned(v[i])
		}
	}
	return v
}

// TestEscaping: nothing that anybody wrote becomes markup, and no text reaches a
// terminal with its control characters.
func TestEscaping(t *testing.T) {
	recs := hostile(t)
	r := build(t, recs)
	load := counted(whole(t))
	for i := range load {
		load[i].FailedBy, load[i].Errors = map[string]int{canary: 1}, map[string]int{canary: 1}
	}
	r = report.WithLoad(r, load)
	page := written(t, report.HTML, r)
	if n := strings.Count(page, "&lt;script&gt;"); n < 100 {
		t.Errorf("the canary is in the page %d times", n)
	}
	if element.MatchString(page) {
		t.Error("the page has an element that somebody wrote")
	}
	text := written(t, report.Markdown, r)
	if n := strings.Count(text, "&lt;script&gt;"); n < 100 {
		t.Errorf("the canary is in the text %d times", n)
	}
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if fenced && !strings.HasPrefix(line, "+ ") && !strings.HasPrefix(line, "- ") {
			t.Errorf("line %d of a diff: %q", i+1, line)
		}
		if !fenced && (strings.Contains(line, "<script") || strings.Contains(line, "[a](") || strings.HasPrefix(line, "# no")) {
			t.Errorf("line %d: %q", i+1, line)
		}
		if strings.ContainsRune(line, '\x1b') {
			t.Errorf("line %d has a control character", i+1)
		}
	}
}

// TestJSONForm: the fields that programs read. A change here is a change of the
// form: fields may be added; what else changes needs a new report.Schema.
func TestJSONForm(t *testing.T) {
	r := whole(t)
	text := written(t, report.JSON, report.WithLoad(r, counted(r)))
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v.(map[string]any)["schema"] != "rehome.dev/report/v1" {
		t.Error("the form has another name")
	}
	fields := map[string]string{}
	collect(fields, "", v)
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		lines = append(lines, fmt.Sprintf("%s %s", path, fields[path]))
	}
	golden(t, "form.txt", strings.Join(lines, "\n")+"\n")
	var back report.Report
	if err := json.Unmarshal([]byte(text), &back); err != nil {
		t.Fatal(err)
	}
	if written(t, report.JSON, back) != text {
		t.Error("the JSON does not survive being read and written")
	}
}

func collect(fields map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if strings.HasSuffix(path, "failedBy") || strings.HasSuffix(path, "causes") {
				k = "*"
			}
			collect(fields, strings.TrimPrefix(path+"."+k, "."), x)
		}
	case []any:
		for _, x := range v {
			collect(fields, path+"[]", x)
		}
	case nil:
		fields[path] = "null"
	default:
		fields[path] = fmt.Sprintf("%T", v)
	}
}

// TestEmptyLists: a program finds a list where there is nothing to list.
func TestEmptyLists(t *testing.T) {
	text := written(t, report.JSON, build(t, story(t)[:1]))
	if strings.Contains(text, "null") {
		t.Errorf("%s", text)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 400 * time.Millisecond: "0.4 s", 42 * time.Second: "42 s", 75 * time.Second: "1 min 15 s",
		24 * time.Hour: "24 h 00 min", 72*time.Hour + 61*time.Minute: "73 h 01 min", -time.Second: "–",
	} {
		if have := report.Span(d).String(); have != want {
			t.Errorf("%s is %q, want %q", d, have, want)
		}
	}
}
