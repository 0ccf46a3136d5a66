package forward

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Report is what a forwarder says of itself at /status.
type Report struct {
	Name     string        `json:"name"`
	LeadsTo  string        `json:"leadsTo"`
	ID       string        `json:"id"` // of the process
	Version  string        `json:"version"`
	Draining bool          `json:"draining"`
	Ready    bool          `json:"ready"`
	Why      []string      `json:"why"` // not ready
	Routes   []RouteReport `json:"routes"`
}

// A RouteReport is one route's. Counts are since the start.
type RouteReport struct {
	Listen     string           `json:"listen"`
	Scheme     Scheme           `json:"scheme"`
	Open       int64            `json:"open"`
	Accepted   int64            `json:"accepted"`
	Refused    map[string]int64 `json:"refused"`    // by reason
	FromTarget int64            `json:"fromTarget"` // accepted from an address that it leads to
	Requests   map[string]int64 `json:"requests,omitempty"`
	Targets    []TargetReport   `json:"targets"`
	Names      []NameReport     `json:"names,omitempty"`
}

// A TargetReport is one target's. Bytes are those of what was led, without TLS.
type TargetReport struct {
	Address       string `json:"address"`
	Of            string `json:"of"` // as the route names it
	Up            bool   `json:"up"`
	Why           string `json:"why"`
	Open          int64  `json:"open"`
	Total         int64  `json:"total"`
	Failed        int64  `json:"failed"`
	BytesToTarget int64  `json:"bytesToTarget"`
	BytesToClient int64  `json:"bytesToClient"`
}

// A NameReport is the age of the answer that is used for a name, in seconds.
type NameReport struct {
	Name    string  `json:"name"`
	Age     float64 `json:"ageSeconds"`
	Failing bool    `json:"failing"`
}

// Report is how things are now.
func (f *Forwarder) Report() Report {
	r := Report{Name: f.settings.Name, LeadsTo: f.settings.LeadsTo, ID: f.id, Version: f.settings.Version, Draining: f.draining.Load(), Why: []string{}}
	if r.Draining {
		r.Why = append(r.Why, "it is ending")
	}
	for _, p := range f.ports {
		if why := p.pool.ready(); why != "" {
			r.Why = append(r.Why, why)
		}
		r.Routes = append(r.Routes, p.report())
	}
	r.Ready = len(r.Why) == 0
	return r
}

func (p *port) report() RouteReport {
	r := RouteReport{Listen: p.address, Scheme: p.route.Scheme, Open: p.open.Load(), Accepted: p.accepted.Load(),
		FromTarget: p.fromTarget.Load(), Refused: map[string]int64{}, Targets: []TargetReport{}, Names: p.pool.names()}
	for i := range p.refused {
		r.Refused[reasonNames[i]] = p.refused[i].Load()
	}
	if p.http != nil {
		r.Requests = map[string]int64{}
		for class := 2; class < len(p.http.codes); class++ {
			r.Requests[strconv.Itoa(class)+"xx"] = p.http.codes[class].Load()
		}
	}
	for _, t := range p.pool.all() {
		up, why := t.state()
		r.Targets = append(r.Targets, TargetReport{Address: t.address.String(), Of: t.of.String(), Up: up, Why: why,
			Open: t.open.Load(), Total: t.total.Load(), Failed: t.failed.Load(), BytesToTarget: t.toTarget.Load(), BytesToClient: t.toClient.Load()})
	}
	return r
}

func (p *pool) names() []NameReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []NameReport
	for name, a := range p.answers {
		if !a.at.IsZero() {
			out = append(out, NameReport{name, time.Since(a.at).Seconds(), a.failing})
		}
	}
	slices.SortFunc(out, func(a, b NameReport) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Status serves /healthz, /readyz, /metrics and /status.
func (f *Forwarder) Status() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if r := f.Report(); !r.Ready {
			http.Error(w, strings.Join(r.Why, "\n"), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(f.Report())
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(f.Report().metrics())
	})
	return mux
}

func ends(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// exposition is the text format of Prometheus, version 0.0.4.
type exposition struct{ bytes.Buffer }

// family begins a metric.
func (e *exposition) family(name, kind, help string) string {
	name = "rehome_forward_" + name
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	return name
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// sample writes a value with its labels, names and values in turn.
func (e *exposition) sample(name string, value float64, labels ...string) {
	var pairs []string
	for pair := range slices.Chunk(labels, 2) {
		pairs = append(pairs, pair[0]+`="`+escapeLabel.Replace(pair[1])+`"`)
	}
	fmt.Fprintf(e, "%s{%s} %s\n", name, strings.Join(pairs, ","), strconv.FormatFloat(value, 'f', -1, 64))
}
