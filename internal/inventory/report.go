package inventory

import (
	"encoding/json"
	"fmt"
	"time"
)

// Format is the version of the facts' JSON form. A reader refuses another one.
const Format = "rehome.dev/facts/v1"

// Report is a facts file: the same application on each of its machines.
type Report struct {
	Format   string  `json:"format"`
	Machines []Facts `json:"machines"`
}

// Facts is what was seen of one application on one machine, between Began and
// Ended. An empty list means that there was nothing only where Saw says so.
type Facts struct {
	Target   Target    `json:"target"`
	Taken    Taken     `json:"taken"`
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Coverage Coverage  `json:"coverage"`
	// Looked are the subjects that were looked at; Gaps say what of them, or of
	// anything else, could not be seen.
	Looked []Subject `json:"looked"`
	Gaps   []Gap     `json:"gaps,omitempty"`

	Host        Host       `json:"host"`
	Unit        *Unit      `json:"unit,omitempty"`
	Processes   []Process  `json:"processes,omitempty"`
	Programs    []Program  `json:"programs,omitempty"`
	Environment []Variable `json:"environment,omitempty"`

	Files     []File        `json:"files,omitempty"`
	Groups    []FileGroup   `json:"groups,omitempty"`
	Logs      []LogSink     `json:"logs,omitempty"`
	Trees     []Tree        `json:"trees,omitempty"`
	Secrets   []SecretPlace `json:"secrets,omitempty"`
	Addresses []Literal     `json:"addresses,omitempty"`

	Listeners []Listener     `json:"listeners,omitempty"`
	Peers     []Peer         `json:"peers,omitempty"`
	Stores    []Store        `json:"stores,omitempty"`
	Sockets   []UnixSocket   `json:"sockets,omitempty"`
	Shared    []SharedMemory `json:"shared,omitempty"`

	Mounts    []Mount    `json:"mounts,omitempty"`
	Schedules []Schedule `json:"schedules,omitempty"`
	Proxies   []Proxy    `json:"proxies,omitempty"`
	Traffic   []Traffic  `json:"traffic,omitempty"`

	Health []HealthAnswer `json:"health,omitempty"`
	Usage  Usage          `json:"usage"`
	Load   *Load          `json:"load,omitempty"`
	Drills []Drill        `json:"drills,omitempty"`
}

// Target is what was asked for: one of Unit, PID and Port, on a machine. Host
// is as the person named it; empty is the machine itself.
type Target struct {
	Host string `json:"host,omitempty"`
	Unit string `json:"unit,omitempty"`
	PID  int    `json:"pid,omitempty"`
	Port int    `json:"port,omitempty"`
}

// String names the target for people.
func (t Target) String() string {
	what := t.Unit
	switch {
	case t.Unit == "" && t.PID > 0:
		what = fmt.Sprintf("process %d", t.PID)
	case t.Unit == "":
		what = fmt.Sprintf("port %d", t.Port)
	}
	if t.Host == "" {
		return what
	}
	return what + " on " + t.Host
}

// Taken says by which program the facts were taken, and with which rights.
type Taken struct {
	Version string `json:"version"`
	User    string `json:"user"`
	Root    bool   `json:"root"`
	// Command shows the same facts again.
	Command string `json:"command,omitempty"`
}

// Coverage says how much of the time was looked at.
type Coverage struct {
	Samples int           `json:"samples"`
	Planned int           `json:"planned"`
	Every   time.Duration `json:"everyNanos"`
}

// String is the coverage for people: "41 of 60 samples".
func (c Coverage) String() string { return fmt.Sprintf("%d of %d samples", c.Samples, c.Planned) }

// Subject is one kind of facts: each is either seen whole, or unknown.
type Subject string

// The subjects. Machine is everything: a gap in it leaves nothing known.
const (
	SubjectMachine     Subject = "machine"
	SubjectUnit        Subject = "unit"
	SubjectProcesses   Subject = "processes"
	SubjectPrograms    Subject = "programs"
	SubjectEnvironment Subject = "environment"
	SubjectFiles       Subject = "files"
	SubjectLogs        Subject = "logs"
	SubjectTrees       Subject = "trees"
	SubjectSecrets     Subject = "secrets"
	SubjectAddresses   Subject = "addresses"
	SubjectListeners   Subject = "listeners"
	SubjectPeers       Subject = "peers"
	SubjectSockets     Subject = "sockets"
	SubjectShared      Subject = "shared memory"
	SubjectMounts      Subject = "mounts"
	SubjectSchedules   Subject = "schedules"
	SubjectProxies     Subject = "proxies"
	SubjectTraffic     Subject = "traffic"
	SubjectHealth      Subject = "health"
	SubjectUsage       Subject = "usage"
	SubjectKernel      Subject = "kernel"
	SubjectInterfaces  Subject = "interfaces"
)

// Gap is something that could not be seen, and why: what it hides is unknown,
// it never passes.
type Gap struct {
	Subject Subject `json:"subject"`
	What    string  `json:"what,omitempty"`
	Why     string  `json:"why"`
	// Samples counts how often it was so.
	Samples int `json:"samples,omitempty"`
}

// String is the gap for people.
func (g Gap) String() string {
	if g.What == "" {
		return g.Why
	}
	return g.What + ": " + g.Why
}

// Saw says whether every one of the subjects was seen whole, and if not, why.
func (f Facts) Saw(subjects ...Subject) (bool, string) {
	for _, s := range subjects {
		looked := false
		for _, l := range f.Looked {
			looked = looked || l == s
		}
		for _, g := range f.Gaps {
			if g.Subject == s || g.Subject == SubjectMachine {
				return false, g.String()
			}
		}
		if !looked {
			return false, "nobody looked at the " + string(s)
		}
	}
	return true, ""
}

// Unreachable are the facts of a machine of which there are none.
func Unreachable(t Target, at time.Time, why string) Facts {
	return Facts{Target: t, Began: at, Ended: at, Gaps: []Gap{{Subject: SubjectMachine, Why: why}}}
}

// Decode reads a facts file. Its error says what is wrong with it; unknown
// fields are refused, since a judge that skipped a fact would judge without it.
func Decode(data []byte) (Report, error) {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Report{}, fmt.Errorf("is not a facts file: %w", err)
	}
	if head.Format != Format {
		return Report{}, fmt.Errorf("has the format %q, this program reads %q", head.Format, Format)
	}
	var r Report
	if err := decodeStrictly(data, &r); err != nil {
		return Report{}, fmt.Errorf("is damaged: %w", err)
	}
	if len(r.Machines) == 0 {
		return Report{}, fmt.Errorf("holds the facts of no machine")
	}
	return r, nil
}

// Encode writes a facts file, as Decode reads it.
func Encode(r Report) ([]byte, error) {
	r.Format = Format
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write facts: %w", err)
	}
	return append(data, '\n'), nil
}
