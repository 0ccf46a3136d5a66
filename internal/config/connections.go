package config

import (
	"slices"
)

// Role is what a provider of the policy is for; it is the name of its list.
type Role string

// The roles of providers.
const (
	RoleDNS     Role = "dns"
	RoleCluster Role = "clusters"
	RoleMetrics Role = "metrics"
)

// ConnectionType is one type of provider that a policy may name, with every
// setting that it takes. A setting that is not listed is a mistake.
type ConnectionType struct {
	Role     Role
	Type     string
	About    string
	Settings []Setting
}

// Setting is one setting of a connection.
type Setting struct {
	Name     string
	Form     Form
	Required bool
	// OneOf are the settings of which at least one must stand beside this one.
	OneOf []string
	// Not is the setting that must not stand beside this one.
	Not string
	// WholeWith is the setting beside which this path must be whole: it says that
	// the path is another machine's.
	WholeWith string
	About     string
}

// Form is how a setting's text must look.
type Form string

// The forms of settings. A FormPath is made absolute, relative to the policy's
// directory; the others reach the adapter as they were written.
const (
	FormText      Form = "text"
	FormPath      Form = "path"
	FormVariable  Form = "variable"  // name of an environment variable
	FormServer    Form = "server"    // host or host:port
	FormServers   Form = "servers"   // servers, with commas between them
	FormURL       Form = "url"       // http or https, without a password
	FormEndpoints Form = "endpoints" // such addresses, or pods://NAMESPACE:PORT/PATH?LABEL=VALUE, with commas between them
	FormReach     Form = "reach"     // ssh://user@host:port
	FormDuration  Form = "duration"  // such as 10s
	FormAlgorithm Form = "hmac-name" // a TSIG algorithm of RFC 8945
)

// ConnectionTypes are all types of providers that policies may name. Whoever
// wires adapters must have one for each.
func ConnectionTypes() []ConnectionType {
	return []ConnectionType{
		{RoleDNS, "rfc2136", "Dynamic update (RFC 2136) with TSIG, such as BIND, Knot and PowerDNS take it.", []Setting{
			{Name: "server", Form: FormServer, Required: true, About: "The primary that takes updates; port 53 unless it is said."},
			{Name: "servers", Form: FormServers, About: "All authoritative servers, to be asked; omitted, those of the zone's NS records."},
			{Name: "tsigName", Form: FormText, Required: true, OneOf: []string{"tsigSecretFile", "tsigSecretEnv"}, About: "Name of the TSIG key as the server has it."},
			{Name: "tsigAlgorithm", Form: FormAlgorithm, About: "Algorithm of the key; omitted, hmac-sha256."},
			{Name: "tsigSecretFile", Form: FormPath, About: "File with the key's secret in base64."},
			{Name: "tsigSecretEnv", Form: FormVariable, Not: "tsigSecretFile", About: "Environment variable with the key's secret in base64."},
			{Name: "timeout", Form: FormDuration, About: "Bound on one update, and on what one server is asked; omitted, 5s."},
		}},
		{RoleCluster, "kubernetes", "A Kubernetes cluster.", []Setting{
			{Name: "kubeconfig", Form: FormPath, About: "The kubeconfig; omitted, the one that kubectl would take."},
			{Name: "context", Form: FormText, About: "A context in it; omitted, the current one."},
			{Name: "timeout", Form: FormDuration, About: "Bound on one request; omitted, 10s."},
		}},
		{RoleMetrics, "prometheus", "Prometheus, or what speaks its HTTP API.", append([]Setting{
			{Name: "url", Form: FormURL, Required: true, About: "Address of its HTTP API."},
			{Name: "scrapeInterval", Form: FormDuration, About: "How often the sides are scraped; omitted, 15s."},
			{Name: "timeout", Form: FormDuration, About: "Bound on one reading; omitted, 10s."},
		}, overHTTP()...)},
		{RoleMetrics, "edge", "The ingress or load balancer itself, scraped directly: what serves counters in Prometheus's text format. An address may be a name of several, such as a headless Service's: each is scraped, and one that does not answer makes the sample missing. `pods://NAMESPACE:PORT/metrics?LABEL=VALUE` are the ready pods with such labels in the migration's cluster, read through its API server, for which rehome must be allowed to list pods and to get pods/proxy there. It remembers nothing, so that its baseline is what was scraped since rehome began to look.", append([]Setting{
			{Name: "endpoints", Form: FormEndpoints, About: "Where both sides are counted, with the path of the metrics, which is /metrics where it is omitted."},
			{Name: "oldEndpoints", Form: FormEndpoints, About: "Where the old side is counted."},
			{Name: "newEndpoints", Form: FormEndpoints, About: "Where the new side is counted."},
			{Name: "scrapeInterval", Form: FormDuration, About: "How often it is looked at; omitted, 5s."},
			{Name: "timeout", Form: FormDuration, About: "Bound on one look; omitted, 2s."},
		}, overHTTP()...)},
		{RoleMetrics, "grafana", "Grafana, for whoever may ask it and not the Prometheus behind it. A selector is `panel:DASHBOARD/PANEL`, with the dashboard's uid and the panel's id or title, `?ref=B` where it has several queries and `&var-NAME=VALUE` for its variables; what the panel shows is taken back to its raw counters, which are read through Grafana's proxy. A selector of series is read from `datasource`.", append([]Setting{
			{Name: "url", Form: FormURL, Required: true, About: "Its base address, with the sub-path."},
			{Name: "dashboard", Form: FormText, About: "Uid of the dashboard of panels that name none: `panel:PANEL`."},
			{Name: "datasource", Form: FormText, About: "Uid of the data source of selectors of series, and of panels that name none."},
			{Name: "scrapeInterval", Form: FormDuration, About: "How often the sides are scraped; omitted, 15s."},
			{Name: "timeout", Form: FormDuration, About: "Bound on one reading; omitted, 10s."},
		}, overHTTP()...)},
		{RoleMetrics, "probes", "Own requests of rehome to both sides, by address with the production name, for applications that nobody counts. They show `probe_requests_total`, `probe_errors_total` and `probe_duration_seconds_bucket`; an error is whatever is not a whole answer with a status that is fine, redirects, TLS and timeouts included. Probes are made while somebody reads what they count.", []Setting{
			{Name: "rate", Form: FormText, About: "Probes per second of each side, up to 100; omitted, 5."},
			{Name: "path", Form: FormText, About: "What is asked for; omitted, the old entry's `probePath`."},
			{Name: "scheme", Form: FormText, About: "http or https, with the production name as SNI; omitted, http."},
			{Name: "caFile", Form: FormPath, About: "Certificates that both sides' must be signed by; omitted, the system's."},
			{Name: "fine", Form: FormText, About: "Statuses such as 204 and classes such as 2xx that are no errors, with commas between them; omitted, 2xx."},
			{Name: "timeout", Form: FormDuration, About: "Bound on one probe, connection included; omitted, 2s."},
		}},
		{RoleMetrics, "accesslog", "Access logs, for applications without metrics: of nginx, Apache, Tomcat or haproxy, or in JSON. They are read where rehome runs, or with `host` on another machine over ssh, whose host key must be known, as the policy's `ssh` says. A selector is the path of a log, a filter such as `{status=\"5xx\"}`, or both; `ssh://user@machine/path` names a log on a machine of its own.", []Setting{
			{Name: "file", Form: FormPath, WholeWith: "host", About: "The log, where a selector names none; with host its whole path there."},
			{Name: "host", Form: FormReach, About: "The machine with the logs as ssh://user@host:port; omitted, the one that runs rehome."},
			{Name: "user", Form: FormText, About: "Who logs in where host names nobody; omitted, as the policy's `ssh` says."},
			{Name: "identityFile", Form: FormPath, About: "File with the private key to log in with; omitted, as the policy's `ssh` says."},
			{Name: "knownHostsFile", Form: FormPath, About: "File with the host keys that are known; omitted, as the policy's `ssh` says."},
			{Name: "server", Form: FormText, About: "Who writes it, where its lines do not tell: nginx, apache, tomcat or haproxy."},
			{Name: "timeZone", Form: FormText, About: "Of times that have none, such as haproxy's; omitted, UTC."},
			{Name: "timeUnit", Form: FormText, About: "Of the whole number at the end of a line that says how long the answer took: s, ms or us."},
			{Name: "buckets", Form: FormText, About: "Edges of the latency's histogram in seconds, rising, with commas between them."},
			{Name: "timeout", Form: FormDuration, About: "Bound on one reading; omitted, 10s."},
		}},
	}
}

// overHTTP are the settings by which rehome logs in to what serves metrics.
func overHTTP() []Setting {
	return []Setting{
		{Name: "bearerTokenFile", Form: FormPath, Not: "username", About: "File with a bearer token."},
		{Name: "bearerTokenEnv", Form: FormVariable, Not: "bearerTokenFile", About: "Environment variable with a bearer token."},
		{Name: "username", Form: FormText, OneOf: []string{"passwordFile"}, About: "Name for basic authentication."},
		{Name: "passwordFile", Form: FormPath, OneOf: []string{"username"}, About: "File with its password."},
		{Name: "caFile", Form: FormPath, About: "Certificates that the server's must be signed by; omitted, the system's."},
		{Name: "certFile", Form: FormPath, OneOf: []string{"keyFile"}, About: "File with a client certificate."},
		{Name: "keyFile", Form: FormPath, OneOf: []string{"certFile"}, About: "File with its key."},
	}
}

// typesOf are the names of the types of a role.
func typesOf(role Role) []string {
	var out []string
	for _, t := range ConnectionTypes() {
		if t.Role == role {
			out = append(out, t.Type)
		}
	}
	return out
}

func connectionType(role Role, name string) (ConnectionType, bool) {
	all := ConnectionTypes()
	i := slices.IndexFunc(all, func(t ConnectionType) bool { return t.Role == role && t.Type == name })
	if i < 0 {
		return ConnectionType{}, false
	}
	return all[i], true
}

// settingNames are the settings that a type takes.
func (t ConnectionType) settingNames() []string {
	out := make([]string, len(t.Settings))
	for i, s := range t.Settings {
		out[i] = s.Name
	}
	return out
}

func (t ConnectionType) setting(name string) (Setting, bool) {
	i := slices.IndexFunc(t.Settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return t.Settings[i], true
}
