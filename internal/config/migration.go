package config

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// spec turns a decoded Migration into the domain's Spec and reports what cannot
// be meant. Whether the move is wise is for the guards to say.
func (s *source) spec(m v1alpha1.Migration) migration.Spec {
	s.nameRule("metadata.name", m.Name, validation.IsDNS1123Label)
	w := m.Spec
	out := migration.Spec{
		Name:       m.Name,
		OldEntry:   s.oldEntry(w.OldEntry),
		ReturnPath: s.returnPath(w.ReturnPath),
		VMs:        s.vms(w.VMs),
		Workloads:  s.workloads(w.Workloads),
		Target:     s.target(w.Target),
		Cutover:    migration.Cutover(cmp.Or(w.Cutover, string(migration.CutoverDNS))),
		Delivery:   migration.Delivery(cmp.Or(w.Delivery, string(migration.DeliveryRehome))),
		Metrics:    s.metrics(w.Metrics),
		Smoke:      s.smoke(w.Smoke),
		Data:       migration.Data{Shared: or(w.Data.Shared, false), Stores: w.Data.Stores},
		Windows:    s.windows(w.Windows),
		Approvals:  s.approvals(w.Approvals),
		Fixes:      s.fixes(w.Fixes),
		Schedules:  s.schedules(w.Schedules),
	}
	out.Drills = s.drills(w.Drills, out.Fixes)
	out.Names = s.names(w.Names, out.Workloads)
	out.Rehearsal = s.rehearsal(w.Rehearsal, out.Names, out.Workloads)
	s.reachable(out)
	return out
}

// nameRule checks a name by Kubernetes' own rule, which says what it demands.
func (s *source) nameRule(field, name string, rule func(string) []string) {
	if s.said(field) && name != "" {
		if broken := rule(name); len(broken) > 0 {
			s.problem(field, "cannot be "+quoted(name), plainRule(broken[0]))
		}
	}
}

// plainRule is a Kubernetes naming rule without its regular expression.
func plainRule(rule string) string {
	rule, _, _ = strings.Cut(rule, " (e.g.")
	return rule
}

// absolutePath checks a path of a request or of a directory.
func (s *source) absolutePath(field, p string) {
	if s.said(field) && !strings.HasPrefix(p, "/") {
		s.problem(field, "is "+quoted(p)+", not an absolute path", "begin it with /")
	}
}

// requestPath checks a path that is asked for over HTTP.
func (s *source) requestPath(field, p string) {
	s.absolutePath(field, p)
	if strings.ContainsAny(p, " \t\r\n\x00") {
		s.problem(field, "is "+quoted(p)+", which has white space in it", "write it as it stands in a request: %20 for a space")
	}
}

func (s *source) oldEntry(w v1alpha1.OldEntry) migration.OldEntry {
	out := migration.OldEntry{Port: w.Port, ProbePath: w.ProbePath}
	for i, a := range w.Addresses {
		out.Addresses = append(out.Addresses, s.address(fmt.Sprintf("spec.oldEntry.addresses[%d]", i), a))
	}
	s.unique("spec.oldEntry.addresses", out.Addresses, "")
	s.requestPath("spec.oldEntry.probePath", w.ProbePath)
	return out
}

func (s *source) vms(ws []v1alpha1.VM) []migration.VM {
	out := make([]migration.VM, 0, len(ws))
	hosts := make([]string, 0, len(ws))
	for i, w := range ws {
		field := fmt.Sprintf("spec.vms[%d]", i)
		if s.said(field) && w.Unit == "" && w.Port == 0 && !s.bad[field+".unit"] && !s.bad[field+".port"] {
			s.problem(field, "has neither unit nor port", "say how the application is found on the machine: its systemd unit, or the port on which it listens")
		}
		if s.said(field+".host") && strings.ContainsAny(w.Host, " /@") {
			s.problem(field+".host", "is "+quoted(w.Host)+", not a host", "write the host name or the address alone")
		}
		for j, dir := range w.ConfigDirs {
			s.absolutePath(fmt.Sprintf("%s.configDirs[%d]", field, j), dir)
		}
		s.reach(field+".reach", w.Reach)
		hosts = append(hosts, w.Host+" "+w.Unit+fmt.Sprint(w.Port))
		out = append(out, migration.VM{Host: w.Host, Unit: w.Unit, Port: w.Port, ConfigDirs: w.ConfigDirs, Reach: w.Reach})
	}
	s.unique("spec.vms", hosts, "")
	return out
}

func (s *source) target(w v1alpha1.Target) migration.Destination {
	const field = "spec.target"
	out := migration.Destination{
		Cluster: w.Cluster, Namespace: w.Namespace,
		StagingNamespace: cmp.Or(w.StagingNamespace, w.Namespace+"-staging"),
		Exposure:         migration.Exposure(cmp.Or(w.Exposure, string(migration.ExposeLoadBalancer))),
		Ingress:          migration.Ingress{Class: w.Ingress.Class, TLSSecret: w.Ingress.TLSSecret, Issuer: w.Ingress.Issuer},
	}
	s.ways(field, w, &out)
	if w.ExternalTrafficPolicy == migration.TrafficLocal {
		out.TrafficPolicy = w.ExternalTrafficPolicy
	}
	if s.said(field+".externalTrafficPolicy") && out.TrafficPolicy != "" && out.Exposure != migration.ExposeLoadBalancer {
		s.problem(field+".externalTrafficPolicy", "has no effect with exposure "+string(out.Exposure), "leave it out: it is of the balancer's Service")
	}
	s.nameRule(field+".namespace", w.Namespace, validation.IsDNS1123Label)
	s.nameRule(field+".stagingNamespace", w.StagingNamespace, validation.IsDNS1123Label)
	if w.StagingNamespace == "" && s.said(field+".namespace") && len(out.StagingNamespace) > validation.DNS1123LabelMaxLength {
		s.problem(field+".stagingNamespace", "cannot be made from the namespace, which is too long for it", "write it")
	}
	if s.said(field+".stagingNamespace") && w.StagingNamespace == w.Namespace {
		s.problem(field+".stagingNamespace", "is the production namespace", "name another one: the drills in it kill pods and send load")
	}
	return out
}

func (s *source) metrics(w v1alpha1.Metrics) migration.Metrics {
	s.noCredentials("spec.metrics.dashboard", w.Dashboard)
	return migration.Metrics{
		Source: w.Source, Dashboard: w.Dashboard,
		Old: s.sideMetrics("spec.metrics.old", w.Old), New: s.sideMetrics("spec.metrics.new", w.New),
		Fallback: s.metricsFallback(w),
	}
}

// sideMetrics refuses expressions: what is read are raw counters, and a rate of
// a rate would be judged without anyone noticing.
func (s *source) sideMetrics(field string, w v1alpha1.SideMetrics) migration.SideMetrics {
	for _, f := range []struct{ name, selector string }{{"requests", w.Requests}, {"errors", w.Errors}, {"latency", w.Latency}} {
		at := field + "." + f.name
		head, _, _ := strings.Cut(f.selector, "{")
		if s.said(at) && strings.Contains(head, "(") && !panel(head) {
			s.problem(at, "is an expression, must be the selector of raw counters", "leave functions out: http_requests_total{job=\"vm\"}")
		}
	}
	head, _, _ := strings.Cut(w.Latency, "{")
	if at := field + ".latency"; s.said(at) && head != "" && !strings.HasSuffix(head, "_bucket") && !strings.Contains(w.Latency, "__name__") && !accessLog(head) && !panel(head) {
		s.problem(at, "is no histogram", "name its _bucket series")
	}
	return migration.SideMetrics{Requests: w.Requests, Errors: w.Errors, Latency: w.Latency, Vantage: w.Vantage}
}

// panel says whether a selector names a panel of a dashboard, whose series Grafana
// knows.
func panel(selector string) bool { return strings.HasPrefix(selector, "panel:") }

// accessLog says whether a selector names an access log, whose lines tell how
// long each answer took.
func accessLog(selector string) bool {
	return strings.HasPrefix(selector, "/") || strings.HasPrefix(selector, "ssh://")
}

func (s *source) smoke(w v1alpha1.Smoke) migration.Smoke {
	const field = "spec.smoke"
	out := migration.Smoke{Command: w.Command}
	if s.said(field) && len(w.Command) == 0 && len(w.Checks) == 0 && !s.bad[field+".command"] && !s.bad[field+".checks"] {
		s.problem(field, "has neither command nor checks", "add one: a suite without a test has failed")
	}
	if s.said(field+".command") && len(w.Command) > 0 {
		program := field + ".command[0]"
		if s.said(program) && (w.Command[0] == "" || strings.Contains(w.Command[0], " ")) && !path.IsAbs(w.Command[0]) {
			s.problem(program, "is "+quoted(w.Command[0])+", not a program", "no shell splits it: write each argument as an entry of its own")
		}
	}
	for i, c := range w.Checks {
		s.requestPath(fmt.Sprintf("%s.checks[%d].path", field, i), c.Path)
		out.Checks = append(out.Checks, migration.HTTPCheck{Name: c.Name, Path: c.Path, Status: orNumber(c.Status, 200), Contains: c.Contains})
	}
	return out
}

func (s *source) windows(ws []v1alpha1.Span) []migration.Window {
	var out []migration.Window
	for i, w := range ws {
		from, to := s.between(fmt.Sprintf("spec.windows[%d]", i), w)
		out = append(out, migration.Window{From: from, To: to})
	}
	return out
}

func (s *source) approvals(w v1alpha1.Approvals) migration.ApprovalRule {
	const field = "spec.approvals"
	out := migration.ApprovalRule{Required: or(w.Required, 1), From: w.From}
	s.unique(field+".from", w.From, "")
	if n := len(w.From); n > 0 && out.Required > n && !s.bad[field+".required"] && !s.bad[field+".from"] {
		s.problem(field+".required", fmt.Sprintf("asks for %d approvals of %d people", out.Required, n), "name more people, or ask for fewer")
	}
	return out
}

// unique reports entries of a list that stand in it twice. key is the field of
// an entry that is compared, or "".
func (s *source) unique(field string, values []string, key string) {
	first := map[string]int{}
	for i, v := range values {
		j, twice := first[v]
		switch {
		case v == "":
		case twice:
			at := fmt.Sprintf("%s[%d]", field, i)
			if key != "" {
				at = child(at, key)
			}
			s.problem(at, fmt.Sprintf("is the same as %s[%d]", field, j), "keep one of them")
		default:
			first[v] = i
		}
	}
}

func or[T any](p *T, fallback T) T {
	if p == nil {
		return fallback
	}
	return *p
}

func orNumber(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}
