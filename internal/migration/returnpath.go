package migration

import (
	"fmt"
	"time"
)

// ReturnPath is how forwarders in the cluster lead to the old entry.
type ReturnPath struct {
	// Image holds the forwarder, by digest; it is the policy's. Without one there is
	// no return path.
	Image string `json:"image,omitempty"`
	// Scheme is how the old entry is spoken to; empty is LeadTCP.
	Scheme LeadScheme `json:"scheme,omitempty"`
	// ServerName is the name that is sent and verified with LeadTLS and LeadHTTPS;
	// CA the ConfigMap whose ca.crt is trusted, for there is nothing else to trust.
	ServerName string `json:"serverName,omitempty"`
	CA         string `json:"ca,omitempty"`
	// Proxy is the version of the PROXY protocol by which the old entry is told the
	// client's address, v1 or v2; empty tells it in no such way.
	Proxy string `json:"proxy,omitempty"`
}

// LeadScheme is how a forwarder speaks to the old entry.
type LeadScheme string

// The schemes. With LeadTCP bytes go as they come, TLS and its server name too;
// LeadHTTP adds X-Forwarded-For; the others wrap the same into TLS.
const (
	LeadTCP   LeadScheme = "tcp"
	LeadTLS   LeadScheme = "tls"
	LeadHTTP  LeadScheme = "http"
	LeadHTTPS LeadScheme = "https"
)

// Wrapped says whether the scheme wraps what it leads into TLS.
func (s LeadScheme) Wrapped() bool { return s == LeadTLS || s == LeadHTTPS }

// TrafficLocal lets each node lead only to its own pods, which keeps the client's
// address (externalTrafficPolicy of a Service).
const TrafficLocal = "Local"

// ReturnPathName is that of a workload's forwarders, and the value of the label by
// which they are selected.
func ReturnPathName(workload string) string { return workload + "-return-path" }

// ReturnPathDigest identifies what one workload's return path is made from.
func (s Spec) ReturnPathDigest(env Env, workload string) string {
	w, _ := s.Workload(workload)
	from := []any{env, s.Name, s.Namespace(env), s.ReturnPath, s.OldEntry.Addresses, s.OldEntry.Port, w.Name, w.Ports, s.Target.TrafficPolicy, s.Target.Mesh}
	return DigestOf(from)[:16]
}

// PartDigest identifies what one part of a workload is made from.
func (s Spec) PartDigest(env Env, part Part, workload string) string {
	switch part {
	case PartExposure:
		return s.ExposureDigest(env, workload)
	case PartReturnPath:
		return s.ReturnPathDigest(env, workload)
	}
	return s.WorkloadDigest(env, workload)
}

// TurnReturnPath lets the exposure of a workload lead to one side: to the old one by
// its forwarders, or to the workload's own pods. It is one change of one object.
type TurnReturnPath struct {
	Env      Env    `json:"env"`
	Workload string `json:"workload"`
	To       Side   `json:"to"`
}

// Target is the exposure, which is what is changed.
func (a TurnReturnPath) Target() Target { return objectTarget(a.Env, PartExposure, a.Workload) }

func (TurnReturnPath) kind() string { return "turn-return-path" }

// TryReturnPath sends load through the balancer while it leads to the old side.
type TryReturnPath struct {
	Env      Env    `json:"env"`
	Workload string `json:"workload"`
	// Digest is Spec.ReturnPathDigest: a trial speaks of that and of nothing else.
	Digest string `json:"digest"`
}

// Target names the trial: two at once would disturb each other.
func (a TryReturnPath) Target() Target {
	return Target(fmt.Sprintf("trial/%s/%s", a.Env, a.Workload))
}

func (TryReturnPath) kind() string { return "try-return-path" }

// TrialResult is what a load through the balancer showed. It is Valid where the rate
// was reached and at most one request of a hundred failed.
type TrialResult struct {
	Digest    string        `json:"digest"` // Spec.ReturnPathDigest of what was tried
	Rate      float64       `json:"rate"`   // requests a second that were wanted
	For       time.Duration `json:"for"`
	Requests  uint64        `json:"requests"`
	Failed    uint64        `json:"failed"`
	Addresses []string      `json:"addresses"` // of the balancer
	Valid     bool          `json:"valid"`
	Why       string        `json:"why,omitempty"` // it is not
}

// Text says in a few words what was sent, and what came of it.
func (t TrialResult) Text() string {
	out := fmt.Sprintf("%d requests at %g/s through the balancer to the old side, %d failed", t.Requests, t.Rate, t.Failed)
	if t.Why != "" {
		out += ": " + t.Why
	}
	return out
}

// ReturnPathFacts are the forwarders of one workload.
type ReturnPathFacts struct {
	Workload   string `json:"workload"`
	Kind       string `json:"kind"` // Deployment or DaemonSet
	Digest     string `json:"digest"`
	Generation int64  `json:"generation"`
	Desired    int32  `json:"desired"`
	Ready      int32  `json:"ready"`
	RolledOut  bool   `json:"rolledOut"`
	Status     string `json:"status,omitempty"` // why it is not rolled out
	// From are the addresses from which the old side is reached by them: those of
	// their nodes and their own, each once and in order.
	From []string `json:"from,omitempty"`
}
