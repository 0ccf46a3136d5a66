package manifest

import (
	"cmp"
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// The annotation by which cert-manager's ingress-shim makes a Certificate of an
// Ingress (cert-manager, "Annotated Ingress resource").
const certManagerIssuer = "cert-manager.io/cluster-issuer"

// ingress leads each host name of the workload to the first of its ports that
// speaks TCP, over TLS.
func ingress(spec migration.Spec, env migration.Env, w migration.Workload) (object, error) {
	hosts, port, err := way(spec, env, w)
	if err != nil {
		return nil, err
	}
	in := spec.Target.Ingress
	meta := exposureMeta(spec, env, w)
	if in.Issuer != "" {
		meta["annotations"].(object)[certManagerIssuer] = in.Issuer
	}
	var rules []any
	for _, h := range hosts {
		rules = append(rules, object{"host": h, "http": object{"paths": []any{object{
			"path": "/", "pathType": "Prefix",
			"backend": object{"service": object{"name": w.Name, "port": object{"number": int64(port.Served())}}},
		}}}})
	}
	s := object{
		"tls":   []any{object{"hosts": list(hosts), "secretName": cmp.Or(in.TLSSecret, w.Name+"-tls")}},
		"rules": rules,
	}
	if in.Class != "" {
		s["ingressClassName"] = in.Class
	}
	return object{"apiVersion": "networking.k8s.io/v1", "kind": KindIngress, "metadata": meta, "spec": s}, nil
}

// httpRoute attaches the host names of the workload to the declared Gateway, whose
// listener ends TLS.
func httpRoute(spec migration.Spec, env migration.Env, w migration.Workload) (object, error) {
	hosts, port, err := way(spec, env, w)
	if err != nil {
		return nil, err
	}
	g := spec.Target.Gateway
	if g.Name == "" {
		return nil, errors.New("target.gateway is missing: name the Gateway that leads to the application")
	}
	parent := object{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": g.Name}
	if g.Namespace != "" {
		parent["namespace"] = g.Namespace
	}
	if g.Listener != "" {
		parent["sectionName"] = g.Listener
	}
	return object{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": exposureMeta(spec, env, w),
		"spec": object{
			"parentRefs": []any{parent},
			"hostnames":  list(hosts),
			"rules": []any{object{
				"matches":     []any{object{"path": object{"type": "PathPrefix", "value": "/"}}},
				"backendRefs": []any{object{"kind": "Service", "name": w.Name, "port": int64(port.Served())}},
			}},
		},
	}, nil
}

// way is by which names a workload is asked for, and where they lead.
func way(spec migration.Spec, env migration.Env, w migration.Workload) ([]string, migration.Port, error) {
	hosts := spec.HostNames(env, w.Name)
	port, ok := firstTCP(w.Ports)
	switch {
	case len(hosts) == 0:
		return nil, port, fmt.Errorf("no name leads to it in %s", env)
	case !ok:
		return nil, port, errors.New("ports: an HTTP route leads to a TCP port, and there is none")
	}
	return hosts, port, nil
}
