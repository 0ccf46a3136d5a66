package manifest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/migration"
)

// forwarders is how many stand warm where any node may lead to any of them.
const forwarders = 2

// Kinds of objects that a return path consists of, besides a Deployment.
const (
	KindDaemonSet     = "DaemonSet"
	KindNetworkPolicy = "NetworkPolicy"
)

// SelectorOf is what the exposure of a workload selects while it leads to a side.
// The two differ in one value, so that one patch turns it and the pods of neither
// side are touched.
func SelectorOf(spec migration.Spec, workload string, to migration.Side) map[string]string {
	if to == migration.OldSide {
		workload = migration.ReturnPathName(workload)
	}
	return Selector(spec, workload)
}

// LeadsTo says to which side an exposure's selector leads; "" is to neither.
func LeadsTo(spec migration.Spec, workload string, selector map[string]string) migration.Side {
	for _, side := range []migration.Side{migration.NewSide, migration.OldSide} {
		if maps.Equal(selector, SelectorOf(spec, workload, side)) {
			return side
		}
	}
	return ""
}

// Turn lets the Service among an exposure's objects lead to a side.
func Turn(objs []*unstructured.Unstructured, spec migration.Spec, workload string, to migration.Side) {
	for _, o := range objs {
		if o.GetKind() == "Service" {
			s := object{}
			for k, v := range SelectorOf(spec, workload, to) {
				s[k] = v
			}
			o.Object["spec"].(object)["selector"] = s
		}
	}
}

// returnPathObjects are pods that lead to the old entry, and what lets them. They
// have the container ports of the workload, by the same names, so that the Service's
// target ports hold for either side.
func returnPathObjects(spec migration.Spec, env migration.Env, w migration.Workload) ([]object, error) {
	if spec.ReturnPath.Image == "" {
		return nil, fmt.Errorf("the policy names no image of the forwarder (images.agent)")
	}
	if len(spec.OldEntry.Addresses) == 0 {
		return nil, fmt.Errorf("oldEntry.addresses are missing")
	}
	legs, err := legsOf(spec, w)
	if err != nil {
		return nil, err
	}
	name := migration.ReturnPathName(w.Name)
	pod := forwarderPod(spec, w, legs)
	s := object{"selector": object{"matchLabels": selector(spec, name)}, "template": pod}
	kind := string(migration.KindDeployment)
	if spec.Target.TrafficPolicy == migration.TrafficLocal {
		kind = KindDaemonSet
		s["updateStrategy"] = object{"type": "RollingUpdate", "rollingUpdate": object{"maxUnavailable": int64(1)}}
	} else {
		s["replicas"] = int64(forwarders)
		s["strategy"] = object{"type": "RollingUpdate", "rollingUpdate": object{"maxUnavailable": int64(0), "maxSurge": int64(1)}}
	}
	meta := metadata(spec, env, name, name, spec.ReturnPathDigest(env, w.Name))
	return []object{
		forwarderPolicy(spec, env, w, legs),
		{"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": s},
	}, nil
}

// leg is one port that is led back: the pod listens where the workload's does, and
// leads to that port of the old entry.
type leg struct {
	port migration.Port
	to   int
}

// legsOf leads the first TCP port to that of the old entry. Any other goes to the
// port at which its Service serves, since clients ask the old side by the same.
func legsOf(spec migration.Spec, w migration.Workload) ([]leg, error) {
	var out []leg
	for _, p := range w.Ports {
		if protocol(p) != "TCP" {
			return nil, fmt.Errorf("ports: %d is %s, and only TCP can be led back", p.Port, protocol(p))
		}
		if p.Port == forwarderStatus || p.Name == "status" {
			return nil, fmt.Errorf("ports: a forwarder tells how it is at port %d, named status; give the workload's another number and name", forwarderStatus)
		}
		to := int(p.Served())
		if len(out) == 0 {
			to = spec.OldEntry.Port
		}
		out = append(out, leg{p, to})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no ports to lead back")
	}
	return out, nil
}

func forwarderPod(spec migration.Spec, w migration.Workload, legs []leg) object {
	f := w
	f.Name, f.Security = migration.ReturnPathName(w.Name), migration.Security{}
	ports := append(containerPorts(w.Ports), object{"name": "status", "containerPort": int64(forwarderStatus), "protocol": "TCP"})
	status := migration.Port{Port: forwarderStatus}
	security := object{
		"runAsNonRoot": true, "runAsUser": int64(forwarderUser), "runAsGroup": int64(forwarderUser), "seccompProfile": object{"type": "RuntimeDefault"},
	}
	if slices.ContainsFunc(w.Ports, func(p migration.Port) bool { return p.Port < 1024 }) {
		security["sysctls"] = []any{object{"name": lowestPort, "value": strconv.Itoa(lowest(w.Ports))}}
	}
	meta := object{"labels": labels(spec, f.Name)}
	leaveMesh(spec, meta) // its clients and the old entry know no mesh
	container := object{
		"name": "forwarder", "image": spec.ReturnPath.Image, "imagePullPolicy": "IfNotPresent",
		"args":            list(forwarderArgs(spec, legs)),
		"ports":           ports,
		"readinessProbe":  timed(httpGet(forwarderReady, status), 2, 2, 1),
		"livenessProbe":   timed(httpGet(forwarderAlive, status), 10, 5, 3),
		"securityContext": containerSecurity(f.Security),
		"resources":       object{"requests": object{"cpu": "20m", "memory": "16Mi"}, "limits": object{"memory": "128Mi"}},
	}
	pod := object{
		"automountServiceAccountToken":  false,
		"enableServiceLinks":            false,
		"terminationGracePeriodSeconds": int64(defaultGrace),
		"securityContext":               security,
		"topologySpreadConstraints":     spread(spec, f),
		"containers":                    []any{container},
	}
	if ca := spec.ReturnPath.CA; ca != "" {
		container["volumeMounts"] = []any{object{"name": "ca", "mountPath": forwarderCA, "readOnly": true}}
		pod["volumes"] = []any{object{"name": "ca", "configMap": object{"name": ca}}}
	}
	return object{"metadata": meta, "spec": pod}
}

// forwarderPolicy lets forwarders be reached at their ports and reach the old entry
// and name servers, where a policy of the namespace forbids what no other allows.
func forwarderPolicy(spec migration.Spec, env migration.Env, w migration.Workload, legs []leg) object {
	name := migration.ReturnPathName(w.Name)
	var in, out []any
	for _, l := range legs {
		in = append(in, netPort(l.port.Port, "TCP"))
		out = append(out, netPort(int32(l.to), "TCP"))
	}
	in = append(in, netPort(forwarderStatus, "TCP"))
	egress := []any{object{"ports": []any{netPort(53, "UDP"), netPort(53, "TCP")}}}
	way := object{"ports": out}
	if to, all := addressBlocks(spec.OldEntry.Addresses); all {
		way["to"] = to
	}
	return object{
		"apiVersion": "networking.k8s.io/v1", "kind": KindNetworkPolicy, "metadata": plainMeta(spec, env, name, name),
		"spec": object{
			"podSelector": object{"matchLabels": selector(spec, name)},
			"policyTypes": []any{"Ingress", "Egress"},
			"ingress":     []any{object{"ports": in}}, "egress": append(egress, way),
		},
	}
}

// addressBlocks are addresses as blocks; false where one is a name, whose addresses
// nobody can say beforehand.
func addressBlocks(addresses []string) ([]any, bool) {
	var out []any
	for _, a := range addresses {
		ip, err := netip.ParseAddr(a)
		if err != nil {
			return nil, false
		}
		out = append(out, object{"ipBlock": object{"cidr": netip.PrefixFrom(ip, ip.BitLen()).String()}})
	}
	return out, true
}
