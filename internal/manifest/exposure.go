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

// exposureObjects let traffic in. The Service has the workload's name.
func exposureObjects(spec migration.Spec, env migration.Env, w migration.Workload) ([]object, error) {
	switch spec.Target.Exposure {
	case migration.ExposeLoadBalancer:
	case migration.ExposeIngress, migration.ExposeGateway:
		return nil, fmt.Errorf("exposure %s is not built yet: use %s", spec.Target.Exposure, migration.ExposeLoadBalancer)
	default:
		return nil, fmt.Errorf("unknown exposure %q", spec.Target.Exposure)
	}
	ports := servicePorts(w.Ports, PublicPort)
	if len(ports) == 0 {
		return nil, errors.New("no ports to expose")
	}
	meta := metadata(spec, env, w.Name, w.Name, spec.ExposureDigest(env, w.Name))
	for _, a := range externalDNSOptOut {
		meta["annotations"].(object)[a] = ManagedBy
	}
	return []object{{
		"apiVersion": "v1",
		"kind":       "Service",
		"metadata":   meta,
		"spec": object{
			"type":     string(migration.ExposeLoadBalancer),
			"selector": selector(spec, w.Name),
			"ports":    ports,
		},
	}}, nil
}

// PublicPort is the port of the Service that leads to p.
func PublicPort(p migration.Port) int32 {
	if p.Public != 0 {
		return p.Public
	}
	return p.Port
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
