package migration

import "time"

// Observed is a value with its time and source. Err says why there is none;
// the zero value is an observation that nobody made, and both are unknown.
type Observed[T any] struct {
	Value  T         `json:"value"`
	At     time.Time `json:"at,omitzero"`
	Source string    `json:"source,omitempty"`
	Err    string    `json:"err,omitempty"`
}

// Known says whether there is a value at all.
func (o Observed[T]) Known() bool { return o.Err == "" && !o.At.IsZero() }

// Env is one of the two places in the cluster.
type Env string

// Staging is drilled, production is moved to.
const (
	Staging    Env = "staging"
	Production Env = "production"
)

// ZoneFacts is what each authoritative server of one zone and view answers.
type ZoneFacts struct {
	Zone    string        `json:"zone"`
	View    string        `json:"view"`
	Servers []ServerFacts `json:"servers"`
}

// ServerFacts is one server's answer, asked at one of its addresses. Sets holds
// every record set seen on the asked names; Err says why there is no answer.
type ServerFacts struct {
	Server  string  `json:"server"`
	Address string  `json:"address"`
	Serial  uint32  `json:"serial"`
	Sets    []RRset `json:"sets,omitempty"`
	Err     string  `json:"err,omitempty"`
}

// ClusterFacts is what one namespace holds of a migration, and what is beside it.
type ClusterFacts struct {
	Namespace string          `json:"namespace"`
	Workloads []WorkloadFacts `json:"workloads,omitempty"`
	Exposures []ExposureFacts `json:"exposures,omitempty"`
	// ReturnPaths are the forwarders that stand beside workloads.
	ReturnPaths []ReturnPathFacts `json:"returnPaths,omitempty"`
	Routes      []RouteFacts      `json:"routes,omitempty"`
	// Beside is what a workload is declared with besides its pods: budget, scaler,
	// policy, account and jobs.
	Beside []BesideFacts `json:"beside,omitempty"`
	Config []ConfigFacts `json:"config,omitempty"`
	Quotas []QuotaFacts  `json:"quotas,omitempty"`
	Claims []ClaimFacts  `json:"claims,omitempty"`
}

// WorkloadFacts is one Deployment or StatefulSet. Digest is the annotation that
// the last apply wrote: Spec.WorkloadDigest of what was applied.
type WorkloadFacts struct {
	Name       string     `json:"name"`
	Kind       Kind       `json:"kind"`
	Digest     string     `json:"digest"`
	Generation int64      `json:"generation"`
	Image      string     `json:"image"`
	Desired    int32      `json:"desired"`
	Ready      int32      `json:"ready"`
	RolledOut  bool       `json:"rolledOut"`
	Status     string     `json:"status,omitempty"` // why it is not rolled out
	Pods       []PodFacts `json:"pods,omitempty"`
	Delivered
}

// PodFacts is one pod. Restarts counts all its containers, init and sidecars too.
type PodFacts struct {
	Name        string    `json:"name"`
	Node        string    `json:"node,omitempty"`
	Phase       string    `json:"phase"`
	Ready       bool      `json:"ready"`
	Restarts    int32     `json:"restarts"`
	LastRestart time.Time `json:"lastRestart,omitzero"`
	LastState   string    `json:"lastState,omitempty"` // reason of the last termination: OOMKilled, Error …
	Image       string    `json:"image"`               // digest that runs
	Sidecar     bool      `json:"sidecar,omitempty"`
	Deleting    bool      `json:"deleting,omitempty"`
	Started     time.Time `json:"started,omitzero"`
}

// ExposureFacts is the Service, Ingress or route that rehome made for a workload.
type ExposureFacts struct {
	Workload   string   `json:"workload"`
	Kind       string   `json:"kind"`
	Digest     string   `json:"digest"`
	Generation int64    `json:"generation"`
	Addresses  []string `json:"addresses,omitempty"`
	Port       int32    `json:"port"`
	// Leads is the side to which it leads: the new one by the workload's pods, the
	// old one by the forwarders of its return path, "" by neither.
	Leads Side `json:"leads,omitempty"`
	// ReadyNew, ReadyOld and ReadyOther count the ready endpoints that stand behind
	// it: pods of the workload, forwarders, anything else.
	ReadyNew   int `json:"readyNew,omitempty"`
	ReadyOld   int `json:"readyOld,omitempty"`
	ReadyOther int `json:"readyOther,omitempty"`
	// Local says that a node leads only to its own pods (externalTrafficPolicy).
	Local bool `json:"local,omitempty"`
	Delivered
}

// RouteFacts is anything else that leads outside traffic to the pods.
type RouteFacts struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	To   string `json:"to"`
}

// BesideFacts is one object that is declared to stand beside a workload.
type BesideFacts struct {
	Workload  string `json:"workload"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Exists    bool   `json:"exists"`
	Ours      bool   `json:"ours,omitempty"`      // rehome made it
	Suspended bool   `json:"suspended,omitempty"` // a CronJob that begins no jobs
	Err       string `json:"err,omitempty"`       // why it could not be looked at
}

// The kind of a job that runs by time.
const KindCronJob = "CronJob"

// ConfigFacts is one ConfigMap or Secret that a workload refers to: its name
// and whether it is there, never what it holds.
type ConfigFacts struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Exists bool   `json:"exists"`
}

// QuotaFacts is one resource of one ResourceQuota, as Kubernetes prints amounts.
type QuotaFacts struct {
	Quota    string `json:"quota"`
	Resource string `json:"resource"`
	Used     string `json:"used"`
	Hard     string `json:"hard"`
	Exceeded bool   `json:"exceeded"`
	// Default is what a container that asks for none of the resource gets.
	Default string `json:"default,omitempty"`
	// Need is what everything declared asks for at the most, the surge of a rolling
	// update included, beyond what of it is counted already; Left is what is not
	// used. Lacks says why that is too little, "" that it is enough. All are empty
	// where the quota counts only some pods.
	Need  string `json:"need,omitempty"`
	Left  string `json:"left,omitempty"`
	Lacks string `json:"lacks,omitempty"`
}

// ClaimFacts is one PersistentVolumeClaim.
type ClaimFacts struct {
	Name  string `json:"name"`
	Phase string `json:"phase"`
}

// Side is where a request was answered.
type Side string

// The old side are the VMs, the new side is the cluster.
const (
	OldSide Side = "old"
	NewSide Side = "new"
)

// ProbeFacts is the product's own request to one side by address, with the
// production name. Every address must answer for OK.
type ProbeFacts struct {
	Side    Side   `json:"side"`
	OK      bool   `json:"ok"`
	Detail  string `json:"detail,omitempty"`
	Latency int64  `json:"latencyMicros,omitempty"`
}

// SmokeResult is one run of the smoke suite.
type SmokeResult struct {
	Via    string   `json:"via"` // port-forward or production
	Ran    int      `json:"ran"`
	Failed int      `json:"failed"`
	Names  []string `json:"names,omitempty"`
	Detail []string `json:"detail,omitempty"` // one line per failure
}
