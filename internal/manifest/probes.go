package manifest

import (
	"errors"

	"rehome.dev/rehome/internal/migration"
)

// minStartup is how long, in seconds, a pod may take to start where nobody has
// measured its boot, and the least where somebody has.
const minStartup = 60

// startupFactor leaves room for a boot slower than the measured one: a cold
// node, a throttled CPU.
const startupFactor = 3

type probeSet struct{ startup, readiness, liveness object }

// probes keep the three questions apart (PROBES): a pod that is not ready gets
// no traffic, one that does not live is started again, and neither is asked
// before the boot is over. Where the application has only one path, liveness
// is that the port accepts a connection.
func probes(w migration.Workload) (probeSet, error) {
	startup := max(minStartup, startupFactor*int64(w.Health.StartupSeconds))
	if len(w.Ports) == 0 {
		return commandProbes(w.Health, startup), nil
	}
	port, ok := firstTCP(w.Ports)
	if !ok {
		return probeSet{}, errors.New("ports: no TCP port that a health check could ask")
	}
	if w.Health.ReadinessPath == "" {
		return probeSet{}, errors.New("health.readinessPath is missing")
	}
	if w.Health.LivenessPath == w.Health.ReadinessPath {
		return probeSet{}, errors.New("health.livenessPath is the readinessPath: a pod that is only busy would be restarted; " +
			"name another path or none (PROBES)")
	}
	alive := object{"tcpSocket": object{"port": portRef(port)}}
	if w.Health.LivenessPath != "" {
		alive = httpGet(w.Health.LivenessPath, port)
	}
	return probeSet{
		startup:   timed(alive, 1, 2, startup),
		readiness: timed(httpGet(w.Health.ReadinessPath, port), 2, 2, 2),
		liveness:  timed(alive, 10, 5, 3),
	}, nil
}

// commandProbes are those of a worker: nothing waits for it to be ready, and only
// a program in the pod can say whether it lives.
func commandProbes(h migration.Health, startup int64) probeSet {
	if len(h.Command) == 0 {
		return probeSet{}
	}
	alive := object{"exec": object{"command": list(h.Command)}}
	const every = 10 // each look is a process of its own
	return probeSet{startup: timed(alive, every, 5, (startup+every-1)/every), liveness: timed(alive, 3*every, 5, 3)}
}

func firstTCP(ports []migration.Port) (migration.Port, bool) {
	for _, p := range ports {
		if protocol(p) == "TCP" {
			return p, true
		}
	}
	return migration.Port{}, false
}

func httpGet(path string, port migration.Port) object {
	return object{"httpGet": object{"path": path, "port": portRef(port), "scheme": "HTTP"}}
}

// timed asks every period seconds; failures in a row make the probe fail.
func timed(handler object, period, timeout, failures int64) object {
	out := object{"periodSeconds": period, "timeoutSeconds": timeout, "failureThreshold": failures}
	for k, v := range handler {
		out[k] = v
	}
	return out
}
