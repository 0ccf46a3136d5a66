package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

func (s *source) names(ws []v1alpha1.Name, workloads []migration.Workload) []migration.Name {
	out := make([]migration.Name, 0, len(ws))
	keys := make([]string, 0, len(ws))
	for i, w := range ws {
		field := fmt.Sprintf("spec.names[%d]", i)
		n := s.name(field, migration.Name{Name: w.Name, Zone: w.Zone, View: w.View, Provider: w.Provider, Workload: w.Workload})
		n.Workload = s.leadsTo(field, n.Workload, workloads)
		keys = append(keys, migration.ZoneKey(n.Name, n.View))
		out = append(out, n)
	}
	s.unique("spec.names", keys, "name")
	return out
}

// rehearsal takes what is omitted from the first name. A rehearsal on a name
// that carries traffic would be no rehearsal.
func (s *source) rehearsal(w *v1alpha1.RehearsalName, names []migration.Name, workloads []migration.Workload) *migration.Name {
	const field = "spec.rehearsal"
	if w == nil || len(names) == 0 {
		return nil
	}
	first := names[0]
	n := s.name(field, migration.Name{
		Name: w.Name, Zone: cmp.Or(w.Zone, first.Zone), View: cmp.Or(w.View, first.View),
		Provider: cmp.Or(w.Provider, first.Provider), Workload: cmp.Or(w.Workload, first.Workload),
	})
	if w.Workload != "" {
		n.Workload = s.leadsTo(field, w.Workload, workloads)
	}
	for i, other := range names {
		if n.Name != "" && n.Name == other.Name {
			s.problem(field+".name", fmt.Sprintf("is spec.names[%d], which carries traffic", i), "give the rehearsal a name of its own, such as rehearsal."+strings.TrimSuffix(n.Name, "."))
		}
	}
	return &n
}

// name brings a name and its zone into their absolute form in lower case and
// checks that the one is in the other.
func (s *source) name(field string, n migration.Name) migration.Name {
	n.Name = s.domain(field+".name", n.Name)
	n.Zone = s.domain(field+".zone", n.Zone)
	if n.View == "default" {
		n.View = ""
	}
	if n.Name == "" || n.Zone == "" || s.bad[field+".name"] || s.bad[field+".zone"] {
		return n
	}
	if n.Name != n.Zone && !strings.HasSuffix(n.Name, "."+n.Zone) {
		s.problem(field+".name", n.Name+" is not in the zone "+n.Zone, "correct the name or its zone")
	}
	return n
}

// domain is a domain name as the domain writes it: absolute, in lower case.
func (s *source) domain(field, name string) string {
	if name == "" || s.bad[field] {
		return ""
	}
	if broken, remedy := domainFault(name); broken != "" {
		s.problem(field, "is "+quoted(name)+", "+broken, remedy)
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(name, ".")) + "."
}

// domainFault says why a text is no domain name (RFC 1035, section 2.3.4;
// underscores are allowed, as RFC 2181, section 11, does).
func domainFault(name string) (broken, remedy string) {
	bare := strings.TrimSuffix(name, ".")
	if len(bare) > 253 {
		return "which is longer than 253 characters", "shorten it"
	}
	for label := range strings.SplitSeq(bare, ".") {
		switch {
		case label == "":
			return "which has an empty label", "leave out the superfluous dot"
		case label == "*":
			return "a wildcard, which cannot be probed", "list the names that are used"
		case len(label) > 63:
			return "which has a label longer than 63 characters", "shorten it"
		case strings.IndexFunc(label, func(r rune) bool { return r > 127 }) >= 0:
			return "which is not ASCII", "write the name as DNS has it, with xn--"
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return "which has a label with a dash at its end", "leave the dash out"
		case strings.IndexFunc(label, notInLabel) >= 0:
			return "not a domain name", "write the name alone: no scheme, port or path"
		}
	}
	return "", ""
}

func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// address is an IP address in its canonical form, or a host name.
func (s *source) address(field, a string) string {
	if s.bad[field] {
		return ""
	}
	if ip, err := netip.ParseAddr(a); err == nil && ip.Zone() == "" {
		return ip.Unmap().String()
	}
	if _, err := netip.ParseAddrPort(a); err == nil {
		s.problem(field, "is "+quoted(a)+", an address with a port", "write the address alone; the port stands in spec.oldEntry.port")
		return ""
	}
	if onlyDigitsAndDots(a) {
		s.problem(field, "is "+quoted(a)+", not an address", "write an IPv4 address such as 192.0.2.20")
		return ""
	}
	return s.domain(field, a)
}

func onlyDigitsAndDots(a string) bool { return strings.Trim(a, "0123456789./") == "" }

// leadsTo finds the workload that a name will lead to.
func (s *source) leadsTo(field, workload string, workloads []migration.Workload) string {
	known := make([]string, 0, len(workloads))
	for i, w := range workloads {
		if w.Name == "" || s.bad[fmt.Sprintf("spec.workloads[%d].name", i)] {
			return workload // reported there
		}
		if w.Name == workload {
			return workload
		}
		known = append(known, w.Name)
	}
	switch at := field + ".workload"; {
	case len(known) == 0 || s.bad["spec.workloads"]:
	case workload != "":
		s.problem(at, "there is no workload "+quoted(workload), suggestion(workload, known))
	case len(known) == 1:
		return known[0]
	default:
		s.problem(at, "is missing, and there are several workloads", "say to which one the name will lead: "+strings.Join(known, ", "))
	}
	return workload
}
