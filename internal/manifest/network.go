package manifest

import (
	"cmp"
	"net/netip"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// istiodPort is where a mesh's proxies ask for their configuration.
const istiodPort = 15012

// networkPolicy lets the pods of a workload and of its jobs ask for names and reach
// each other. In production they may dial what is listed. In staging they may dial
// anything but that: a drill must not reach what production lives on, unless it was
// declared safe.
func networkPolicy(spec migration.Spec, env migration.Env, w migration.Workload) object {
	p := w.NetworkPolicy
	if p == nil {
		return nil
	}
	names := []any{w.Name}
	for _, j := range jobsOf(spec, w) {
		names = append(names, j.name)
	}
	egress := []any{
		object{"ports": []any{netPort(53, "UDP"), netPort(53, "TCP")}},
		object{"to": []any{object{"podSelector": object{"matchLabels": object{LabelInstance: spec.Name}}}}},
	}
	if spec.Target.Mesh == migration.MeshIstio {
		egress = append(egress, object{"to": []any{namespace("istio-system")}, "ports": []any{netPort(istiodPort, "TCP")}})
	}
	if env == migration.Production {
		for _, peer := range p.To {
			egress = append(egress, object{
				"to": []any{object{"ipBlock": object{"cidr": peer.CIDR}}}, "ports": []any{netPort(peer.Port, cmp.Or(peer.Protocol, "TCP"))},
			})
		}
	} else {
		egress = append(egress, object{"to": elsewhere(spec, p.To)})
	}
	ingress := []any{}
	if len(w.Ports) > 0 {
		ingress = append(ingress, reachedFrom(p.From, w.Ports))
	}
	return object{
		"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": plainMeta(spec, env, w.Name, w.Name),
		"spec": object{
			"podSelector": object{
				"matchLabels":      object{LabelInstance: spec.Name},
				"matchExpressions": []any{object{"key": LabelName, "operator": "In", "values": names}},
			},
			"policyTypes": []any{"Ingress", "Egress"}, "ingress": ingress, "egress": egress,
		},
	}
}

func reachedFrom(namespaces []string, ports []migration.Port) object {
	rule := object{}
	var at []any
	for _, p := range ports {
		at = append(at, netPort(p.Port, protocol(p)))
	}
	rule["ports"] = at
	var from []any
	for _, ns := range namespaces {
		from = append(from, namespace(ns))
	}
	if len(from) > 0 {
		rule["from"] = from
	}
	return rule
}

func netPort(port int32, protocol string) object {
	return object{"port": int64(port), "protocol": protocol}
}

// namespace is every pod of a namespace, by the label that Kubernetes gives it.
func namespace(name string) object {
	return object{"namespaceSelector": object{"matchLabels": object{"kubernetes.io/metadata.name": name}}}
}

// elsewhere is every address but those of the peers.
func elsewhere(spec migration.Spec, peers []migration.NetworkPeer) []any {
	var out []any
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		whole := netip.MustParsePrefix(all)
		var except []any
		seen := map[string]bool{}
		for _, peer := range peers {
			p, err := netip.ParsePrefix(peer.CIDR)
			if err != nil || p.Addr().Is4() != whole.Addr().Is4() || safe(spec, p, peer) || seen[peer.CIDR] {
				continue
			}
			seen[peer.CIDR] = true
			except = append(except, peer.CIDR)
		}
		block := object{"cidr": all}
		if len(except) > 0 {
			block["except"] = except
		}
		out = append(out, object{"ipBlock": block})
	}
	return out
}

// safe says whether staging may reach a peer although production does.
func safe(spec migration.Spec, at netip.Prefix, peer migration.NetworkPeer) bool {
	for _, s := range spec.Drills.SafePeers {
		host := strings.Trim(s.Address, "[]")
		if a, err := netip.ParseAddrPort(s.Address); err == nil {
			host = a.Addr().String()
		} else if h, _, ok := strings.Cut(s.Address, ":"); ok && strings.Count(s.Address, ":") == 1 {
			host = h
		}
		if a, err := netip.ParseAddr(host); err == nil && at.IsSingleIP() && at.Addr() == a {
			return true
		}
		if name, _, _ := strings.Cut(peer.What, ":"); host != "" && strings.EqualFold(strings.Trim(name, ". "), host) {
			return true
		}
	}
	return false
}
