package migration

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// DigestOf is the SHA-256 of v's JSON, in lower-case hex. Maps are written in
// key order by encoding/json, so equal values have equal digests.
func DigestOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("digest of a value that has no JSON form: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Digest identifies the declared spec.
func (s Spec) Digest() string { return DigestOf(s) }

// WorkloadDigest identifies what one workload's objects are made from.
func (s Spec) WorkloadDigest(env Env, workload string) string {
	w, _ := s.Workload(workload)
	w.Dockerfile = "" // says where the image comes from, not what is applied
	from := []any{env, s.Name, s.Namespace(env), w}
	if s.Target.Mesh != "" {
		from = append(from, s.Target.Mesh)
	}
	if w.Autoscale != nil {
		from = append(from, s.Delivery) // says who sets the replicas
	}
	if jobs := s.Jobs(workload); len(jobs) > 0 {
		from = append(from, jobs)
	}
	if w.NetworkPolicy != nil && env == Staging && len(s.Drills.SafePeers) > 0 {
		from = append(from, s.Drills.SafePeers)
	}
	return DigestOf(from)[:16]
}

// ExposureDigest identifies what one workload's exposure is made from.
func (s Spec) ExposureDigest(env Env, workload string) string {
	w, _ := s.Workload(workload)
	from := []any{env, s.Name, s.Namespace(env), s.Target.Exposure, w.Name, w.Ports}
	if s.Target.TrafficPolicy != "" {
		from = append(from, s.Target.TrafficPolicy)
	}
	if s.Target.Exposure != ExposeLoadBalancer {
		from = append(from, s.Target.Ingress, s.Target.Gateway, s.HostNames(env, workload))
	}
	return DigestOf(from)[:16]
}

// Workload finds one by its name.
func (s Spec) Workload(name string) (Workload, bool) {
	for _, w := range s.Workloads {
		if w.Name == name {
			return w, true
		}
	}
	return Workload{}, false
}

// Namespace is where an environment lives.
func (s Spec) Namespace(env Env) string {
	if env == Staging {
		return s.Target.StagingNamespace
	}
	return s.Target.Namespace
}

// Exposed are the workloads that a name leads to, in the spec's order.
func (s Spec) Exposed() []Workload {
	var out []Workload
	for _, w := range s.Workloads {
		for _, n := range s.Names {
			if n.Workload == w.Name {
				out = append(out, w)
				break
			}
		}
	}
	return out
}

// Leads says whether a name leads to the workload.
func (s Spec) Leads(workload string) bool {
	return slices.ContainsFunc(s.Names, func(n Name) bool { return n.Workload == workload })
}

// ImageDigest is the part of an image reference behind the @, or "".
func ImageDigest(image string) string {
	_, d, ok := strings.Cut(image, "@")
	if !ok {
		return ""
	}
	return d
}

// Hosts are the machines of the migration, in the order in which it names them.
func (s Spec) Hosts() []string {
	hosts := make([]string, len(s.VMs))
	for i, vm := range s.VMs {
		hosts[i] = vm.Host
	}
	return hosts
}

// Images are the image references of all workloads, in the spec's order.
func (s Spec) Images() []string {
	out := make([]string, len(s.Workloads))
	for i, w := range s.Workloads {
		out[i] = w.Image
	}
	return out
}
