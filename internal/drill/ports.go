package drill

import (
	"context"
	"errors"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// Bench is the staging environment of one migration. What it changes is there and
// nowhere else; of production it reads what is configured, to compare.
type Bench interface {
	Pods
	Agents
	Ways
	Copies
	Settings
	// Sweep removes what drills of this migration made, this one's and those of one
	// that was killed, and names what it was. It returns when that is gone.
	Sweep(ctx context.Context) ([]string, error)
}

// Pods are those of a workload.
type Pods interface {
	// Pods are those that the workload's selector selects, the oldest first.
	Pods(ctx context.Context, workload string) ([]Pod, error)
	// Look looks at one pod again. ErrGone: it is not there, or another one is.
	Look(ctx context.Context, p Pod) (Pod, error)
	// End deletes the pod and returns when it is gone, with how its process ended.
	End(ctx context.Context, p Pod) (Ending, error)
	// Log is what the application's container has written.
	Log(ctx context.Context, p Pod) ([]byte, error)
	// Usage is what the pod's node has measured last.
	Usage(ctx context.Context, p Pod) (Usage, error)
}

// Agents runs the agent's commands in a pod.
type Agents interface {
	// Enter gives a way to run a command of the agent's program in the pod: in its
	// network, and with the mounts of the application's container. The program is
	// that of the image, which ends by itself after life. A command that fails is an
	// error; what it has written is given all the same.
	Enter(ctx context.Context, p Pod, image string, life time.Duration) (run func(ctx context.Context, args ...string) ([]byte, error), err error)
}

// Ways lead to pods.
type Ways interface {
	// Forward leads to a port of one pod, until closed. It does not stand load.
	Forward(ctx context.Context, p Pod, port int32) (url string, closed func(), err error)
	// Address is where the workload's ready pods are reached as clients reach them,
	// through a Service; one that had to be made is removed by Sweep. ErrNoWay: the
	// cluster gives it no address, or none that can be reached from here.
	Address(ctx context.Context, workload string) (url string, err error)
}

// Copies are pods like the workload's, which no Service selects.
type Copies interface {
	// Copy makes one with other values of variables. Sweep removes it.
	Copy(ctx context.Context, workload string, env map[string]string) (Pod, error)
}

// Settings are what a workload is told.
type Settings interface {
	// Template is what the workload's pods are made from. Live is false where there
	// is no such workload yet, and it is what would be applied.
	Template(ctx context.Context, env migration.Env, workload string) (Template, error)
	// Data is every key of the ConfigMaps and Secrets that the workload mounts or
	// takes its variables from, in order. An object that is not there has none.
	Data(ctx context.Context, env migration.Env, workload string) ([]Datum, error)
}

// Errors of a Bench.
var (
	ErrGone  = errors.New("the pod is gone")
	ErrNoWay = errors.New("there is no way to the pods from here")
)

// Pod is one pod of a workload.
type Pod struct {
	Name, UID, Node, Container string // the container is the application's
	Ready                      bool   // and not being deleted
	Running                    bool   // the application's process
	Restarts                   int32
	ReadOnlyRoot               bool // of the application's container
	Mounts                     []Mount
	Trouble                    string // what keeps it from starting
}

// Mount is one volume of the application's container. Kind is config, claim,
// scratch or other.
type Mount struct {
	Path, Volume, Kind string
	ReadOnly           bool
}

// Kinds of mounts.
const (
	MountConfig  = "config"
	MountClaim   = "claim"
	MountScratch = "scratch"
)

// Ending is how the application's process ended.
type Ending struct {
	Seen   bool
	Code   int32
	Reason string
	Took   time.Duration // until the pod was gone
}

// Killed says that the process had to be killed (SIGKILL, signal(7): 128+9).
func (e Ending) Killed() bool { return e.Seen && e.Code == 137 }

// Usage is what the application's container had written, in bytes.
type Usage struct {
	At      time.Time // of the measurement
	Root    uint64    // in the layer above the image
	Log     uint64
	Volumes map[string]uint64 // by volume
}

// Template is what pods are made from.
type Template struct {
	Live      bool
	Image     string
	Env       map[string]tree.Content // by name
	Mounts    []string                // "/etc/app from ConfigMap app-config"
	Replicas  int32
	Resources string
}

// Datum is one key of a ConfigMap or Secret. Path is where it is mounted, empty
// where it is a variable.
type Datum struct {
	Object, Key, Path string // "Secret bank-config", "db.conf", "/etc/bank/db.conf"
	Content           tree.Content
}

// Machines reads trees of the machines, in memory.
type Machines interface {
	Tree(ctx context.Context, vm migration.VM, ssh migration.SSH, dir string) (tree.Tree, error)
}

// Smoker runs the smoke suite against a base URL.
type Smoker interface {
	Smoke(ctx context.Context, s migration.Smoke, via, baseURL, host string) (migration.SmokeResult, error)
}
