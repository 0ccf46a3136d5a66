package convert

import (
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/scan"
)

// A person can say that what the rules take for a secret is none, and the other way
// round; what was decided for one place is asked again for two.
func TestDecisions(t *testing.T) {
	files := map[string]string{"bank.ini": "[demo]\npassword = tutorial\n", "notes.conf": "a = 1\n", "only-me.conf\t600": "b = 1\n"}
	place := func(at string, ds ...Decision) (Placement, []string) {
		t.Helper()
		o := options()
		o.Decisions = ds
		p := Make(grow(files), o)
		f := file(t, p, at)
		return f.Placement, codes(f)
	}
	if got, why := place("bank.ini"); got != InSecret || why[0] != CodeSecret {
		t.Errorf("%s %v", got, why)
	}
	if got, why := place("bank.ini", Decision{File: "bank.ini", Key: "demo.password", Is: DecidePublic}); got != InConfigMap || why[0] != CodeDecided {
		t.Errorf("%s %v", got, why)
	}
	if got, _ := place("bank.ini", Decision{File: "bank.ini", Is: DecidePublic, Places: 9}); got != InSecret {
		t.Error("a decision for the whole file makes what is certainly a secret public")
	}
	if got, why := place("notes.conf", Decision{File: "notes.conf", Is: DecideSecret}); got != InSecret || why[0] != CodeDecided {
		t.Errorf("%s %v", got, why)
	}
	if got, why := place("only-me.conf"); got != InSecret || why[0] != CodeModePrivate {
		t.Errorf("%s %v", got, why)
	}
	if got, _ := place("only-me.conf", Decision{File: "only-me.conf", Is: DecidePublic}); got != InConfigMap {
		t.Error("what a person calls public stays a Secret for its mode")
	}
	files["bank.ini"] += "password = canary\n"
	if got, _ := place("bank.ini", Decision{File: "bank.ini", Key: "demo.password", Is: DecidePublic}); got != InSecret {
		t.Error("a decision for one place covers two")
	}
	o := options()
	o.Decisions = []Decision{{File: "gone.conf", Is: DecideSecret}, {File: "bank.ini", Key: "other", Is: DecidePublic}}
	if w, ok := warned(Make(grow(files), o), CodeUnused); !ok || !slices.Equal(w.Paths, []string{"gone.conf", "bank.ini: other"}) {
		t.Errorf("%+v", w)
	}
}

// What may be a secret is asked about; until somebody answers nothing is made.
func TestDoubt(t *testing.T) {
	judge := func(o Options) ([]Reason, []Reason, []Question) {
		p := &placer{o: o, decided: decisions(o.Decisions)}
		s := &source{paths: []string{"a.conf"}}
		s.entry.Path = "a.conf"
		d, whole := p.decided.find("a.conf", "")
		secret, public := p.judge(&unit{source: s}, "a.conf", []scan.Place{{Line: 3, Key: "salt", Rule: "entropy", Doubtful: true}, {Line: 9, Key: "salt", Rule: "entropy", Doubtful: true}}, d, whole)
		return secret, public, p.questions
	}
	secret, _, questions := judge(options())
	if len(questions) != 1 || questions[0] != (Question{"a.conf", 3, "salt", "entropy", 2}) || len(secret) != 1 {
		t.Errorf("%+v %+v", secret, questions)
	}
	o := options()
	o.DoubtfulSecret = true
	if secret, _, questions := judge(o); len(questions) > 0 || secret[0].Code != CodeDoubtful {
		t.Errorf("%+v %+v", secret, questions)
	}
	for _, d := range []Decision{{File: "a.conf", Key: "salt", Is: DecidePublic, Places: 2}, {File: "a.conf", Is: DecidePublic, Places: 2}} {
		o := options()
		o.Decisions = []Decision{d}
		if secret, public, questions := judge(o); len(questions)+len(secret) > 0 || len(public) != 1 {
			t.Errorf("%+v: %+v %+v", d, secret, questions)
		}
		o.Decisions[0].Places = 1
		if _, _, questions := judge(o); len(questions) != 1 {
			t.Errorf("%+v answers for a place that nobody had seen", d)
		}
	}
}

// What cannot be meant is said, by its place in the list.
func TestCheckDecisions(t *testing.T) {
	for want, ds := range map[string][]Decision{
		"decisions[0]: file is missing":                 {{Is: DecidePublic}},
		`decisions[0]: is: "maybe" is none of`:          {{File: "a", Is: "maybe"}},
		"a key of it cannot":                            {{File: "a", Key: "b", Is: DecideSkip}},
		"a directory as a whole can only be skipped":    {{File: "a/", Is: DecidePublic}},
		"decisions[1]: decisions[0] decides it already": {{File: "a", Is: DecidePublic}, {File: "a", Is: DecideSecret}},
		"decisions[0]: places: less than none":          {{File: "a", Is: DecidePublic, Places: -1}},
	} {
		if err := CheckDecisions(ds); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", ds, err)
		}
	}
}
