package migration

import (
	"fmt"
	"time"
)

// RunDrill makes one staging drill on one workload. It disturbs the staging
// environment and nothing else; what it took away it gives back before it ends.
type RunDrill struct {
	Env      Env          `json:"env"`
	Drill    StagingDrill `json:"drill"`
	Workload string       `json:"workload"`
	// Settings is Spec.DrillSettings of the drill: what it is made with, so that a
	// result that was made otherwise counts no more.
	Settings string `json:"settings,omitempty"`
}

// Target names the environment: two drills at once would disturb each other.
func (a RunDrill) Target() Target { return Target(fmt.Sprintf("drill/%s", a.Env)) }

func (RunDrill) kind() string { return "run-drill" }

// DrillResult is what one drill showed. An experiment that could not be made, or
// that its own conditions made worthless (a rate that was not reached), is Unknown.
type DrillResult struct {
	Drill    StagingDrill `json:"drill"`
	Workload string       `json:"workload"`
	Verdict  Verdict      `json:"verdict"` // Pass, Fail or Unknown
	Text     string       `json:"text"`    // one sentence: what was done and what was seen
	// Evidence are single observations, the telling ones first: a path and two
	// hashes, a pod and a count, a peer. Never what a file holds, nor a cookie.
	Evidence []string      `json:"evidence,omitempty"`
	Remedy   string        `json:"remedy,omitempty"` // what mends it, where it did not pass
	Began    time.Time     `json:"began"`
	Took     time.Duration `json:"took"`
	// Digest is the workload's in this environment (Spec.WorkloadDigest): a result
	// speaks of that and of nothing else.
	Digest string `json:"digest"`
}

// IsolationFacts are what the pods of the staging environment would reach, taken
// without starting a drill: from their configuration and from the connections that
// they hold.
type IsolationFacts struct {
	// Peers are all that is named or connected, each once, sorted by address.
	Peers []StagingPeer `json:"peers,omitempty"`
	// Differences are what staging has otherwise than production (environment
	// variables, mounts and their objects' names, replicas), as a person reads it.
	Differences []string `json:"differences,omitempty"`
}

// StagingPeer is a store, queue, mail or other service that a staging pod names or
// talks to.
type StagingPeer struct {
	Address string `json:"address"`        // host:port, a name where one is written
	Kind    string `json:"kind,omitempty"` // database, queue, cache, mail, http, other
	// Seen is where: "DB_URL of Secret bank-config", "connection of pod bank-0".
	// Never a value beyond the address.
	Seen []string `json:"seen"`
	// Production says that the machines were seen to talk to it too.
	Production bool `json:"production"`
}

// Drills is what a migration says about its drills.
type Drills struct {
	// SafePeers may be reached from staging although the machines use them too:
	// host or host:port, each with the reason.
	SafePeers []SafePeer `json:"safePeers,omitempty"`
	// Approved are the differences between staging and production that were read
	// and found right, as IsolationFacts gives them.
	Approved []string `json:"approved,omitempty"`
	// Rate and For are the load of the drain drill: requests a second, and for how
	// long; 0 is the default of 50 for 30 s.
	Rate int           `json:"rate,omitempty"`
	For  time.Duration `json:"for,omitempty"`
	// Path is what the load asks for; empty is the readiness path.
	Path string `json:"path,omitempty"`
	// Truth is what is taken away to see the health endpoint turn: variables that a
	// copy of the pod gets instead, so that a dependency cannot be reached.
	Truth map[string]string `json:"truth,omitempty"`
	// Session says how a session is obtained and replayed; nil where the
	// application has none.
	Session *SessionDrill `json:"session,omitempty"`
	// Skip are drills that do not apply, by name, each with the reason; a drill that
	// a fix names cannot be skipped.
	Skip map[StagingDrill]string `json:"skip,omitempty"`
}

// StagingDrills are all drills, in the order in which step stage makes them: first
// what disturbs nothing, and last what is looked for in pods that have worked.
func StagingDrills() []StagingDrill {
	return []StagingDrill{DrillRoundTrip, DrillDial, DrillTruth, DrillSession, DrillReplace, DrillDrain, DrillLogs, DrillReadOnly}
}

// DrillSettings identifies what the migration says about one drill: "" where it
// says nothing.
func (s Spec) DrillSettings(drill StagingDrill) string {
	d := s.Drills
	switch {
	case drill == DrillRoundTrip && len(d.Approved) > 0:
		return DigestOf(d.Approved)[:16] // a difference that was approved is none
	case drill == DrillDrain && (d.Rate != 0 || d.For != 0 || d.Path != ""):
		return DigestOf([]any{d.Rate, d.For, d.Path})[:16]
	case drill == DrillTruth && len(d.Truth) > 0:
		return DigestOf(d.Truth)[:16]
	case drill == DrillSession && d.Session != nil:
		return DigestOf(d.Session)[:16]
	}
	return ""
}

// Skipped says whether a drill is left out by the file, and why. One that a fix
// names is never left out: it is what proves the fix.
func (s Spec) Skipped(drill StagingDrill) (string, bool) {
	for _, f := range s.Fixes {
		if f.Drill == drill {
			return "", false
		}
	}
	why, skipped := s.Drills.Skip[drill]
	return why, skipped
}

// SafePeer is a peer that staging may reach.
type SafePeer struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

// SessionDrill asks Begin for a cookie and Check with it. Check must answer Status
// with the session and something else without it.
type SessionDrill struct {
	Begin  string `json:"begin"` // path
	Method string `json:"method,omitempty"`
	Check  string `json:"check"` // path
	Status int    `json:"status"`
	// Old asks the old side for the cookie too, and replays it on a pod.
	Old bool `json:"old,omitempty"`
}
