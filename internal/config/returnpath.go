package config

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// returnPath leaves out what is the default, and refuses what would have no effect:
// a client's address that is said to be passed on, and is not.
func (s *source) returnPath(w v1alpha1.ReturnPath) migration.ReturnPath {
	const field = "spec.returnPath"
	out := migration.ReturnPath{ServerName: w.ServerName, CA: w.CAConfigMap, Proxy: w.ProxyProtocol}
	if w.Scheme != string(migration.LeadTCP) {
		out.Scheme = migration.LeadScheme(w.Scheme)
	}
	if s.bad[field+".scheme"] {
		return out
	}
	if !out.Scheme.Wrapped() {
		for _, said := range []struct{ name, value string }{{"serverName", w.ServerName}, {"caConfigMap", w.CAConfigMap}} {
			if said.value != "" {
				s.problem(field+"."+said.name, "has no effect without TLS", "write scheme: tls or https, or leave it out")
			}
		}
	}
	if out.Proxy != "" && (out.Scheme == migration.LeadHTTP || out.Scheme == migration.LeadHTTPS) {
		s.problem(field+".proxyProtocol", "does not go with scheme "+string(out.Scheme), "X-Forwarded-For tells the client's address there; leave it out")
	}
	if w.ServerName != "" && strings.ContainsAny(w.ServerName, " /:@?&=,") {
		s.problem(field+".serverName", "is "+quoted(w.ServerName)+", not a host name", "write the name in the old entry's certificate")
	}
	s.nameRule(field+".caConfigMap", w.CAConfigMap, validation.IsDNS1123Subdomain)
	return out
}
