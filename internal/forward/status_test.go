package forward

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// What stands at /metrics can be read by Prometheus, and holds every name that is
// promised.
func TestMetrics(t *testing.T) {
	z := &zone{names: map[string][]string{"old.example": {"127.0.0.1"}}}
	address := serveTCP(t, named("a"))
	r := start(t, func(s *Settings) { s.Resolver, s.Name, s.LeadsTo, s.Version = z, "bank", LeadsToOld, "v1" },
		"tcp://old.example:"+portOf(t, address), "http://"+address).ready(t)
	if _, err := say(t, r.ports[0].address, "hello"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is counted", func() bool { return r.Report().Routes[0].Open == 0 })
	_, text := r.look(t, "/metrics")
	line := regexp.MustCompile(`^[a-z_]+\{([a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*)?\} [0-9.]+$`)
	families := map[string]bool{}
	for one := range strings.Lines(text) {
		one = strings.TrimSuffix(one, "\n")
		if name, ok := strings.CutPrefix(one, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			if families[name] {
				t.Errorf("%s is there twice", name)
			}
			families[name] = true
		}
		if !strings.HasPrefix(one, "#") && !line.MatchString(one) {
			t.Errorf("not of the format: %s", one)
		}
	}
	listen, target := r.ports[0].address, "127.0.0.1:"+portOf(t, address)
	for _, want := range []string{
		`rehome_forward_info{name="bank",leads_to="old",id="` + r.id + `",version="v1"} 1`,
		`rehome_forward_draining{} 0`,
		`rehome_forward_connections_open{listen="` + listen + `",target="` + target + `"} 0`,
		`rehome_forward_connections_total{listen="` + listen + `",target="` + target + `"} 1`,
		`rehome_forward_connections_failed_total{listen="` + listen + `",target="` + target + `"} 0`,
		`rehome_forward_bytes_total{listen="` + listen + `",target="` + target + `",direction="to_target"} 5`,
		`rehome_forward_bytes_total{listen="` + listen + `",target="` + target + `",direction="to_client"} 7`,
		`rehome_forward_target_up{listen="` + listen + `",target="` + target + `"} 1`,
		`rehome_forward_accepted_total{listen="` + listen + `"} 1`,
		`rehome_forward_accepted_open{listen="` + listen + `"} 0`,
		`rehome_forward_from_target_total{listen="` + listen + `"} 1`,
		`rehome_forward_refused_total{listen="` + listen + `",reason="no_target"} 0`,
		`rehome_forward_refused_total{listen="` + listen + `",reason="loop"} 0`,
		`rehome_forward_refused_total{listen="` + listen + `",reason="proxy_header"} 0`,
		`rehome_forward_refused_total{listen="` + listen + `",reason="limit"} 0`,
		`rehome_forward_requests_total{listen="` + r.ports[1].address + `",code="5xx"} 0`,
		`rehome_forward_resolve_age_seconds{listen="` + listen + `",name="old.example"} `,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("not there: %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestStatus(t *testing.T) {
	r := start(t, func(s *Settings) { s.Name, s.LeadsTo = "bank", LeadsToNew }, "tcp://"+serveTCP(t, named("a"))).ready(t)
	_, text := r.look(t, "/status")
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got["name"] != "bank" || got["leadsTo"] != "new" || got["ready"] != true || got["draining"] != false || len(got["routes"].([]any)) != 1 {
		t.Error(text)
	}
	if code, text := r.look(t, "/readyz"); code != 200 || text != "ok\n" {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := r.look(t, "/"); code != 404 {
		t.Errorf("elsewhere: %d", code)
	}
}
