package convert

import (
	"rehome.dev/rehome/internal/scan"
	"rehome.dev/rehome/internal/tree"
)

// placer decides where each content goes.
type placer struct {
	o         Options
	decided   *decided
	questions []Question
}

// found is what stands under one key path of a file.
type found struct {
	scan.Place
	places int
}

// unit places one source by what stands in it. A file is placed as a whole: one secret
// makes all of it one.
func (p *placer) unit(s *source) *unit {
	u := &unit{source: s, placement: InConfigMap, content: s.entry.Content}
	file := Printable(s.entry.Path)
	decision, whole := p.decided.find(file, "")
	places := scan.Locate(s.entry.Path, s.entry.Content)
	secret, public := p.judge(u, file, places, decision, whole)
	if whole && decision.Is == DecideSecret {
		secret = append(secret, Reason{Code: CodeDecided, Text: decision.Why})
	}
	if private(s.entry) && len(places) == 0 && !whole {
		secret = append(secret, Reason{Code: CodeModePrivate, Text: "on the machine only its owner may read it"})
	}
	switch {
	case len(secret) == 0 && len(public) == 0:
		u.reasons = []Reason{{Code: CodePlain}}
	case len(secret) == 0:
		u.reasons = public
	default:
		u.reasons = secret
		u.placement = p.home()
		p.extract(u, places, public)
	}
	if p.o.Together && u.placement == InConfigMap {
		u.placement, u.reasons = p.home(), append(public, Reason{Code: CodeTogether})
	}
	return u
}

func (p *placer) home() Placement {
	if p.o.Vault {
		return InVault
	}
	return InSecret
}

// private says whether the machine keeps a file for its owner alone: what nobody else
// was to read there is not put where everybody in a namespace reads.
func private(e tree.Entry) bool { return e.Mode&0o077 == 0 && len(e.Content) > 0 }

// judge takes each place for a secret or not, and asks what nobody has decided.
func (p *placer) judge(u *unit, file string, places []scan.Place, whole Decision, isWhole bool) (secret, public []Reason) {
	doubtful := 0
	for _, f := range places {
		if f.Doubtful {
			doubtful++
		}
	}
	for _, f := range byKey(places) {
		reason := Reason{Code: CodeSecret, Line: f.Line, KeyPath: f.Key, Rule: f.Rule}
		d, decided := p.decided.find(file, f.Key)
		switch {
		case f.Key != "" && decided && d.Is == DecideSecret:
			reason.Code, reason.Text = CodeDecided, d.Why
			secret = append(secret, reason)
		case f.Key != "" && decided && f.places <= max(d.Places, 1):
			reason.Code, reason.Text = CodeDecided, d.Why
			public = append(public, reason)
		case !f.Doubtful:
			secret = append(secret, reason)
		case isWhole && whole.Is == DecideSecret, p.o.DoubtfulSecret:
			reason.Code = CodeDoubtful
			secret = append(secret, reason)
		case isWhole && doubtful <= whole.Places:
			reason.Code, reason.Text = CodeDecided, whole.Why
			public = append(public, reason)
		default:
			p.questions = append(p.questions, Question{Path: file, Line: f.Line, KeyPath: f.Key, Rule: f.Rule, Places: f.places})
			reason.Code = CodeDoubtful
			secret = append(secret, reason)
		}
	}
	if isWhole && whole.Is == DecidePublic && len(public) == 0 && len(secret) == 0 {
		public = append(public, Reason{Code: CodeDecided, Text: whole.Why})
	}
	return secret, public
}

// byKey gathers the places of each key path, the first one first. What is certain and
// what is doubtful under one key are two.
func byKey(places []scan.Place) []found {
	type id struct {
		key      string
		doubtful bool
	}
	var out []found
	at := map[id]int{}
	for _, f := range places {
		k := id{f.Key, f.Doubtful}
		if i, ok := at[k]; ok {
			out[i].places++
			continue
		}
		at[k] = len(out)
		out = append(out, found{f, 1})
	}
	return out
}
