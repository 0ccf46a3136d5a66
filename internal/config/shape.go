package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// shape takes what a workload says of its pods beyond what they run.
func (s *source) shape(field string, w v1alpha1.Workload, out *migration.Workload) {
	out.Security = s.security(field+".security", w.Security)
	out.Scratch = s.scratch(field+".scratch", w)
	out.Autoscale = s.autoscale(field+".autoscale", w)
	out.NetworkPolicy = s.networkPolicy(field+".networkPolicy", w.NetworkPolicy)
	out.ServiceAccount, out.PodManagement, out.UpdateStrategy = w.ServiceAccount, w.PodManagement, w.UpdateStrategy
	s.nameRule(field+".serviceAccount", w.ServiceAccount, validation.IsDNS1123Subdomain)
	for _, f := range []struct{ name, value string }{{"podManagement", w.PodManagement}, {"updateStrategy", w.UpdateStrategy}} {
		if f.value != "" && out.Kind == migration.KindDeployment {
			s.problem(field+"."+f.name, "is for a StatefulSet, and kind is Deployment", "leave it out")
		}
	}
}

var capability = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,40}$`)

func (s *source) security(field string, w v1alpha1.Security) migration.Security {
	out := migration.Security{User: w.RunAsUser, Group: w.RunAsGroup, FilesGroup: w.FSGroup}
	var allowed []string
	for i, e := range w.Exceptions {
		at := fmt.Sprintf("%s.exceptions[%d]", field, i)
		switch {
		case !s.said(at + ".allow"), e.Allow == migration.AllowWrites:
		case e.Allow == migration.AllowRoot && w.RunAsUser != 0:
			s.problem(at+".allow", "is root, and runAsUser is another user", "keep one of them")
		case e.Allow == migration.AllowRoot:
		case strings.HasPrefix(e.Allow, "CAP_"):
			s.problem(at+".allow", "is "+quoted(e.Allow)+", as the kernel writes it", "write it without CAP_, as Kubernetes does")
		case !capability.MatchString(e.Allow) || e.Allow == "ALL":
			s.problem(at+".allow", "is "+quoted(e.Allow)+", which is no exception", "write root, writable-root or one capability such as NET_BIND_SERVICE")
		}
		if s.said(at+".because") && strings.TrimSpace(e.Because) == "" {
			s.problem(at+".because", "is empty", "name the fact for which it is needed")
		}
		allowed = append(allowed, e.Allow)
		out.Exceptions = append(out.Exceptions, migration.Exception{Allow: e.Allow, Because: e.Because})
	}
	s.unique(field+".exceptions", allowed, "allow")
	return out
}

// scratch refuses a directory that something else is mounted at.
func (s *source) scratch(field string, w v1alpha1.Workload) []string {
	s.unique(field, w.Scratch, "")
	for i, dir := range w.Scratch {
		at := fmt.Sprintf("%s[%d]", field, i)
		s.absolutePath(at, dir)
		taken := slices.ContainsFunc(w.Mounts, func(m v1alpha1.Mount) bool { return m.Path == dir }) ||
			slices.ContainsFunc(w.Storage, func(v v1alpha1.Storage) bool { return v.Path == dir })
		if taken && s.said(at) {
			s.problem(at, "is mounted already", "leave it out here, or there")
		}
	}
	return w.Scratch
}

// cpuShare is at which share of its CPU request a pod counts as busy where nothing
// else is said.
const cpuShare = 70

func (s *source) autoscale(field string, w v1alpha1.Workload) *migration.Autoscale {
	a := w.Autoscale
	if a == nil {
		return nil
	}
	replicas := or(w.Replicas, 1)
	switch {
	case !s.said(field+".min") || !s.said(field+".max"):
	case a.Max < a.Min:
		s.problem(field+".max", "is less than min", "write at least min")
	case replicas < a.Min || replicas > a.Max:
		s.problem(parentOf(field)+".replicas", fmt.Sprintf("is %d, which autoscale does not allow", replicas), fmt.Sprintf("write a number from %d to %d: with it the pods begin", a.Min, a.Max))
	}
	out := migration.Autoscale{Min: a.Min, Max: a.Max, CPUPercent: a.CPU, MemoryPercent: a.Memory}
	if out.CPUPercent == 0 && out.MemoryPercent == 0 {
		out.CPUPercent = cpuShare
	}
	return &out
}

func (s *source) networkPolicy(field string, w *v1alpha1.NetworkPolicy) *migration.NetworkPolicy {
	if w == nil {
		return nil
	}
	out := migration.NetworkPolicy{From: w.From}
	for i, p := range w.To {
		at := fmt.Sprintf("%s.to[%d]", field, i)
		out.To = append(out.To, migration.NetworkPeer{CIDR: s.cidr(at+".cidr", p.CIDR), Port: p.Port, Protocol: p.Protocol, What: p.What})
	}
	for i, ns := range w.From {
		s.nameRule(fmt.Sprintf("%s.from[%d]", field, i), ns, validation.IsDNS1123Label)
	}
	s.unique(field+".from", w.From, "")
	return &out
}

// cidr is a network; an address is one of itself alone.
func (s *source) cidr(field, text string) string {
	if !s.said(field) {
		return text
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()).String()
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		s.problem(field, "is "+quoted(text)+", no address and no network", "write 192.0.2.30 or 192.0.2.0/24: a policy knows no names")
	case p != p.Masked():
		s.problem(field, "is "+quoted(text)+", which has bits behind its prefix", "write "+p.Masked().String())
	}
	return text
}

// ways takes how the ways in are made, and refuses one that the exposure is not.
func (s *source) ways(field string, w v1alpha1.Target, out *migration.Destination) {
	s.nameRule(field+".ingress.class", w.Ingress.Class, validation.IsDNS1123Subdomain)
	s.nameRule(field+".ingress.tlsSecret", w.Ingress.TLSSecret, validation.IsDNS1123Subdomain)
	s.nameRule(field+".ingress.issuer", w.Ingress.Issuer, validation.IsDNS1123Subdomain)
	if s.said(field+".ingress") && out.Exposure != migration.ExposeIngress && !s.bad[field+".exposure"] {
		s.problem(field+".ingress", "is given, and the exposure is "+string(out.Exposure), "write exposure: Ingress, or leave it out")
	}
	switch g := w.Gateway; {
	case g == nil:
	case out.Exposure != migration.ExposeGateway && !s.bad[field+".exposure"]:
		s.problem(field+".gateway", "is given, and the exposure is "+string(out.Exposure), "write exposure: Gateway, or leave it out")
	default:
		s.nameRule(field+".gateway.name", g.Name, validation.IsDNS1123Subdomain)
		s.nameRule(field+".gateway.namespace", g.Namespace, validation.IsDNS1123Label)
		s.nameRule(field+".gateway.listener", g.Listener, validation.IsDNS1123Subdomain)
		out.Gateway = migration.Gateway{Name: g.Name, Namespace: g.Namespace, Listener: g.Listener}
	}
}

var crontab = regexp.MustCompile(`^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|([0-9A-Za-z*/,-]+ +){4}[0-9A-Za-z*/,-]+)$`)

func (s *source) schedule(field string, w v1alpha1.Schedule) {
	for _, f := range []struct {
		name string
		said bool
	}{{"when", w.When != ""}, {"timeZone", w.TimeZone != ""}, {"command", len(w.Command) > 0}, {"workload", w.Workload != ""}} {
		if f.said && w.Owner != string(migration.OwnerCluster) && s.said(field+".owner") {
			s.problem(field+"."+f.name, "is for a schedule that the cluster runs, and the owner is "+w.Owner, "leave it out, or write owner: cluster")
		}
	}
	if w.When != "" && !crontab.MatchString(w.When) {
		s.problem(field+".when", "is "+quoted(w.When)+", no time of a crontab", "write minute, hour, day, month and weekday: 30 2 * * *")
	}
	for i, word := range w.Command {
		if hasCredentials(word) {
			s.problem(fmt.Sprintf("%s.command[%d]", field, i), "holds credentials", "give them by a Secret under mounts, with env: true")
		}
	}
}

// reachable checks what names and schedules want of workloads.
func (s *source) reachable(spec migration.Spec) {
	for i, n := range spec.Names {
		if w, ok := spec.Workload(n.Workload); ok && len(w.Ports) == 0 {
			s.problem(fmt.Sprintf("spec.workloads[%d].ports", indexOf(spec, w.Name)), "is missing", fmt.Sprintf("spec.names[%d] leads to it: add the port on which it listens", i))
		}
	}
	for i, c := range spec.Schedules {
		at := fmt.Sprintf("spec.schedules[%d]", i)
		if c.Workload == "" {
			continue
		}
		if _, ok := spec.Workload(c.Workload); !ok {
			s.problem(at+".workload", "is "+quoted(c.Workload)+", which is no workload", "name one of spec.workloads")
		}
	}
}

func indexOf(spec migration.Spec, workload string) int {
	return slices.IndexFunc(spec.Workloads, func(w migration.Workload) bool { return w.Name == workload })
}
