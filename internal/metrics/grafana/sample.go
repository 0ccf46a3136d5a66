package grafana

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// Sample reads the counters behind the panels of both sides. A selector is
//
//	panel:[DASHBOARD/]PANEL[?ref=B][&var-NAME=VALUE]
//
// with a dashboard's uid, a panel's id or title, the letter of its query where it has
// several, and values of the dashboard's variables; or a selector of series, which is
// read from the data source of the connection.
//
// What a panel leads to is looked up once and kept as long as the source: a dashboard
// that somebody edits in the watch must not change what is judged.
//
// Beyond what makes a Prometheus's sample missing, a side is missing where a panel
// cannot be found, may not be seen, or is not taken back to counters.
func (s *Source) Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r, err := s.resolve(ctx, m)
	if err != nil {
		return analysis.Sample{At: at, Missing: err.Error()}
	}
	out := r.reader.Sample(ctx, r.metrics, at)
	if out.Missing != "" {
		out.Missing += r.called
	}
	return out
}

// Baseline sums what the old side counted, as the Prometheus behind it does.
func (s *Source) Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error) {
	r, err := s.resolveIn(ctx, m)
	if err != nil {
		return analysis.Baseline{}, fmt.Errorf("baseline: %w", err)
	}
	b, err := r.reader.Baseline(ctx, r.metrics, at, over)
	if err != nil {
		return analysis.Baseline{}, fmt.Errorf("%w%s", err, r.called)
	}
	b.Source += r.called
	return b, nil
}

// Past gives what the old side did over a time of the past.
func (s *Source) Past(ctx context.Context, m migration.Metrics, span metrics.Span) (*metrics.Past, error) {
	r, err := s.resolveIn(ctx, m)
	if err != nil {
		return nil, err
	}
	return r.reader.Past(ctx, r.metrics, span)
}

func (s *Source) resolveIn(ctx context.Context, m migration.Metrics) (resolved, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.resolve(ctx, m)
}

// resolved is what a migration's selectors lead to.
type resolved struct {
	reader  Reader
	metrics migration.Metrics
	called  string // which selector stands for which panel
}

// look is one looking up: each dashboard is fetched once.
type look struct {
	*Source
	dashboards map[string]dashboard
	uid        string // of the data source
	called     []string
}

func (s *Source) resolve(ctx context.Context, m migration.Metrics) (resolved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, found := s.pinned[m]; found {
		return r, nil
	}
	l := &look{Source: s, dashboards: map[string]dashboard{}}
	out := m
	var faults []error
	for _, side := range []struct {
		name migration.Side
		to   *migration.SideMetrics
	}{{migration.OldSide, &out.Old}, {migration.NewSide, &out.New}} {
		if err := l.side(ctx, side.name, side.to); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return resolved{}, oneLine(faults)
	}
	reader, err := s.reader(l.uid)
	if err != nil {
		return resolved{}, err
	}
	r := resolved{reader: reader, metrics: out}
	if len(l.called) > 0 {
		r.called = " (" + strings.Join(l.called, ", ") + ")"
	}
	s.pinned[m] = r
	return r, nil
}

// oneLine puts the reasons of both sides into one.
func oneLine(faults []error) error {
	var parts []string
	for _, err := range faults {
		parts = append(parts, err.Error())
	}
	return errors.New(strings.Join(parts, "; "))
}

func (l *look) side(ctx context.Context, side migration.Side, m *migration.SideMetrics) error {
	for _, f := range []struct {
		want part
		to   *string
	}{{requests, &m.Requests}, {errors5, &m.Errors}, {latency, &m.Latency}} {
		text := strings.TrimSpace(*f.to)
		if text == "" && f.want == latency {
			continue
		}
		selector, uid, err := l.selector(ctx, text, f.want)
		if err == nil {
			err = l.same(uid)
		}
		if err != nil {
			return fmt.Errorf("%s side: %s %s: %w", side, f.want, *f.to, err)
		}
		if selector != text {
			l.called = append(l.called, text+" is "+selector)
		}
		*f.to = selector
	}
	if strings.HasPrefix(m.Errors, "panel:") || m.Errors != "" && m.Errors == m.Requests {
		return fmt.Errorf("%s side: errors %s: it selects the same series as the requests do", side, m.Errors)
	}
	return nil
}

// same demands one data source for all: both sides are read at one moment.
func (l *look) same(uid string) error {
	if l.uid != "" && uid != "" && l.uid != uid {
		return fmt.Errorf("it is of the data source %s, and another selector is of %s: want all of one", uid, l.uid)
	}
	if uid != "" {
		l.uid = uid
	}
	return nil
}

// selector gives the series that a text of a migration leads to, and the data source
// that has them.
func (l *look) selector(ctx context.Context, text string, want part) (selector, uid string, err error) {
	rest, isPanel := strings.CutPrefix(text, panelPrefix)
	if !isPanel {
		if l.datasource == "" && text != "" {
			return "", "", fmt.Errorf("a selector of series needs the data source: name its uid in %s, or a panel", settingDatasource)
		}
		return text, l.datasource, nil
	}
	r, err := l.referenceOf(rest)
	if err != nil {
		return "", "", err
	}
	d, found := l.dashboards[r.dashboard]
	if !found {
		if d, err = l.dashboardOf(ctx, r.dashboard); err != nil {
			return "", "", err
		}
		l.dashboards[r.dashboard] = d
	}
	return l.ofPanel(ctx, d, r, want)
}

func (l *look) ofPanel(ctx context.Context, d dashboard, r panelReference, want part) (selector, uid string, err error) {
	p, err := d.find(r.panel)
	if err != nil {
		return "", "", err
	}
	if p, err = l.whole(ctx, p); err != nil {
		return "", "", err
	}
	t, err := p.query(r.ref)
	if err != nil {
		return "", "", err
	}
	vars := values{d.Templating.List, r.vars}
	for _, v := range vars.of {
		if v.Type == "adhoc" && len(v.Filters) > 0 {
			return "", "", fmt.Errorf("the dashboard filters everything by $%s (ad hoc): name the series instead of panels", v.Name)
		}
	}
	if _, said := r.vars[p.Repeat]; p.Repeat != "" && !said {
		return "", "", fmt.Errorf("the panel is repeated for each value of $%s: name one with ?var-%s=", p.Repeat, p.Repeat)
	}
	if uid, err = l.behind(ctx, p, t, vars); err != nil {
		return "", "", err
	}
	if strings.TrimSpace(t.Expr) == "" {
		return "", "", fmt.Errorf("query %s has no expression", t.Ref)
	}
	expression, err := vars.in(t.Expr)
	if err != nil {
		return "", "", err
	}
	if selector, err = counterIn(expression, want); err != nil {
		return "", "", fmt.Errorf("%s: %w (name the series themselves, read through the same data source)", expression, err)
	}
	return selector, uid, nil
}

const panelPrefix = "panel:"

// panelReference is a panel as a migration names it.
type panelReference struct {
	dashboard, panel, ref string
	vars                  map[string][]string
}

func (s *Source) referenceOf(text string) (panelReference, error) {
	r := panelReference{dashboard: s.dashboard, vars: map[string][]string{}}
	path, query, _ := strings.Cut(text, "?")
	words := strings.Split(path, "/")
	for i, w := range words {
		plain, err := url.PathUnescape(w)
		if err != nil {
			return r, fmt.Errorf("%s cannot be read: write a percent sign as %%25", w)
		}
		words[i] = plain
	}
	switch len(words) {
	case 1:
		r.panel = words[0]
	case 2:
		r.dashboard, r.panel = words[0], words[1]
	default:
		return r, errors.New("want panel:DASHBOARD/PANEL: write a slash in a title as %2F")
	}
	if r.dashboard == "" || r.panel == "" {
		return r, fmt.Errorf("want panel:DASHBOARD/PANEL, with the dashboard's uid here or in %s", settingDashboard)
	}
	given, err := url.ParseQuery(query)
	if err != nil {
		return r, errors.New("what stands behind the question mark cannot be read")
	}
	for key, all := range given {
		name, isVar := strings.CutPrefix(key, "var-")
		switch {
		case isVar:
			r.vars[name] = all
		case key == "ref" && len(all) == 1:
			r.ref = all[0]
		default:
			return r, fmt.Errorf("%q is not known behind the question mark: ref and var-NAME are", key)
		}
	}
	return r, nil
}
