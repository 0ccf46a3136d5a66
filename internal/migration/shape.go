package migration

import "strings"

// Security is how the pods of a workload are held. Without exceptions they run as
// no root, write nowhere but into volumes and have no capability.
type Security struct {
	User       int64       `json:"user,omitempty"`       // 0 is the image's
	Group      int64       `json:"group,omitempty"`      // 0 is the image's
	FilesGroup int64       `json:"filesGroup,omitempty"` // owns the volumes; 0 is chosen where there is storage
	Exceptions []Exception `json:"exceptions,omitempty"`
}

// Exception is one thing that the pods of a workload may do beyond the rule, and
// the fact for which they must.
type Exception struct {
	Allow   string `json:"allow"` // AllowRoot, AllowWrites or a capability without CAP_
	Because string `json:"because"`
}

// What an exception can allow besides a capability.
const (
	AllowRoot   = "root"          // the process runs as user 0
	AllowWrites = "writable-root" // the image's file system can be written
)

// Allows says whether an exception allows a thing, and why.
func (s Security) Allows(what string) (string, bool) {
	for _, e := range s.Exceptions {
		if e.Allow == what {
			return e.Because, true
		}
	}
	return "", false
}

// Capabilities are those that exceptions add, in their order.
func (s Security) Capabilities() []string {
	var out []string
	for _, e := range s.Exceptions {
		if e.Allow != AllowRoot && e.Allow != AllowWrites {
			out = append(out, e.Allow)
		}
	}
	return out
}

// Autoscale lets a HorizontalPodAutoscaler set the number of pods. A share is of
// what the pods request, in percent; 0 does not look at it.
type Autoscale struct {
	Min           int32 `json:"min"`
	Max           int32 `json:"max"`
	CPUPercent    int32 `json:"cpuPercent,omitempty"`
	MemoryPercent int32 `json:"memoryPercent,omitempty"`
}

// Fewest is how many pods the workload has at the least while it serves.
func (w Workload) Fewest() int32 {
	if w.Autoscale != nil {
		return w.Autoscale.Min
	}
	return w.Replicas
}

// Fits says whether so many pods are what the workload is declared with.
func (w Workload) Fits(replicas int32) bool {
	if a := w.Autoscale; a != nil {
		return a.Min <= replicas && replicas <= a.Max
	}
	return replicas == w.Replicas
}

// NetworkPolicy lets pods reach what is listed, names and each other, and nothing
// else.
type NetworkPolicy struct {
	To []NetworkPeer `json:"to,omitempty"`
	// From are the namespaces that may reach the pods' ports; none is everybody.
	From []string `json:"from,omitempty"`
}

// NetworkPeer is what pods may dial.
type NetworkPeer struct {
	CIDR     string `json:"cidr"`
	Port     int32  `json:"port"`
	Protocol string `json:"protocol,omitempty"` // TCP where empty
	What     string `json:"what,omitempty"`     // for people
}

// How a StatefulSet begins its pods and replaces them.
const (
	ManageOrdered  = "OrderedReady"
	ManageParallel = "Parallel"
	UpdateRolling  = "RollingUpdate"
	UpdateOnDelete = "OnDelete"
)

// MeshIstio is the mesh that pods can be made for.
const MeshIstio = "istio"

const defaultTimeZone = "Etc/UTC"

// Ingress is how the Ingress objects of a migration are made.
type Ingress struct {
	Class string `json:"class,omitempty"`
	// TLSSecret holds the certificate; empty is the workload's name with -tls.
	TLSSecret string `json:"tlsSecret,omitempty"`
	// Issuer is a ClusterIssuer of cert-manager that is asked for the certificate.
	Issuer string `json:"issuer,omitempty"`
}

// Gateway is the Gateway to which the routes of a migration attach. TLS ends at its
// listener.
type Gateway struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"` // empty is the route's own
	Listener  string `json:"listener,omitempty"`  // empty is every one that takes the route
}

// Jobs are the schedules that the cluster runs in the image of a workload: those
// that say when, or what. One that names no workload is the first's.
func (s Spec) Jobs(workload string) []Schedule {
	var out []Schedule
	for _, j := range s.Schedules {
		if j.Workload == "" && len(s.Workloads) > 0 {
			j.Workload = s.Workloads[0].Name
		}
		if j.Owner == OwnerCluster && j.Workload == workload && (j.When != "" || len(j.Command) > 0) {
			out = append(out, j)
		}
	}
	return out
}

// Zone is the time zone in which a schedule is meant.
func (s Schedule) Zone() string {
	if s.TimeZone == "" {
		return defaultTimeZone
	}
	return s.TimeZone
}

// HostNames are those under which a workload is asked for in an environment:
// in staging that of the rehearsal.
func (s Spec) HostNames(env Env, workload string) []string {
	names := s.Names
	if env == Staging {
		names = nil
		if s.Rehearsal != nil {
			names = []Name{*s.Rehearsal}
		}
	}
	var out []string
	seen := map[string]bool{}
	for _, n := range names {
		host := strings.TrimSuffix(n.Name, ".")
		if n.Workload == workload && !seen[host] {
			seen[host] = true
			out = append(out, host)
		}
	}
	return out
}
