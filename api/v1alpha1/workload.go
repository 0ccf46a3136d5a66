package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Workload is one set of pods that replaces processes on the machines.
type Workload struct {
	// Name of its Deployment or StatefulSet and of its Service.
	Name string `json:"name" jsonschema:"required"`
	// The image. It is moved only by digest: registry/name@sha256:…
	Image string `json:"image" jsonschema:"required"`
	// What the image is built from, relative to this file: it tells the base image
	// where the image itself does not.
	Dockerfile string `json:"dockerfile,omitempty"`
	// Deployment, StatefulSet, or auto to let the facts decide.
	Kind string `json:"kind,omitempty" jsonschema:"enum=auto,enum=Deployment,enum=StatefulSet,default=auto"`
	// How many pods.
	Replicas *int32 `json:"replicas,omitempty" jsonschema:"minimum=1,maximum=1000,default=1"`
	// The ports on which the pods listen; none is for a worker, to which no name
	// leads.
	Ports []Port `json:"ports,omitempty"`
	// How it is known whether a pod serves and lives.
	Health Health `json:"health,omitzero"`
	// What a pod asks for and what it may use at most.
	Resources Resources `json:"resources,omitzero"`
	// Environment variables that are no secrets.
	Env map[string]string `json:"env,omitempty"`
	// Existing ConfigMaps and Secrets that the pods see.
	Mounts []Mount `json:"mounts,omitempty"`
	// Volumes of each pod; they make it a StatefulSet.
	Storage []Storage `json:"storage,omitempty"`
	// How long a pod may take to finish its requests after SIGTERM, in whole
	// seconds.
	TerminationGrace *metav1.Duration `json:"terminationGrace,omitempty" jsonschema:"default=30s"`
	// How long a pod goes on serving while the balancer forgets it, in whole
	// seconds.
	PreStop *metav1.Duration `json:"preStop,omitempty" jsonschema:"default=5s"`
	// What the pods may do that pods may not by rule.
	Security Security `json:"security,omitzero"`
	// Directories that are empty at each start of a pod, and that it may write.
	// /tmp is one of them always.
	Scratch []string `json:"scratch,omitempty"`
	// The ServiceAccount of the pods, which must be there; omitted, the namespace's
	// default. They get the token of neither.
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// Let the cluster set the number of pods. Written by rehome render; rehome run
	// does not apply it.
	Autoscale *Autoscale `json:"autoscale,omitempty"`
	// Let the pods reach nothing but what is listed. Written by rehome render;
	// rehome run does not apply it.
	NetworkPolicy *NetworkPolicy `json:"networkPolicy,omitempty"`
	// Whether a StatefulSet begins its pods one after the other.
	PodManagement string `json:"podManagement,omitempty" jsonschema:"enum=OrderedReady,enum=Parallel,default=OrderedReady"`
	// Whether a StatefulSet replaces its pods by itself, or when a person deletes
	// them.
	UpdateStrategy string `json:"updateStrategy,omitempty" jsonschema:"enum=RollingUpdate,enum=OnDelete,default=RollingUpdate"`
}

// Port is one port of a workload.
type Port struct {
	// Name of the port.
	Name string `json:"name" jsonschema:"required"`
	// The port on which the pods listen.
	Port int32 `json:"port" jsonschema:"required,minimum=1,maximum=65535"`
	// The port of the Service; omitted, the same.
	Public int32 `json:"public,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// The plan refuses UDP until it is built.
	Protocol string `json:"protocol,omitempty" jsonschema:"enum=TCP,enum=UDP,default=TCP"`
}

// Health are the paths that say whether a pod serves and lives.
type Health struct {
	// Answers 200 while the pod can serve. Needed where the workload has ports.
	ReadinessPath string `json:"readinessPath,omitempty"`
	// Answers 200 while the process need not be restarted; omitted, no liveness
	// probe.
	LivenessPath string `json:"livenessPath,omitempty"`
	// The measured time from start to ready, in whole seconds; a startup probe is
	// made from it.
	Startup *metav1.Duration `json:"startup,omitempty"`
	// Run in the pod of a workload without ports: a program and its arguments, which
	// end with 0 while the process need not be restarted.
	Command []string `json:"command,omitempty"`
}

// Resources are a container's requests and limits, as Kubernetes writes them.
type Resources struct {
	// What a pod is sure to get.
	Requests Amounts `json:"requests,omitzero"`
	// What a pod may use at most.
	Limits Amounts `json:"limits,omitzero"`
}

// Amounts are quantities of processor time and memory.
type Amounts struct {
	// Cores: 2, or 250m for a quarter.
	CPU *resource.Quantity `json:"cpu,omitempty"`
	// Bytes: 512Mi.
	Memory *resource.Quantity `json:"memory,omitempty"`
}

// Mount is an existing ConfigMap or Secret, mounted read-only at a path or
// given as environment variables. Exactly one of configMap and secret, and
// exactly one of path and env must be said.
type Mount struct {
	// Name of a ConfigMap in the namespace.
	ConfigMap string `json:"configMap,omitempty"`
	// Name of a Secret in the namespace.
	Secret string `json:"secret,omitempty"`
	// The directory at which it is mounted.
	Path string `json:"path,omitempty"`
	// Give every key as an environment variable.
	Env bool `json:"env,omitempty"`
	// The keys that are files, and where; omitted, each key is a file of its name.
	Items []MountItem `json:"items,omitempty"`
	// Mode of the files without one of their own, in octal.
	Mode string `json:"mode,omitempty" jsonschema:"pattern=^0[0-7]{3}$,default=0644"`
}

// MountItem is one key of a ConfigMap or Secret as a file.
type MountItem struct {
	// The key.
	Key string `json:"key" jsonschema:"required"`
	// The file's path below that of the mount.
	Path string `json:"path" jsonschema:"required"`
	// Mode of the file, in octal.
	Mode string `json:"mode,omitempty" jsonschema:"pattern=^0[0-7]{3}$"`
}

// Storage is one volume for each pod of a StatefulSet.
type Storage struct {
	// Name of the volume claim.
	Name string `json:"name" jsonschema:"required"`
	// The directory at which it is mounted.
	Path string `json:"path" jsonschema:"required"`
	// How large it is: 10Gi.
	Size resource.Quantity `json:"size" jsonschema:"required"`
	// The storage class; omitted, the cluster's default.
	Class string `json:"class,omitempty"`
}
