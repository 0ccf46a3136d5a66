package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// dashboard is what Grafana's API gives of one, as far as queries need it (schema
// versions 36 to 41, Grafana 9 to 12).
type dashboard struct {
	Title      string          `json:"title"`
	Panels     []panel         `json:"panels"`
	Rows       []panel         `json:"rows"`     // before Grafana 5
	Elements   json.RawMessage `json:"elements"` // schema 2
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int        `json:"id"`
	Title      string     `json:"title"`
	Type       string     `json:"type"`
	Panels     []panel    `json:"panels"` // of a row that is folded
	Datasource datasource `json:"datasource"`
	Targets    []target   `json:"targets"`
	Repeat     string     `json:"repeat"`
	Library    *struct {
		UID  string `json:"uid"`
		Name string `json:"name"`
	} `json:"libraryPanel"`
}

type target struct {
	Ref        string     `json:"refId"`
	Expr       string     `json:"expr"`
	Hide       bool       `json:"hide"`
	Datasource datasource `json:"datasource"`
}

// datasource is a reference: nothing, a name, or a type with a uid.
type datasource struct{ Type, UID, Name string }

func (d *datasource) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &d.Name)
	}
	var whole *struct{ Type, UID string }
	if err := json.Unmarshal(data, &whole); err != nil {
		return fmt.Errorf("data source: %w", err)
	}
	if whole != nil {
		d.Type, d.UID = whole.Type, whole.UID
	}
	return nil
}

// dashboardOf fetches a dashboard by its uid.
func (s *Source) dashboardOf(ctx context.Context, uid string) (dashboard, error) {
	var body struct {
		Dashboard *dashboard `json:"dashboard"`
	}
	if err := s.get(ctx, "dashboard "+uid, "/api/dashboards/uid/"+url.PathEscape(uid), &body); err != nil {
		return dashboard{}, err
	}
	switch d := body.Dashboard; {
	case d == nil:
		return dashboard{}, fmt.Errorf("dashboard %s: the answer is not of Grafana's API (is %s its base address?)", uid, s.address)
	case len(d.Elements) > 0:
		return dashboard{}, fmt.Errorf("dashboard %s is kept in schema 2, whose panels are not read: name the series instead of panels", uid)
	case len(d.Rows) > 0 && len(d.Panels) == 0:
		return dashboard{}, fmt.Errorf("dashboard %s is older than Grafana 5: save it once, so that Grafana brings it up to date", uid)
	}
	return *body.Dashboard, nil
}

// all are the panels of a dashboard, those in folded rows too.
func all(panels []panel) []panel {
	var out []panel
	for _, p := range panels {
		if p.Type == "row" {
			out = append(out, all(p.Panels)...)
		} else {
			out = append(out, p)
		}
	}
	return out
}

// find gives the panel of that id, or the only one of that title.
func (d dashboard) find(name string) (panel, error) {
	panels := all(d.Panels)
	id, err := strconv.Atoi(name)
	var found []panel
	for _, p := range panels {
		if err == nil && p.ID == id || err != nil && p.Title == name {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return panel{}, fmt.Errorf("dashboard %q has %d panels %q: name one by its id", d.Title, len(found), name)
	}
	return panel{}, fmt.Errorf("dashboard %q has no panel %s; it has %s", d.Title, name, listed(panels))
}

// listed names a few panels.
func listed(panels []panel) string {
	if len(panels) == 0 {
		return "none"
	}
	var out []string
	for i, p := range panels {
		if i == 12 {
			out = append(out, "…")
			break
		}
		out = append(out, fmt.Sprintf("%d %q", p.ID, p.Title))
	}
	return strings.Join(out, ", ")
}

// whole gives a library panel what the dashboard does not hold of it.
func (s *Source) whole(ctx context.Context, p panel) (panel, error) {
	if p.Library == nil || len(p.Targets) > 0 {
		return p, nil
	}
	var body struct {
		Result struct {
			Model panel `json:"model"`
		} `json:"result"`
	}
	if err := s.get(ctx, "library panel "+p.Library.Name, "/api/library-elements/"+url.PathEscape(p.Library.UID), &body); err != nil {
		return p, err
	}
	p.Targets, p.Datasource = body.Result.Model.Targets, body.Result.Model.Datasource
	return p, nil
}

// query picks the query of a panel: that of the letter, or the only one that is shown.
func (p panel) query(ref string) (target, error) {
	var shown []target
	var refs []string
	for _, t := range p.Targets {
		if ref != "" && t.Ref == ref {
			return t, nil
		}
		if !t.Hide {
			shown = append(shown, t)
		}
		refs = append(refs, t.Ref)
	}
	switch {
	case len(p.Targets) == 0:
		return target{}, errors.New("the panel has no query")
	case ref != "":
		return target{}, fmt.Errorf("the panel has no query %s; it has %s", ref, strings.Join(refs, ", "))
	case len(shown) == 1:
		return shown[0], nil
	}
	return target{}, fmt.Errorf("the panel has the queries %s: say which with ?ref=", strings.Join(refs, ", "))
}

// What Grafana calls data sources that are none.
const (
	mixed         = "-- Mixed --"
	ofDashboard   = "-- Dashboard --"
	ofGrafana     = "-- Grafana --"
	ofExpressions = "__expr__"
)

// promTypes are the data sources that answer as Prometheus does.
var promTypes = []string{"", "prometheus", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource"}

// behind says which data source a query asks, by its uid.
func (s *Source) behind(ctx context.Context, p panel, t target, vars values) (string, error) {
	d := t.Datasource
	if d == (datasource{}) {
		d = p.Datasource
	}
	var err error
	for _, text := range []*string{&d.UID, &d.Name} {
		if *text, err = vars.plain(*text); err != nil {
			return "", err
		}
	}
	if d.UID == "default" {
		d = datasource{}
	}
	switch name := d.UID + d.Name; {
	case name == mixed:
		return "", fmt.Errorf("query %s of a panel of mixed data sources names none", t.Ref)
	case name == ofDashboard:
		return "", errors.New("the panel shows what another panel asks: name that one")
	case name == ofGrafana, name == "grafana", name == ofExpressions, d.Type == ofExpressions:
		return "", fmt.Errorf("query %s computes in Grafana and asks no Prometheus: name the query that it computes from", t.Ref)
	case !slices.Contains(promTypes, d.Type):
		return "", fmt.Errorf("query %s asks a data source of the type %s: want Prometheus", t.Ref, d.Type)
	case d.UID != "":
		return d.UID, nil
	case d.Name != "":
		return s.named(ctx, d.Name)
	case s.datasource != "":
		return s.datasource, nil
	}
	return s.byDefault(ctx)
}

// source is a data source as Grafana's API lists it.
type source struct {
	UID       string `json:"uid"`
	Type      string `json:"type"`
	IsDefault bool   `json:"isDefault"`
}

// named finds the uid of what an older dashboard calls by its name, or by its uid.
func (s *Source) named(ctx context.Context, name string) (string, error) {
	var found source
	err := s.get(ctx, "data source "+name, "/api/datasources/name/"+url.PathEscape(name), &found)
	if err == nil && !slices.Contains(promTypes, found.Type) {
		err = fmt.Errorf("data source %s is of the type %s: want Prometheus", name, found.Type)
	}
	if err != nil && s.datasource != "" {
		return s.datasource, nil
	}
	if err != nil {
		return "", fmt.Errorf("%w (or name its uid in %s)", err, settingDatasource)
	}
	return found.UID, nil
}

func (s *Source) byDefault(ctx context.Context) (string, error) {
	var listed []source
	if err := s.get(ctx, "the default data source", "/api/datasources", &listed); err != nil {
		return "", fmt.Errorf("%w (or name its uid in %s)", err, settingDatasource)
	}
	for _, d := range listed {
		if d.IsDefault && slices.Contains(promTypes, d.Type) {
			return d.UID, nil
		}
	}
	return "", fmt.Errorf("the panel asks the default data source, and that is no Prometheus: name one in %s", settingDatasource)
}
