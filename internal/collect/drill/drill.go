// Package drill makes the experiments that a person has allowed, on a second
// instance of the application: started from the same command, in a network of its
// own where its ports are free and nothing that it depends on can be reached, and
// on layers over the file systems, so that what it writes is thrown away with it.
//
// Nothing of the running application is signalled, stopped, attached to or
// written. What a drill could not do proves nothing, and says so. The package
// keeps no value of an environment variable or argument: the second instance
// takes them from where the first has them.
package drill

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// The hidden commands of the agent, see Main.
const (
	startCommand = "drill-start"
	askCommand   = "drill-load"
)

// defaultFor bounds a drill where the request does not.
const defaultFor = 30 * time.Second

// defaultStop is how long a pod may take to end where nobody says otherwise:
// terminationGracePeriodSeconds of Kubernetes.
const defaultStop = 30 * time.Second

// mostPaths bounds the paths that are tried.
const mostPaths = 8

// pathsToTry are paths of the application that the load may ask for, the best first:
// those that are declared and answered 200, the root, others that answered 200, and
// then whatever was no failure.
func pathsToTry(f *inventory.Facts, declared []string) []string {
	var paths []string
	add := func(path string) {
		if !slices.Contains(paths, path) && len(paths) < mostPaths {
			paths = append(paths, path)
		}
	}
	for _, h := range f.Health {
		if h.Status == 200 && slices.Contains(declared, h.Path) {
			add(h.Path)
		}
	}
	add("/")
	for _, h := range f.Health {
		if h.Status == 200 {
			add(h.Path)
		}
	}
	for _, h := range f.Health {
		if h.Status > 0 && h.Status < 500 {
			add(h.Path)
		}
	}
	return paths
}

// tcpPorts are those on which the application was seen to listen.
func tcpPorts(f *inventory.Facts) []int {
	var ports []int
	seen := map[int]bool{}
	for _, l := range f.Listeners {
		if (l.Protocol == "tcp" || l.Protocol == "tcp6") && !seen[l.Port] {
			ports, seen[l.Port] = append(ports, l.Port), true
		}
	}
	return ports
}

// dependencies names what a network of its own takes away from the application.
// Name servers are not among them: whatever has a name depends on those.
func dependencies(f *inventory.Facts) []string {
	var out []string
	for _, s := range f.Stores {
		if !onSocket(s.Where) {
			out = append(out, s.Kind)
		}
	}
	for _, p := range f.Peers {
		if p.Direction == inventory.Dialled && p.Port != 53 {
			out = append(out, fmt.Sprintf("%s:%d", p.Address, p.Port))
		}
	}
	return out
}

// onSocket says whether a store is reached through the file system, which a
// network of its own does not take away.
func onSocket(where string) bool {
	return where != "" && (where[0] == '/' || where[0] == '@') || len(where) > 5 && where[:5] == "unix:"
}

// judgeHealth compares the answers with and without what the application depends
// on. One path that tells the difference is enough: a liveness path should not.
func judgeHealth(d *inventory.Drill, needs []string) {
	told, same := "", ""
	for _, b := range d.Before {
		for _, a := range d.After {
			switch {
			case a.Path != b.Path || b.Status != 200:
			case a.Status == 200:
				same = b.Path
			case a.Status > 0:
				told = fmt.Sprintf("%s answers %d without what it depends on", b.Path, a.Status)
			}
		}
	}
	switch {
	case told != "":
		d.Passed, d.Detail = true, told
	case same != "":
		d.Detail = fmt.Sprintf("%s answers 200 although nothing can be reached, %s among it", same, needs[0])
	default:
		d.Err = "no path that answers 200 on the running application gave the second instance's answer"
	}
}

// judgeSignal says what came of the signal. Ended is false where the process was
// still there when its time was up.
func judgeSignal(d *inventory.Drill, r answers, ended bool, within time.Duration) {
	d.InFlight, d.Answered = r.InFlight, r.Answered
	switch {
	case r.InFlight == 0:
		d.Err = "no request could be caught in flight: the application answers too quickly for the drill"
	case r.Answered < r.InFlight && !ended:
		d.Detail = fmt.Sprintf("%d of %d requests in flight were not answered, and it did not end within %s", r.InFlight-r.Answered, r.InFlight, within)
	case r.Answered < r.InFlight:
		d.Detail = fmt.Sprintf("%d of %d requests in flight were not answered", r.InFlight-r.Answered, r.InFlight)
	case !ended:
		d.Detail = fmt.Sprintf("all %d requests in flight were answered, but it did not end within %s", r.InFlight, within)
	default:
		d.Passed = true
		d.Detail = fmt.Sprintf("all %d requests in flight were answered, and it ended in %s", r.InFlight, d.EndedIn.Round(time.Millisecond))
	}
}

// order is what the agent tells the process that asks inside the network.
type order struct {
	Ports []int    `json:"ports"`
	Paths []string `json:"paths"`
	// Signal, where it is not 0, goes to PIDs as soon as requests are in flight.
	Signal int   `json:"signal,omitempty"`
	PIDs   []int `json:"pids,omitempty"`
	// Patience is for how long an answer is waited for.
	Patience time.Duration `json:"patience"`
}

// answers is what that process says.
type answers struct {
	Err      string                   `json:"err,omitempty"`
	Health   []inventory.HealthAnswer `json:"health,omitempty"`
	Path     string                   `json:"path,omitempty"`
	Port     int                      `json:"port,omitempty"`
	Clients  int                      `json:"clients,omitempty"` // that asked at once
	InFlight int                      `json:"inFlight,omitempty"`
	Answered int                      `json:"answered,omitempty"`
	Signal   time.Time                `json:"signal,omitzero"`
}

var errNotHTTP = errors.New("speaks no HTTP")
