package manifest

import (
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// externalDNSOptOut are the annotations by which external-dns leaves an object
// alone when they name a controller other than itself (DNS-EXTERNAL-DNS). Its
// prefix was changed in v0.22.0; older ones ignore the new one and the reverse.
var externalDNSOptOut = []string{
	"external-dns.kubernetes.io/controller",
	"external-dns.alpha.kubernetes.io/controller",
}

// KindIngress is the object that leads to a workload by its names.
const KindIngress = "Ingress"

// exposureObjects let traffic in. The Service has the workload's name, and so have
// the Ingress and the route that lead to it.
func exposureObjects(spec migration.Spec, env migration.Env, w migration.Workload) ([]object, error) {
	ports := servicePorts(w.Ports, migration.Port.Served)
	if len(ports) == 0 {
		return nil, errors.New("no ports to expose")
	}
	service := object{"type": "ClusterIP", "selector": selector(spec, w.Name), "ports": ports}
	out := []object{{"apiVersion": "v1", "kind": "Service", "metadata": exposureMeta(spec, env, w), "spec": service}}
	switch spec.Target.Exposure {
	case migration.ExposeLoadBalancer:
		service["type"] = string(migration.ExposeLoadBalancer)
		if p := spec.Target.TrafficPolicy; p != "" {
			service["externalTrafficPolicy"] = p
		}
		return out, nil
	case migration.ExposeIngress:
		in, err := ingress(spec, env, w)
		return append(out, in), err
	case migration.ExposeGateway:
		route, err := httpRoute(spec, env, w)
		return append(out, route), err
	}
	return nil, fmt.Errorf("unknown exposure %q", spec.Target.Exposure)
}

// exposureMeta opts the object out of external-dns.
func exposureMeta(spec migration.Spec, env migration.Env, w migration.Workload) object {
	meta := metadata(spec, env, w.Name, w.Name, spec.ExposureDigest(env, w.Name))
	for _, a := range externalDNSOptOut {
		meta["annotations"].(object)[a] = ManagedBy
	}
	return meta
}

func servicePorts(ports []migration.Port, number func(migration.Port) int32) []any {
	var out []any
	for _, p := range ports {
		out = append(out, named(p, object{
			"port": int64(number(p)), "targetPort": portRef(p), "protocol": protocol(p),
		}))
	}
	return out
}
