// Package memory is a model of a Kubernetes cluster: workloads that roll out,
// pods that start, crash and end, Services that get an address, other managers
// that interfere, and calls that fail in every way a real call can.
//
// It is a function of the clock that it is given and of the calls made, and of
// nothing else: the same calls at the same times give the same cluster. It
// passes the suite that the real cluster passes (clustertest). What its pods
// answer is not its business: Backends and Pod tell who would answer.
package memory

import (
	"fmt"
	"sync"
	"time"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Scheme is that of the URLs which Forward gives: memory://NAMESPACE/POD. Pod
// reads them.
const Scheme = "memory"

// Release is how the pods of one image behave.
type Release struct {
	Boot       time.Duration // from a pod's creation until it is ready
	NeverReady bool          // it starts and never serves
	CrashEvery time.Duration // 0: never; counted from when it is ready
}

// Options are the world around the cluster; the zero value is a quick and
// healthy one.
type Options struct {
	// Release says how an image behaves; nil: ready at once, and for ever.
	Release func(image string) Release
	// Address gives the address of a LoadBalancer Service; nil counts through
	// 198.51.100.0/24 (RFC 5737).
	Address func(namespace, workload string) string
	// AddressAfter is how long the load balancer takes to get its address.
	AddressAfter time.Duration
	// Terminate is how long a pod goes on after it was asked to end.
	Terminate time.Duration
	// Log is what a pod has written; nil is one line with its name and image.
	Log func(Backend) []byte
	// Fault is asked at every call; nil never fails one.
	Fault func(Call) Fault
}

// Cluster is the model. All its methods are safe for concurrent use.
type Cluster struct {
	now  func() time.Time
	opts Options

	mu         sync.Mutex
	fault      func(Call) Fault
	namespaces map[string]*namespace
	addresses  int
}

// New makes an empty cluster that lives by now.
func New(now func() time.Time, opts Options) *Cluster {
	c := &Cluster{now: now, opts: opts, fault: opts.Fault, namespaces: map[string]*namespace{}}
	if c.fault == nil {
		c.SetFault(nil)
	}
	if c.opts.Release == nil {
		c.opts.Release = func(string) Release { return Release{} }
	}
	if c.opts.Address == nil {
		c.opts.Address = c.nextAddress
	}
	if c.opts.Log == nil {
		c.opts.Log = func(b Backend) []byte { return fmt.Appendf(nil, "%s runs %s\n", b.Pod, b.Image) }
	}
	return c
}

func (c *Cluster) nextAddress(string, string) string {
	c.addresses++
	return fmt.Sprintf("198.51.100.%d", c.addresses)
}

type namespace struct {
	name      string
	workloads map[string]*workload
	exposures map[string]*exposure
	returns   map[string]*workload // the forwarders of each workload
	config    map[string]bool      // "Kind/name"
	beside    map[manifest.Companion]*companion
	routes    []migration.RouteFacts
	quotas    []migration.QuotaFacts
}

// owner is who made an object: a migration, or somebody else.
type owner struct {
	migration string
	manager   string // not empty: somebody else
}

func (o owner) ours(spec migration.Spec) bool { return o.manager == "" && o.migration == spec.Name }

type workload struct {
	owner      owner
	kind       migration.Kind
	spec       migration.Workload
	template   string // what the pods are made from
	digest     string
	generation int64
	desired    int32
	desiredBy  string // the manager that set desired last
	pods       []*pod
	serial     int
}

type exposure struct {
	owner      owner
	digest     string
	generation int64
	kind       string // Service or Ingress
	ports      []migration.Port
	at         int32 // the port that clients come to
	address    string
	applied    time.Time
	leads      migration.Side // "" is somebody else's selector
	local      bool
}

func (c *Cluster) namespace(name string) *namespace {
	n := c.namespaces[name]
	if n == nil {
		n = &namespace{
			name: name, workloads: map[string]*workload{}, exposures: map[string]*exposure{}, returns: map[string]*workload{}, config: map[string]bool{}, beside: map[manifest.Companion]*companion{},
		}
		c.namespaces[name] = n
	}
	return n
}
