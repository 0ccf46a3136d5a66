package accesslog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/accesslog"
	"rehome.dev/rehome/internal/migration"
)

// place is one log.
type place struct{ host, file string }

func (p place) String() string {
	if p.host == "" {
		return p.file
	}
	return p.host + p.file
}

// placeOf reads /path or ssh://user@machine/path.
func placeOf(text, host string) (place, error) {
	file := text
	if rest, found := strings.CutPrefix(text, "ssh://"); found {
		machine, path, _ := strings.Cut(rest, "/")
		host, file = "ssh://"+machine, "/"+path
		if machine == "" {
			return place{}, errors.New("want ssh://user@machine/path")
		}
	}
	if !strings.HasPrefix(file, "/") || strings.HasSuffix(file, "/") {
		return place{}, errors.New("want the whole path of a log, or a filter such as {status=\"5xx\"}")
	}
	return place{host, file}, nil
}

// selector picks lines: `[LOG …] [{status="5xx",backend!="vm/a"}]`. A status is a
// number or a class. Without logs it is a filter on those of the requests, or on
// the connection's.
type selector struct {
	places []place
	terms  []term
}

// term is one condition of a filter.
type term struct {
	name, value string
	not         bool
}

func (s *Source) parse(text string) (selector, error) {
	var out selector
	text = strings.TrimSpace(text)
	logs, filter, filtered := strings.Cut(text, "{")
	if text == "" {
		return out, errors.New("the migration names no selector")
	}
	if strings.ContainsAny(logs, "()[]}\"'") {
		return out, errors.New("want logs and a filter, and no function of them")
	}
	for _, word := range strings.Fields(logs) {
		p, err := placeOf(word, s.host)
		if err != nil {
			return out, err
		}
		out.places = append(out.places, p)
	}
	if !filtered {
		return out, nil
	}
	filter, closed := strings.CutSuffix(filter, "}")
	if !closed {
		return out, errors.New("the filter has no end")
	}
	for part := range strings.SplitSeq(filter, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		t, err := termOf(part)
		if err != nil {
			return out, err
		}
		out.terms = append(out.terms, t)
	}
	return out, nil
}

func termOf(part string) (term, error) {
	name, value, found := strings.Cut(part, "=")
	name, not := strings.CutSuffix(strings.TrimSpace(name), "!")
	value = strings.TrimSpace(value)
	t := term{name: name, not: not}
	if !found || len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' || strings.ContainsAny(value[1:len(value)-1], "\"{}()") {
		return t, fmt.Errorf("%s: want name=\"value\"", strings.TrimSpace(part))
	}
	t.value = value[1 : len(value)-1]
	switch {
	case name == "backend":
		return t, nil
	case name != "status":
		return t, fmt.Errorf("%q cannot be filtered by: status and backend can", name)
	case len(t.value) != 3 || t.value[0] < '1' || t.value[0] > '5':
		return t, fmt.Errorf("status %q: want one such as 503, or a class such as 5xx", t.value)
	}
	return t, nil
}

func (s selector) match(e accesslog.Entry) bool {
	for _, t := range s.terms {
		if t.match(e) == t.not {
			return false
		}
	}
	return true
}

func (t term) match(e accesslog.Entry) bool {
	if t.name == "backend" {
		return e.Backend == t.value
	}
	status := fmt.Sprintf("%03d", e.Status)
	return status == t.value || t.value[1:] == "xx" && status[0] == t.value[0]
}

// query is what is counted of one side.
type query struct {
	side                      migration.Side
	text                      migration.SideMetrics
	places                    []place
	requests, errors, latency selector
	timed                     bool
}

// queryOf reads the selectors of a side. Errors and latencies are counted on the
// requests' logs: theirs are filters, or name the same logs.
func (s *Source) queryOf(side migration.Side, m migration.SideMetrics) (query, error) {
	q := query{side: side, text: m, timed: strings.TrimSpace(m.Latency) != ""}
	for _, part := range []struct {
		what, text string
		to         *selector
		wanted     bool
	}{{"requests", m.Requests, &q.requests, true}, {"errors", m.Errors, &q.errors, true}, {"latency", m.Latency, &q.latency, q.timed}} {
		if !part.wanted {
			continue
		}
		sel, err := s.parse(part.text)
		if err == nil && part.what != "requests" && len(sel.places) > 0 && !slices.Equal(sel.places, q.places) {
			err = errors.New("want a filter, or the logs of the requests")
		}
		if err == nil && part.what == "requests" {
			q.places = sel.places
			if len(q.places) == 0 && s.file != "" {
				p, _ := placeOf(s.file, s.host)
				q.places = []place{p}
			}
			if len(q.places) == 0 {
				err = errors.New("no log is named, neither here nor in the connection")
			}
		}
		if err != nil {
			return query{}, fmt.Errorf("%s side: %s %s: %w", side, part.what, part.text, err)
		}
		*part.to = sel
	}
	return q, nil
}

// wrap says of which side and selector an error is.
func (q query) wrap(err error) error {
	return fmt.Errorf("%s side: requests %s: %w", q.side, q.text.Requests, err)
}
