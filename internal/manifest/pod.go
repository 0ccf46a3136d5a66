package manifest

import (
	"errors"
	"slices"

	"rehome.dev/rehome/internal/migration"
)

// defaultGrace is what Kubernetes gives a process to end after SIGTERM.
const defaultGrace = 30

func podTemplate(spec migration.Spec, w migration.Workload) (object, error) {
	v, err := volumesOf(w)
	if err != nil {
		return nil, err
	}
	c, err := container(w, v)
	if err != nil {
		return nil, err
	}
	pod := podOf(w, v, c)
	pod["terminationGracePeriodSeconds"] = grace(w)
	pod["topologySpreadConstraints"] = spread(spec, w)
	meta := object{"labels": labels(spec, w.Name)}
	joinMesh(spec, w, meta)
	return object{"metadata": meta, "spec": pod}, nil
}

// podOf is the pod as a job has it too.
func podOf(w migration.Workload, v volumes, container object) object {
	pod := object{
		"automountServiceAccountToken": false,
		// Without this every Service of the namespace becomes variables of the
		// process, and one named like the application sets NAME_PORT to a URL.
		"enableServiceLinks": false,
		"securityContext":    podSecurity(w),
		"containers":         []any{container},
	}
	if len(v.volumes) > 0 {
		pod["volumes"] = v.volumes
	}
	if w.ServiceAccount != "" {
		pod["serviceAccountName"] = w.ServiceAccount
	}
	return pod
}

// spread keeps the pods of a workload apart, over nodes and over zones, as far as
// the cluster can: a pod that finds no such place is begun nevertheless.
func spread(spec migration.Spec, w migration.Workload) []any {
	var out []any
	for _, key := range []string{"kubernetes.io/hostname", "topology.kubernetes.io/zone"} {
		out = append(out, object{
			"maxSkew": int64(1), "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
			"labelSelector": object{"matchLabels": selector(spec, w.Name)},
		})
	}
	return out
}

// grace counts from the start of the preStop pause, so the pause is added to
// what the process itself gets for its drain.
func grace(w migration.Workload) int64 {
	g := w.TerminationGraceSeconds
	if g == 0 {
		g = defaultGrace
	}
	return w.PreStopSeconds + g
}

func container(w migration.Workload, v volumes) (object, error) {
	if w.Image == "" {
		return nil, errors.New("image is missing")
	}
	p, err := probes(w)
	if err != nil {
		return nil, err
	}
	c := process(w, v)
	for name, probe := range map[string]object{"startupProbe": p.startup, "readinessProbe": p.readiness, "livenessProbe": p.liveness} {
		if probe != nil {
			c[name] = probe
		}
	}
	if len(w.Ports) > 0 {
		c["ports"] = containerPorts(w.Ports)
	}
	if w.PreStopSeconds > 0 && len(w.Ports) > 0 { // without ports no balancer has to forget it
		c["lifecycle"] = object{"preStop": object{"sleep": object{"seconds": w.PreStopSeconds}}}
	}
	return c, nil
}

// process is the container as a job has it too: neither asked nor reached.
func process(w migration.Workload, v volumes) object {
	c := object{
		"name":            w.Name,
		"image":           w.Image,
		"imagePullPolicy": "IfNotPresent",
		"securityContext": containerSecurity(w.Security),
		"volumeMounts":    v.mounts,
	}
	if r := resources(w.Resources); len(r) > 0 {
		c["resources"] = r
	}
	if env := environment(w.Env); len(env) > 0 {
		c["env"] = env
	}
	if len(v.envFrom) > 0 {
		c["envFrom"] = v.envFrom
	}
	return c
}

func containerPorts(ports []migration.Port) []any {
	var out []any
	for _, p := range ports {
		out = append(out, named(p, object{"containerPort": int64(p.Port), "protocol": protocol(p)}))
	}
	return out
}

// portRef refers to a container's port by its name where it has one: pods of
// two releases may then listen at different numbers.
func portRef(p migration.Port) any {
	if p.Name == "" {
		return int64(p.Port)
	}
	return p.Name
}

func named(p migration.Port, o object) object {
	if p.Name != "" {
		o["name"] = p.Name
	}
	return o
}

func protocol(p migration.Port) string {
	if p.Protocol == "" {
		return "TCP"
	}
	return p.Protocol
}

func resources(r migration.Resources) object {
	amounts := func(cpu, memory int64) object {
		out := object{}
		if cpu > 0 {
			out["cpu"] = milliOf(cpu)
		}
		if memory > 0 {
			out["memory"] = bytesOf(memory)
		}
		return out
	}
	out := object{}
	if l := amounts(r.CPURequestMilli, r.MemoryRequestBytes); len(l) > 0 {
		out["requests"] = l
	}
	if l := amounts(r.CPULimitMilli, r.MemoryLimitBytes); len(l) > 0 {
		out["limits"] = l
	}
	return out
}

func environment(env map[string]string) []any {
	var names []string
	for n := range env {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []any
	for _, n := range names {
		out = append(out, object{"name": n, "value": env[n]})
	}
	return out
}
