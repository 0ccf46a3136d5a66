package migration

import (
	"cmp"
	"time"
)

// Spec is one declared migration: what moves, from where, to where and by
// which evidence it is judged. It never holds a secret, only references.
type Spec struct {
	Name      string      `json:"name"`
	Names     []Name      `json:"names"`
	Rehearsal *Name       `json:"rehearsal,omitempty"`
	OldEntry  OldEntry    `json:"oldEntry"`
	VMs       []VM        `json:"vms"`
	Workloads []Workload  `json:"workloads"`
	Target    Destination `json:"target"`
	Cutover   Cutover     `json:"cutover"`
	Delivery  Delivery    `json:"delivery"`
	// ReturnPath is how the cluster leads back to the old entry.
	ReturnPath ReturnPath   `json:"returnPath,omitzero"`
	Metrics    Metrics      `json:"metrics"`
	Smoke      Smoke        `json:"smoke"`
	Data       Data         `json:"data"`
	Windows    []Window     `json:"windows,omitempty"`
	Approvals  ApprovalRule `json:"approvals"`
	Fixes      []Fix        `json:"fixes,omitempty"`
	Schedules  []Schedule   `json:"schedules,omitempty"`
	Drills     Drills       `json:"drills,omitzero"`
}

// Cutover is the way the traffic moves.
type Cutover string

// The ways of moving traffic. Handover is declared by the object model and
// refused by the plan until it is built.
const (
	CutoverDNS      Cutover = "dns"
	CutoverHandover Cutover = "handover"
)

// Delivery says who applies the workload.
type Delivery string

// With DeliveryExternal someone else applies the objects and they are only observed.
const (
	DeliveryRehome   Delivery = "rehome"
	DeliveryExternal Delivery = "external"
)

// Name is one DNS name that leads to the application, in one view of one zone.
type Name struct {
	Name     string `json:"name"` // absolute, with the trailing dot
	Zone     string `json:"zone"` // absolute, with the trailing dot
	View     string `json:"view"` // "" or "default" where there is only one
	Provider string `json:"provider"`
	Workload string `json:"workload"` // which workload's exposure it will lead to
}

// OldEntry is what the names lead to before the switch: a balancer or the VMs.
type OldEntry struct {
	Addresses []string `json:"addresses"`
	Port      int      `json:"port"`
	ProbePath string   `json:"probePath"` // asked for by the product's own probes
}

// VM is one machine that runs the application today.
type VM struct {
	Host       string   `json:"host"`
	Unit       string   `json:"unit,omitempty"`
	Port       int      `json:"port,omitempty"`
	ConfigDirs []string `json:"configDirs,omitempty"`
	// Reach is how facts are taken there: ssh://user@host:port, or local for the
	// machine on which the program runs. Empty is ssh://Host.
	Reach string `json:"reach,omitempty"`
}

// Kind is the kind of a workload.
type Kind string

// The kinds that a workload can have; KindAuto leaves the decision to facts.
const (
	KindAuto        Kind = "auto"
	KindDeployment  Kind = "Deployment"
	KindStatefulSet Kind = "StatefulSet"
)

// Workload is one set of pods that replaces processes on the VMs.
type Workload struct {
	Name  string `json:"name"`
	Image string `json:"image"` // by digest: registry/name@sha256:…
	// Dockerfile is the path of what the image is built from, where it is known;
	// a relative one begins at the directory of the migration's file.
	Dockerfile string            `json:"dockerfile,omitempty"`
	Kind       Kind              `json:"kind"`
	Replicas   int32             `json:"replicas"`
	Ports      []Port            `json:"ports"`
	Health     Health            `json:"health"`
	Resources  Resources         `json:"resources"`
	Env        map[string]string `json:"env,omitempty"`
	Mounts     []Mount           `json:"mounts,omitempty"`
	Storage    []Storage         `json:"storage,omitempty"`
	// TerminationGraceSeconds bounds the drain at SIGTERM.
	TerminationGraceSeconds int64 `json:"terminationGraceSeconds,omitempty"`
	// PreStopSeconds keeps a pod serving while the balancer forgets it.
	PreStopSeconds int64    `json:"preStopSeconds,omitempty"`
	Security       Security `json:"security,omitzero"`
	// Scratch are directories that are empty at each start and may be written.
	Scratch []string `json:"scratch,omitempty"`
	// ServiceAccount is the one of the pods; empty is the namespace's default, whose
	// token they do not get either.
	ServiceAccount string         `json:"serviceAccount,omitempty"`
	Autoscale      *Autoscale     `json:"autoscale,omitempty"`
	NetworkPolicy  *NetworkPolicy `json:"networkPolicy,omitempty"`
	// PodManagement and UpdateStrategy are a StatefulSet's; empty is Kubernetes'
	// OrderedReady and RollingUpdate.
	PodManagement  string `json:"podManagement,omitempty"`
	UpdateStrategy string `json:"updateStrategy,omitempty"`
}

// HeadlessName is the Service that gives the pods of a StatefulSet their names
// in DNS. The workload's own name is kept for its exposure.
func HeadlessName(workload string) string { return workload + "-headless" }

// Port is one port of a workload. Public is the port of its Service, 0 for the same.
type Port struct {
	Name     string `json:"name"`
	Port     int32  `json:"port"`
	Public   int32  `json:"public,omitempty"`
	Protocol string `json:"protocol"` // TCP or UDP
}

// Served is the port of the Service that leads to it.
func (p Port) Served() int32 { return cmp.Or(p.Public, p.Port) }

// Health are the paths that say whether a pod serves and lives.
type Health struct {
	ReadinessPath  string `json:"readinessPath"`
	LivenessPath   string `json:"livenessPath,omitempty"`
	StartupSeconds int32  `json:"startupSeconds,omitempty"` // measured boot time
	// Command is run in the pod of a workload without ports, and ends with 0 while
	// the process need not be restarted.
	Command []string `json:"command,omitempty"`
}

// Resources are requests and limits, in millicores and bytes; 0 sets none.
type Resources struct {
	CPURequestMilli    int64 `json:"cpuRequestMilli,omitempty"`
	CPULimitMilli      int64 `json:"cpuLimitMilli,omitempty"`
	MemoryRequestBytes int64 `json:"memoryRequestBytes,omitempty"`
	MemoryLimitBytes   int64 `json:"memoryLimitBytes,omitempty"`
}

// Mount is an existing ConfigMap or Secret, mounted read-only at Path or, with
// Env, given as environment variables. Several mounts of one Path are merged into
// one projected volume.
type Mount struct {
	ConfigMap string `json:"configMap,omitempty"`
	Secret    string `json:"secret,omitempty"`
	Path      string `json:"path,omitempty"`
	Env       bool   `json:"env,omitempty"`
	// Items lead keys to the paths at which the application finds them; without any,
	// each key is a file of that name.
	Items []MountItem `json:"items,omitempty"`
	// Mode is that of files without one of their own; 0 is 0644.
	Mode int32 `json:"mode,omitempty"`
}

// MountItem is one key of a ConfigMap or Secret as a file below the mount's path.
type MountItem struct {
	Key  string `json:"key"`
	Path string `json:"path"` // relative, with slashes, without ".."
	Mode int32  `json:"mode,omitempty"`
}

// Storage is one volume per pod of a StatefulSet.
type Storage struct {
	Name      string `json:"name"`
	Path      string `json:"path"`
	SizeBytes int64  `json:"sizeBytes"`
	Class     string `json:"class,omitempty"`
}

// Exposure is how the cluster lets traffic in.
type Exposure string

// The exposures. A Gateway cannot be performed yet, and is refused by the plan.
const (
	ExposeLoadBalancer Exposure = "LoadBalancer"
	ExposeIngress      Exposure = "Ingress"
	ExposeGateway      Exposure = "Gateway"
)

// Destination is where the application goes.
type Destination struct {
	Cluster          string   `json:"cluster"` // name of a cluster in the policy
	Namespace        string   `json:"namespace"`
	StagingNamespace string   `json:"stagingNamespace"`
	Exposure         Exposure `json:"exposure"`
	Ingress          Ingress  `json:"ingress,omitzero"`
	Gateway          Gateway  `json:"gateway,omitzero"`
	// Mesh is the policy's: empty, or MeshIstio.
	Mesh string `json:"mesh,omitempty"`
	// TrafficPolicy is that of the balancer's Service: empty, or TrafficLocal.
	TrafficPolicy string `json:"trafficPolicy,omitempty"`
}

// Metrics says where both sides are measured.
type Metrics struct {
	Source    string      `json:"source"` // name of a metrics source in the policy
	Old       SideMetrics `json:"old"`
	New       SideMetrics `json:"new"`
	Dashboard string      `json:"dashboard,omitempty"`
	// Fallback carries on where the source is blind; without a name there is none.
	Fallback MetricsFallback `json:"fallback,omitzero"`
}

// MetricsFallback is a second source with the same counters of both sides, under its
// own selectors, measured at the same kind of point.
type MetricsFallback struct {
	Source string      `json:"source"`
	Old    SideMetrics `json:"old"`
	New    SideMetrics `json:"new"`
}

// SideMetrics are series selectors of counters for one side. Requests counts
// everything answered, Errors what failed, Latency is a histogram's _bucket.
type SideMetrics struct {
	Requests string `json:"requests"`
	Errors   string `json:"errors"`
	Latency  string `json:"latency,omitempty"`
	Vantage  string `json:"vantage"` // application, edge or probe
}

// Smoke is the suite that is run through a port-forward and, after the switch,
// against the production endpoint.
type Smoke struct {
	Command []string    `json:"command,omitempty"` // gets REHOME_SMOKE_URL
	Checks  []HTTPCheck `json:"checks,omitempty"`
}

// HTTPCheck is one request and what its answer must be.
type HTTPCheck struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	Status   int    `json:"status"`
	Contains string `json:"contains,omitempty"`
}

// Data says which stores the sides talk to. SharedDeclared arms automatic rollback.
type Data struct {
	Shared bool     `json:"shared"`
	Stores []string `json:"stores,omitempty"`
}

// Window is a time in which the switch may be made.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// ApprovalRule says how many of whom must approve; no From means anybody.
type ApprovalRule struct {
	Required int      `json:"required"`
	From     []string `json:"from,omitempty"`
}
